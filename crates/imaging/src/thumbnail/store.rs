use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use eidetic_domain::ImageId;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use tempfile::NamedTempFile;

use super::thumbnail;

const MAGIC: [u8; 4] = *b"EThu";
const VERSION: u8 = 1;
const HEADER: usize = MAGIC.len() + 1 + 4;

/// Thumbnails on disk, one file an image: `ab/ab….thumb`.
///
/// Derived data: nothing is synced, and a file that is missing, cut short, altered or of another version reads as none,
/// for the caller to make it anew. A file holds a magic, the version, the CRC-32 of the rest, and a JPEG. It appears
/// whole or not at all, so that several threads and a reading process may share the directory.
#[derive(Debug, Clone)]
pub struct ThumbnailStore {
    directory: PathBuf,
}

impl ThumbnailStore {
    /// Longer side of a kept thumbnail in pixels.
    pub const LONG_SIDE: u32 = 384;

    /// JPEG quality of a kept thumbnail.
    pub const QUALITY: u8 = 80;

    /// The store in `directory`, which is made if need be.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// Shrinks `image`, which may have any size, and keeps it as the thumbnail of `id`.
    pub fn put(&self, id: &ImageId, image: &RgbImage) -> io::Result<()> {
        let jpeg = encode(&thumbnail(image, Self::LONG_SIDE))?;
        let path = self.path(id);
        let folder = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&header(&jpeg))?;
        file.write_all(&jpeg)?;
        file.persist(path)?;
        Ok(())
    }

    /// The thumbnail of `id` as JPEG, or none if it has to be made anew.
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

    /// Forgets the thumbnail of `id`, if there is one.
    pub fn remove(&self, id: &ImageId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Bytes that all thumbnails take on disk. Lists the directory: meant for a status report.
    pub fn total_bytes(&self) -> io::Result<u64> {
        let mut total = 0;
        for folder in fs::read_dir(&self.directory)? {
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

/// A file that another thread replaces meanwhile counts as nothing.
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
        let store = ThumbnailStore::open(folder.path().join("thumbnails")).expect("an empty store");
        (folder, store, ImageId::of(b"picture"))
    }

    #[test]
    fn what_is_put_reads_back_as_a_small_jpeg() {
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
    fn any_changed_or_missing_byte_reads_as_none() {
        let (_folder, store, id) = store();
        store
            .put(&id, &RgbImage::from_pixel(20, 10, Rgb([9, 200, 40])))
            .unwrap();
        let whole = fs::read(store.path(&id)).unwrap();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x10;
            fs::write(store.path(&id), &changed).unwrap();
            assert_eq!(store.get(&id).unwrap(), None, "byte {place} changed");
            fs::write(store.path(&id), &whole[..place]).unwrap();
            assert_eq!(store.get(&id).unwrap(), None, "cut to {place}");
        }
        store
            .put(&id, &RgbImage::from_pixel(20, 10, Rgb([9, 200, 40])))
            .unwrap();
        assert!(store.get(&id).unwrap().is_some());
    }

    #[test]
    fn a_picture_without_pixels_is_an_error_and_leaves_no_file() {
        let (_folder, store, id) = store();
        assert!(store.put(&id, &RgbImage::new(0, 0)).is_err());
        assert_eq!(store.total_bytes().unwrap(), 0);
    }
}
