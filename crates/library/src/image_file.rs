//! Files and thumbnails of images.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, FileState, ImageRecord};
use eidetic_containers::{ContainerReader, Ffmpeg, PartContent, holds_frame, part_at};
use eidetic_domain::{Details, Filter, ImageFormat, ImageId, PartPath, PartPosition};
use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, ThumbnailStore, decode_at_least};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::{Library, LibraryError, paths};

/// The file of an image, read and verified.
pub struct ImageFile {
    /// Where it was read.
    pub path: PathBuf,
    /// Its content, whose hash is the image's id; of a picture that is rendered, such as a page, the pixels as PNG.
    pub bytes: Vec<u8>,
    /// The format of `bytes`.
    pub format: ImageFormat,
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
            .find_map(|path| Some((path.clone(), content_of(path, &record, &self.decode_limits())?)));
        let (path, (bytes, format)) = found.ok_or(LibraryError::FileGone(*image))?;
        Ok(ImageFile {
            path,
            bytes,
            format,
            record,
        })
    }

    /// The video that an image is a frame of, where it exists now.
    pub fn video_of(&self, image: &ImageId) -> Result<PathBuf, LibraryError> {
        let record = self.image(image)?;
        let videos = record.paths.iter().filter_map(|path| PartPath::parse(path));
        let mut videos = videos.filter(|part| matches!(part.position(), PartPosition::Moment(_)));
        videos
            .find(|part| holds_frame(part, image))
            .map(|part| part.file)
            .ok_or(LibraryError::FileGone(*image))
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

/// The image's bytes and their format, if they are still there. The size is compared first, so that a huge file in the
/// place of a file is not read.
fn content_of(path: &Path, record: &ImageRecord, limits: &DecodeLimits) -> Option<(Vec<u8>, ImageFormat)> {
    if let Some(part) = part_at(path) {
        return part_content(&part, record, limits);
    }
    if fs::metadata(path).ok()?.len() != record.bytes {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    (ImageId::of(&bytes) == record.image).then_some((bytes, record.metadata.format))
}

fn part_content(
    part: &PartPath,
    record: &ImageRecord,
    limits: &DecodeLimits,
) -> Option<(Vec<u8>, ImageFormat)> {
    let is_frame = matches!(part.position(), PartPosition::Moment(_));
    let reader = ContainerReader {
        limits: *limits,
        ffmpeg: if is_frame { Ffmpeg::find() } else { None },
    };
    let read = reader.read_part(part).ok()?;
    if read.image != record.image {
        return None;
    }
    match read.content {
        PartContent::Encoded(bytes) => Some((bytes, record.metadata.format)),
        PartContent::Rendered(rendered) => {
            let mut png = Cursor::new(Vec::new());
            let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive);
            rendered.decoded.image.write_with_encoder(encoder).ok()?;
            Some((png.into_inner(), ImageFormat::Png))
        }
    }
}
