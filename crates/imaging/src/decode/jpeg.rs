//! JPEG: zune-jpeg decodes whole files of the common kind, a decoder of our own all others and damaged ones.

use image::DynamicImage;

use self::common_file::{CommonFile, Strictness};
use self::segments::{Mode, Segments};
pub use self::stream::{StreamColors, decode_stream};
use super::{Scaled, ScaledDecoder, Unoriented, jpeg_inks};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::jpeg_scaled::Scale;
use crate::jpeg_segments::segments;
use crate::{DecodeLimits, ImagingError, jpeg_scaled};

mod arithmetic_blocks;
mod arithmetic_reader;
mod coefficients;
mod color;
mod common_file;
mod decoder;
mod huffman_blocks;
mod idct;
mod lossless;
mod render;
mod scan;
mod segments;
mod standard_tables;
mod stream;
mod upsample;

const FORMAT: &str = "JPEG";

/// The gray where a damaged file has no data.
const UNDECODED: u8 = 128;

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: |bytes, size| jpeg_scaled::memory(bytes, jpeg_scaled::scale_for_size(bytes, size)?),
    decode: |bytes, limits, size| decode_at(bytes, limits, jpeg_scaled::scale_for_size(bytes, size)?),
};

/// Decodes at the greatest scale within `limits`.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    let scale = Scale::ALL
        .into_iter()
        .find(|&scale| jpeg_scaled::memory(bytes, scale).is_some_and(|memory| memory <= limits.memory))?;
    decode_at(bytes, limits, scale)
}

fn decode_at(bytes: &[u8], limits: &DecodeLimits, scale: Scale) -> Option<Scaled> {
    let decoded = jpeg_scaled::decode(bytes, limits.reduced_pixels, scale)?;
    Some(Scaled {
        unoriented: Unoriented {
            color: ColorSpace::of_jpeg(bytes, &decoded.exif),
            image: DynamicImage::ImageRgb8(decoded.image),
            exif: decoded.exif,
            damage: None,
        },
        full_size: decoded.full_size,
    })
}

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    if let Some(image) = jpeg_inks::decode(bytes, limits) {
        return Ok(Unoriented {
            image,
            color: ColorSpace::Srgb,
            exif: exif(bytes),
            damage: None,
        });
    }
    let Some(common) = CommonFile::find(bytes) else {
        return decoder::decode(bytes, limits).map(|decoded| decoded.into_image(bytes));
    };
    common.declared.check(FORMAT, limits)?;
    if let Some(whole) = common.decode(bytes, Strictness::Whole) {
        return Ok(whole);
    }
    match decoder::decode(bytes, limits) {
        Ok(decoded) => Ok(decoded.into_image(bytes)),
        // Damaged, and too large for a decoder that keeps coefficients.
        Err(error @ ImagingError::TooLarge { .. }) => common.decode(bytes, Strictness::Part).ok_or(error),
        Err(error) => Err(error),
    }
}

/// The color space of a file, from the segments before its pixels.
pub(super) fn color_space(bytes: &[u8]) -> ColorSpace {
    ColorSpace::of_jpeg(bytes, &exif(bytes))
}

/// Whether the components of a file in sequential mode come in several scans.
pub(super) fn has_separate_components(bytes: &[u8]) -> bool {
    let mut segments = Segments::new(bytes);
    let scan = segments.next_scan().ok().flatten();
    let frame = segments
        .frame
        .as_ref()
        .filter(|frame| frame.mode == Mode::Sequential);
    scan.zip(frame)
        .is_some_and(|(scan, frame)| scan.components.len() < frame.components.len())
}

pub(super) fn exif(bytes: &[u8]) -> ExifData {
    let mut blocks = segments(bytes).filter(|(marker, _)| *marker == 0xE1);
    let block = blocks.find(|(_, content)| content.starts_with(b"Exif\0\0"));
    block
        .map(|(_, content)| ExifData::parse(content))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, Rgb, RgbImage};
    use proptest::prelude::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 5) as u8, (y * 3) as u8, 90]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(&image, width, height, ExtendedColorType::Rgb8)
            .expect("encoding into memory");
        bytes
    }

    #[test]
    fn truncated_file_keeps_its_first_pixels() {
        let bytes = jpeg(64, 64);
        let full = decode(&bytes, &DecodeLimits::default())
            .unwrap()
            .image
            .into_rgb8();
        let half = decode(&bytes[..bytes.len() * 2 / 3], &DecodeLimits::default()).unwrap();
        let half = half.image.into_rgb8();
        assert_eq!(full.dimensions(), half.dimensions());
        assert_eq!(full.get_pixel(3, 3), half.get_pixel(3, 3));
    }

    #[test]
    fn file_truncated_in_header_is_damaged() {
        let bytes = jpeg(64, 64);
        let data = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for length in [2, 20, data, data + 14] {
            let error =
                decode(&bytes[..length], &DecodeLimits::default()).map(|decoded| decoded.image.width());
            assert!(
                matches!(error, Err(ImagingError::Damaged { .. })),
                "{length}: {error:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes, &DecodeLimits::default());
        }
    }
}
