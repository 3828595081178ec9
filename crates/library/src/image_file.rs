//! Files and thumbnails of images.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, FileState, ImageRecord};
use eidetic_domain::{Details, Filter, ImageId};
use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, ThumbnailStore, decode_at_least};

use crate::{Library, LibraryError, paths};

/// The file of an image, read and verified.
pub struct ImageFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Its content; the hash of these bytes is the image's id.
    pub bytes: Vec<u8>,
    /// Its catalog record.
    pub record: ImageRecord,
}

impl Library {
    /// The catalog record of one image, without paths that do not exist now unless none does.
    pub fn image(&self, image: &ImageId) -> Result<ImageRecord, LibraryError> {
        let mut record = self
            .catalog
            .find_by_hash(image)?
            .ok_or(LibraryError::UnknownImage(*image))?;
        paths::arrange(&mut record.paths, &Filter::default());
        Ok(record)
    }

    /// What is known of one image besides its record: nothing where the program that indexed it read no details.
    pub fn details(&self, image: &ImageId) -> Result<Details, LibraryError> {
        Ok(self.catalog.details(image)?.unwrap_or_default())
    }

    /// The image at a path, as it was last indexed.
    pub fn image_at(&self, path: &Path) -> Result<Option<ImageId>, LibraryError> {
        let file = self.catalog.file(path)?;
        Ok(match file.map(|file| file.state) {
            Some(FileState::Indexed(image)) => Some(image),
            _ => None,
        })
    }

    /// The bytes of one image, from the first of its paths that still holds them.
    ///
    /// The content is hashed first: a file that replaced an indexed one is never returned.
    pub fn image_file(&self, image: &ImageId) -> Result<ImageFile, LibraryError> {
        let record = self.image(image)?;
        let found = record
            .paths
            .iter()
            .find_map(|path| Some((path.clone(), content_of(path, &record)?)));
        let (path, bytes) = found.ok_or(LibraryError::FileGone(*image))?;
        Ok(ImageFile { path, bytes, record })
    }

    /// A small JPEG of one image; computed again where the stored one is missing or damaged.
    pub fn thumbnail(&self, image: &ImageId) -> Result<Vec<u8>, LibraryError> {
        let directory = self.directory.join("thumbnails");
        if let Some(jpeg) = self.thumbnails.get(image).map_err(LibraryError::io(&directory))? {
            self.image(image)?;
            return Ok(jpeg);
        }
        let file = self.image_file(image)?;
        let decoded =
            decode_small(&file.bytes, &self.decode_limits()).ok_or(LibraryError::FileGone(*image))?;
        if self.read_only().is_none()
            && let Err(error) = self.thumbnails.put(image, &decoded.image)
        {
            // It is derived, and made again when it is asked for.
            self.unstored.warn(&directory, &error);
        }
        ThumbnailStore::encode(&decoded.image).map_err(LibraryError::io(&directory))
    }
}

/// An image as large as its thumbnail needs it; `None` where the bytes are no image that can be read.
pub(crate) fn decode_small(bytes: &[u8], limits: &DecodeLimits) -> Option<DecodedImage> {
    let size = DecodeSize::for_thumbnail(ThumbnailStore::LONG_SIDE);
    decode_at_least(bytes, limits, size).ok()
}

/// The file's bytes, if they are still the image. The size is compared first, so that a huge file in its place is not
/// read.
fn content_of(path: &Path, record: &ImageRecord) -> Option<Vec<u8>> {
    if fs::metadata(path).ok()?.len() != record.bytes {
        return None;
    }
    fs::read(path)
        .ok()
        .filter(|bytes| ImageId::of(bytes) == record.image)
}
