//! The embeddings that an import is going to use, in a temporary file, and which image each is of.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use eidetic_domain::{Embedding, ImageId};

/// An image whose embedding is in the file.
#[derive(Debug)]
pub(super) struct StagedImage {
    /// What the file or the catalog says that it is; `None` for a file of which only the path is known.
    pub(super) image: Option<ImageId>,
    /// Its file, if it is to be indexed; `None` where the library has the image.
    pub(super) path: Option<Arc<Path>>,
    is_used: AtomicBool,
}

impl StagedImage {
    /// Whether its embedding was taken.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.load(Relaxed)
    }
}

/// Embeddings by image and by path. They are on disk; in memory is what names them.
pub(super) struct Staging {
    dimension: usize,
    spool: Spool,
    images: Vec<StagedImage>,
    by_image: HashMap<ImageId, u32>,
    by_path: HashMap<Arc<Path>, u32>,
}

enum Spool {
    Writing(BufWriter<File>),
    Reading(Mutex<File>),
}

impl Staging {
    /// An empty one, with a file in `folder` that nobody else sees and that ends with the process.
    pub(super) fn new(folder: &Path, dimension: usize) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self {
            dimension,
            spool: Spool::Writing(BufWriter::with_capacity(1 << 20, file)),
            images: Vec::new(),
            by_image: HashMap::new(),
            by_path: HashMap::new(),
        })
    }

    /// Adds an embedding. Returns whether it is the first one of this image and of this path.
    pub(super) fn add(
        &mut self,
        image: Option<ImageId>,
        path: Option<PathBuf>,
        embedding: &Embedding,
    ) -> io::Result<bool> {
        let path: Option<Arc<Path>> = path.map(Arc::from);
        let is_known = image.is_some_and(|image| self.by_image.contains_key(&image))
            || (image.is_none() && path.as_ref().is_some_and(|path| self.by_path.contains_key(path)));
        let Spool::Writing(out) = &mut self.spool else {
            return Ok(false);
        };
        if is_known {
            return Ok(false);
        }
        let number = u32::try_from(self.images.len()).map_err(io::Error::other)?;
        for component in embedding.as_slice() {
            out.write_all(&component.to_le_bytes())?;
        }
        if let Some(image) = image {
            self.by_image.insert(image, number);
        } else if let Some(path) = &path {
            self.by_path.insert(Arc::clone(path), number);
        }
        self.images.push(StagedImage {
            image,
            path,
            is_used: AtomicBool::new(false),
        });
        Ok(true)
    }

    /// Ends adding; embeddings can be asked for from now on.
    pub(super) fn finish(self) -> io::Result<Self> {
        let spool = match self.spool {
            Spool::Writing(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?.into(),
            reading @ Spool::Reading(_) => reading,
        };
        Ok(Self { spool, ..self })
    }

    /// All images, in order of the file.
    pub(super) fn images(&self) -> &[StagedImage] {
        &self.images
    }

    /// Whether an image is among them that the library has.
    pub(super) fn has_known(&self, image: &ImageId) -> bool {
        let number = self.by_image.get(image);
        number.is_some_and(|number| self.images[*number as usize].path.is_none())
    }

    /// The embedding of an image that is at a path, by its content where the file says what it is.
    pub(super) fn take(&self, image: &ImageId, path: &Path) -> Option<Embedding> {
        let number = self.by_image.get(image).or_else(|| self.by_path.get(path));
        let number = *number? as usize;
        let embedding = self.read(number)?;
        self.images[number].is_used.store(true, Relaxed);
        Some(embedding)
    }

    /// The embedding of the image with this number.
    pub(super) fn read(&self, number: usize) -> Option<Embedding> {
        let Spool::Reading(file) = &self.spool else {
            return None;
        };
        let mut bytes = vec![0; 4 * self.dimension];
        {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let start = number as u64 * bytes.len() as u64;
            file.seek(SeekFrom::Start(start)).ok()?;
            file.read_exact(&mut bytes).ok()?;
        }
        let components = bytes.as_chunks().0.iter();
        Embedding::normalize(components.map(|bytes| f32::from_le_bytes(*bytes)).collect()).ok()
    }
}

impl From<File> for Spool {
    fn from(file: File) -> Self {
        Self::Reading(Mutex::new(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_embedding_of_image_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut staging = Staging::new(folder.path(), 2).unwrap();
        let embedding = |x: f32, y: f32| Embedding::normalize(vec![x, y]).unwrap();
        let (red, green) = (ImageId::of(b"red"), ImageId::of(b"green"));
        let (x, y) = (embedding(1.0, 0.0), embedding(0.0, 1.0));
        assert!(staging.add(Some(red), None, &x).unwrap());
        assert!(!staging.add(Some(red), Some("/r.jpg".into()), &y).unwrap());
        assert!(staging.add(None, Some("/g.jpg".into()), &y).unwrap());
        assert!(!staging.add(None, Some("/g.jpg".into()), &x).unwrap());
        let staging = staging.finish().unwrap();
        assert_eq!(staging.take(&green, Path::new("/g.jpg")), Some(y));
        assert_eq!(staging.take(&red, Path::new("/other.jpg")), Some(x));
        assert_eq!(staging.take(&green, Path::new("/h.jpg")), None);
        assert!(staging.has_known(&red) && !staging.has_known(&green));
        assert!(staging.images().iter().all(StagedImage::is_used));
    }
}
