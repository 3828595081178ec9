//! Thumbnails on disk.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use eidetic_domain::ImageId;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use tempfile::NamedTempFile;

use super::thumbnail;

const MAGIC: [u8; 4] = *b"EThu";
const VERSION: u8 = 1;
/// Age at which a temporary file belongs to a writer that was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);
const HEADER: usize = MAGIC.len() + 1 + 4;

/// Thumbnails on disk, one file per image: `ab/ab….thumb`.
///
/// Derived data: nothing is synced, and a file that is missing, truncated, altered or of another version
/// reads as none, so that the caller makes it again. A file consists of magic bytes, the version, the
/// CRC-32 of the rest, and a JPEG. It is renamed into its place, so that several threads and processes may
/// share the directory.
#[derive(Debug, Clone)]
pub struct ThumbnailStore {
    directory: PathBuf,
}

impl ThumbnailStore {
    /// Longer side of a stored thumbnail in pixels.
    pub const LONG_SIDE: u32 = 384;

    /// JPEG quality of a stored thumbnail.
    pub const QUALITY: u8 = 80;

    /// Opens the store in `directory`. Writes nothing: the first thumbnail creates the folder.
    pub fn open(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Shrinks `image`, which may have any size, and stores it as the thumbnail of `id`.
    pub fn put(&self, id: &ImageId, image: &RgbImage) -> io::Result<()> {
        let jpeg = Self::encode(image)?;
        let path = self.path(id);
        let folder = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&header(&jpeg))?;
        file.write_all(&jpeg)?;
        file.persist(path)?;
        Ok(())
    }

    /// The thumbnail of `image` as JPEG, without storing it.
    pub fn encode(image: &RgbImage) -> io::Result<Vec<u8>> {
        encode(&thumbnail(image, Self::LONG_SIDE))
    }

    /// The thumbnail of `id` as JPEG, or none if it has to be made again.
    pub fn get(&self, id: &ImageId) -> io::Result<Option<Vec<u8>>> {
        let content = match fs::read(self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        Ok(content
            .split_at_checked(HEADER)
            .filter(|(start, jpeg)| *start == header(jpeg))
            .map(|(_, jpeg)| jpeg.to_vec()))
    }

    /// Whether there is a file for the thumbnail of `id` that cannot be used.
    pub fn is_damaged(&self, id: &ImageId) -> io::Result<bool> {
        Ok(self.path(id).exists() && self.get(id)?.is_none())
    }

    /// Deletes the thumbnail of `id`, if there is one.
    pub fn remove(&self, id: &ImageId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Deletes the thumbnails of images that `keep` rejects, and what writers that were killed long ago left. Returns
    /// the number of deleted thumbnails. Lists the directory.
    pub fn retain(&self, keep: &mut dyn FnMut(&ImageId) -> bool) -> io::Result<u64> {
        let mut deleted = 0;
        for folder in fs::read_dir(&self.directory)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let name = file.file_name();
                let image = name.to_str().and_then(|name| name.strip_suffix(".thumb"));
                match image.and_then(|image| image.parse().ok()) {
                    Some(image) if keep(&image) => {}
                    Some(_) => {
                        fs::remove_file(file.path())?;
                        deleted += 1;
                    }
                    None if is_abandoned(&file) => fs::remove_file(file.path())?,
                    None => {}
                }
            }
        }
        Ok(deleted)
    }

    /// Bytes that all thumbnails take on disk. Lists the directory: meant for status reports.
    pub fn total_bytes(&self) -> io::Result<u64> {
        let mut total = 0;
        let folders = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            folders => folders?,
        };
        for folder in folders {
            let folder = folder?;
            if folder.file_type()?.is_dir() {
                total += bytes_in(&folder.path())?;
            }
        }
        Ok(total)
    }

    fn path(&self, id: &ImageId) -> PathBuf {
        let name = id.to_string();
        self.directory.join(&name[..2]).join(format!("{name}.thumb"))
    }
}

/// Whether a temporary file is so old that no writer can still have it open.
fn is_abandoned(file: &fs::DirEntry) -> bool {
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let age = modified.map(|time| time.elapsed().unwrap_or_default());
    file.file_name().as_encoded_bytes().starts_with(b".tmp") && age.is_ok_and(|age| age > ABANDONED_AFTER)
}

/// A file that another thread removes meanwhile is not counted.
fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for file in fs::read_dir(folder)? {
        match file?.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            metadata => total += metadata?.len(),
        }
    }
    Ok(total)
}

fn header(jpeg: &[u8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = VERSION;
    header[5..].copy_from_slice(&crc32fast::hash(jpeg).to_le_bytes());
    header
}

fn encode(image: &RgbImage) -> io::Result<Vec<u8>> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, ThumbnailStore::QUALITY)
        .encode(image, image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn store() -> (tempfile::TempDir, ThumbnailStore, ImageId) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = ThumbnailStore::open(folder.path().join("thumbnails"));
        (folder, store, ImageId::of(b"picture"))
    }

    #[test]
    fn thumbnails_without_image_are_deleted() {
        let (_folder, store, id) = store();
        let other = ImageId::of(b"another");
        for id in [&id, &other] {
            store
                .put(id, &RgbImage::from_pixel(8, 8, Rgb([9, 200, 40])))
                .unwrap();
        }
        assert_eq!(store.retain(&mut |image| *image == id).unwrap(), 1);
        assert!(store.get(&id).unwrap().is_some());
        assert_eq!(store.get(&other).unwrap(), None);
    }

    #[test]
    fn stored_thumbnail_reads_back_as_small_jpeg() {
        let (_folder, store, id) = store();
        assert_eq!(store.get(&id).unwrap(), None);
        store
            .put(&id, &RgbImage::from_pixel(800, 400, Rgb([9, 200, 40])))
            .unwrap();
        let jpeg = store.get(&id).unwrap().unwrap();
        let image = crate::decode(&jpeg, &crate::DecodeLimits::default())
            .unwrap()
            .image;
        assert_eq!(image.dimensions(), (384, 192));
        assert_eq!(store.total_bytes().unwrap(), (jpeg.len() + HEADER) as u64);
        store.remove(&id).unwrap();
        store.remove(&id).unwrap();
        assert_eq!(store.get(&id).unwrap(), None);
        assert_eq!(store.total_bytes().unwrap(), 0);
    }

    #[test]
    fn altered_or_truncated_file_reads_as_none() {
        let (_folder, store, id) = store();
        store
            .put(&id, &RgbImage::from_pixel(20, 10, Rgb([9, 200, 40])))
            .unwrap();
        let intact = fs::read(store.path(&id)).unwrap();
        for place in 0..intact.len() {
            let mut altered = intact.clone();
            altered[place] ^= 0x10;
            fs::write(store.path(&id), &altered).unwrap();
            assert_eq!(store.get(&id).unwrap(), None, "byte {place} altered");
            fs::write(store.path(&id), &intact[..place]).unwrap();
            assert_eq!(store.get(&id).unwrap(), None, "cut to {place}");
        }
        store
            .put(&id, &RgbImage::from_pixel(20, 10, Rgb([9, 200, 40])))
            .unwrap();
        assert!(store.get(&id).unwrap().is_some());
    }

    #[test]
    fn image_without_pixels_is_error() {
        let (_folder, store, id) = store();
        assert!(store.put(&id, &RgbImage::new(0, 0)).is_err());
        assert_eq!(store.total_bytes().unwrap(), 0);
    }
}
