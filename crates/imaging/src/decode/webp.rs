//! WebP, decoded by image-webp, whose memory can be limited.

use std::io::Cursor;

use image::{DynamicImage, RgbImage, RgbaImage};
use image_webp::{DecodingError, WebPDecoder};

use super::Unoriented;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "WebP";

/// Lossless decoding takes four bytes per pixel besides the result of up to four; lossy decoding takes less.
const BYTES_PER_PIXEL: u64 = 8;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(convert_error)?;
    decoder.set_memory_limit(usize::try_from(limits.memory).unwrap_or(usize::MAX));
    let (width, height) = decoder.dimensions();
    let declared = DeclaredSize {
        width,
        height,
        bytes_per_pixel: BYTES_PER_PIXEL,
    };
    declared.check(FORMAT, limits)?;
    let exif = read_exif(&mut decoder, bytes.len());
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; declared.pixels() as usize * channels];
    decoder.read_image(&mut pixels).map_err(convert_error)?;
    let image = if channels == 4 {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let image = image.ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(Unoriented { image, exif })
}

/// The decoder allocates the declared length of a chunk, which is therefore limited to the length of the file.
fn read_exif(decoder: &mut WebPDecoder<Cursor<&[u8]>>, file_length: usize) -> ExifData {
    decoder.set_memory_limit(file_length);
    let exif = decoder.exif_metadata().ok().flatten();
    exif.map(|exif| ExifData::parse(&exif)).unwrap_or_default()
}

fn convert_error(error: DecodingError) -> ImagingError {
    match error {
        DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge => {
            ImagingError::out_of_memory_limit()
        }
        DecodingError::UnsupportedFeature(feature) => ImagingError::unsupported_feature(FORMAT, feature),
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImagingError::truncated(FORMAT)
        }
        other => ImagingError::damaged(FORMAT, other),
    }
}
