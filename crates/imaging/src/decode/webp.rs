//! WebP by image-webp, whose memory can be limited.

use std::io::Cursor;

use image::{DynamicImage, RgbImage, RgbaImage};
use image_webp::{DecodingError, WebPDecoder};

use super::Raw;
use crate::budget::Claim;
use crate::exif::Facts;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "WebP";

/// Lossless decoding holds four bytes a pixel beside the result of up to four; lossy decoding holds less.
const BYTES_PER_PIXEL: u64 = 8;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(explain)?;
    decoder.set_memory_limit(usize::try_from(limits.memory).unwrap_or(usize::MAX));
    let (width, height) = decoder.dimensions();
    let claim = Claim {
        width,
        height,
        bytes_per_pixel: BYTES_PER_PIXEL,
    };
    claim.check(FORMAT, limits)?;
    let facts = facts_of(&mut decoder, bytes.len());
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; claim.pixels() as usize * channels];
    decoder.read_image(&mut pixels).map_err(explain)?;
    let image = if channels == 4 {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let image = image.ok_or_else(|| ImagingError::damaged(FORMAT, "its size is not its pixels'"))?;
    Ok(Raw { image, facts })
}

/// A chunk's claimed length is trusted by the decoder, so it may not exceed the file's.
fn facts_of(decoder: &mut WebPDecoder<Cursor<&[u8]>>, file_length: usize) -> Facts {
    decoder.set_memory_limit(file_length);
    let exif = decoder.exif_metadata().ok().flatten();
    exif.map(|exif| Facts::read(&exif)).unwrap_or_default()
}

fn explain(error: DecodingError) -> ImagingError {
    match error {
        DecodingError::MemoryLimitExceeded | DecodingError::ImageTooLarge => {
            ImagingError::TooLarge("decoding it takes more memory than is allowed".to_owned())
        }
        DecodingError::UnsupportedFeature(feature) => ImagingError::unsupported_feature(FORMAT, feature),
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ImagingError::damaged(FORMAT, "it ends too early")
        }
        other => ImagingError::damaged(FORMAT, other),
    }
}
