//! JPEG: zune-jpeg decodes whole files of the common kind, a decoder of our own all others and damaged ones.

use image::{DynamicImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace as Coded;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use self::coefficients::{Grid, has_all_restarts};
use self::color::ColorModel;
use self::segments::{Mode, Segments};
use super::{Scaled, ScaledDecoder, Unoriented, jpeg_inks};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::jpeg_segments::segments;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, damage, jpeg_scaled};

mod arithmetic_blocks;
mod arithmetic_reader;
mod coefficients;
mod color;
mod decoder;
mod huffman_blocks;
mod idct;
mod lossless;
mod render;
mod scan;
mod segments;
mod standard_tables;
mod upsample;

const FORMAT: &str = "JPEG";

/// The gray where a damaged file has no data.
const UNDECODED: u8 = 128;

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: jpeg_scaled::memory,
    decode: |bytes, limits, size| {
        let decoded = jpeg_scaled::decode(bytes, limits.pixels, size)?;
        Some(Scaled {
            unoriented: Unoriented {
                color: ColorSpace::of_jpeg(bytes, &decoded.exif),
                image: DynamicImage::ImageRgb8(decoded.image),
                exif: decoded.exif,
                damage: None,
            },
            full_size: decoded.full_size,
        })
    },
};

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
        return decoder::decode(bytes, limits);
    };
    common.declared.check(FORMAT, limits)?;
    if let Some(whole) = common.decode(bytes, true) {
        return Ok(whole);
    }
    match decoder::decode(bytes, limits) {
        // Damaged, and too large for a decoder that keeps coefficients.
        Err(error @ ImagingError::TooLarge { .. }) => common.decode(bytes, false).ok_or(error),
        decoded => decoded,
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

/// A file with one scan in sequential mode, with Huffman codes, 8 bits, in gray or YCbCr.
struct CommonFile {
    declared: DeclaredSize,
    exif: ExifData,
}

impl CommonFile {
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut segments = Segments::new(bytes);
        let scan = segments.next_scan().ok()??;
        let frame = segments.frame.as_ref()?;
        let is_common_sampling = match frame.components.as_slice() {
            [_] => true,
            [first, others @ ..] => {
                first.horizontal <= 2
                    && first.vertical <= 2
                    && others
                        .iter()
                        .all(|component| (component.horizontal, component.vertical) == (1, 1))
            }
            [] => false,
        };
        let grid = Grid::of_scan(frame, &scan, 8);
        let is_common = frame.mode == Mode::Sequential
            && !frame.is_arithmetic
            && frame.precision == 8
            && frame.height > 0
            && scan.components.len() == frame.components.len()
            && matches!(
                ColorModel::find(&segments, frame),
                ColorModel::Gray | ColorModel::YCbCr
            )
            && matches!(segments.adobe_transform, None | Some(1))
            && is_common_sampling
            && has_all_restarts(
                bytes,
                segments.position,
                segments.restart_interval,
                grid.columns * grid.rows,
            );
        is_common.then(|| Self {
            declared: DeclaredSize {
                width: frame.width as u32,
                height: frame.height as u32,
                bytes_per_pixel: 3,
            },
            exif: segments.exif.map(ExifData::parse).unwrap_or_default(),
        })
    }

    /// None for a file that is not decoded to the end; if not `is_strict`, only if nothing is decoded.
    fn decode(&self, bytes: &[u8], is_strict: bool) -> Option<Unoriented> {
        let options = DecoderOptions::default()
            .set_strict_mode(is_strict)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX)
            .jpeg_set_out_colorspace(Coded::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().ok()?;
        let info = decoder.info()?;
        let (width, height) = (u32::from(info.width), u32::from(info.height));
        if (width, height) != (self.declared.width, self.declared.height) {
            return None;
        }
        // Zeros cost nothing until they are written, and a strict decoder writes all pixels or fails.
        let background = if is_strict { 0 } else { UNDECODED };
        let mut pixels = vec![background; self.declared.pixels() as usize * 3];
        decoder.decode_into(&mut pixels).ok()?;
        Some(Unoriented {
            image: DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, pixels)?),
            color: ColorSpace::of_jpeg(bytes, &self.exif),
            exif: self.exif.clone(),
            damage: (!is_strict).then(damage::of_unknown_part),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, Rgb};
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
