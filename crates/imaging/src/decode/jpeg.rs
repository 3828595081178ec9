//! JPEG, decoded by zune-jpeg directly to RGB.

use image::{DynamicImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::Unoriented;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "JPEG";

/// The gray that zune-jpeg leaves where a truncated file has no data.
const UNDECODED: u8 = 128;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(convert_error)?;
    let frame = FrameInfo::find(bytes);
    let declared = declared_size(&decoder, frame.as_ref())?;
    declared.check(FORMAT, limits)?;
    if frame.is_some_and(|frame| !frame.has_data) {
        return Err(ImagingError::truncated(FORMAT));
    }
    let mut pixels = vec![UNDECODED; declared.pixels() as usize * 3];
    decoder.decode_into(&mut pixels).map_err(convert_error)?;
    let exif = decoder
        .exif()
        .map(|exif| ExifData::parse(exif))
        .unwrap_or_default();
    let image = RgbImage::from_raw(declared.width, declared.height, pixels)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(Unoriented {
        image: DynamicImage::ImageRgb8(image),
        exif,
    })
}

fn declared_size(
    decoder: &JpegDecoder<ZCursor<&[u8]>>,
    frame: Option<&FrameInfo>,
) -> Result<DeclaredSize, ImagingError> {
    let info = decoder
        .info()
        .ok_or_else(|| ImagingError::damaged(FORMAT, "no header"))?;
    if let Some(ColorSpace::MultiBand(_)) = decoder.input_colorspace() {
        return Err(ImagingError::unsupported_feature(FORMAT, "two color channels"));
    }
    let coefficients = frame.map_or(2 * 4, FrameInfo::coefficient_bytes);
    Ok(DeclaredSize {
        width: info.width.into(),
        height: info.height.into(),
        bytes_per_pixel: 3 + coefficients,
    })
}

fn convert_error(error: DecodeErrors) -> ImagingError {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            ImagingError::unsupported_feature(FORMAT, format_args!("{scheme:?}"))
        }
        DecodeErrors::ExhaustedData => ImagingError::truncated(FORMAT),
        DecodeErrors::Format(reason) => ImagingError::damaged(FORMAT, reason),
        DecodeErrors::FormatStatic(reason) => ImagingError::damaged(FORMAT, reason),
        other => ImagingError::damaged(FORMAT, format_args!("{other:?}")),
    }
}

/// What the memory of a decode depends on, from the frame and first scan headers (ITU T.81, B.2.2 and B.2.3).
///
/// zune-jpeg keeps all coefficients, two bytes each, if they are coded in several scans, and a few rows otherwise.
#[derive(Debug, PartialEq, Eq)]
struct FrameInfo {
    progressive: bool,
    /// Horizontal and vertical sampling factors of each component.
    sampling: Vec<(u64, u64)>,
    /// Number of components in the first scan.
    first_scan: usize,
    /// Whether data follow the first scan header.
    has_data: bool,
}

impl FrameInfo {
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.get(2..)?;
        let mut frame = None;
        loop {
            let start = rest
                .windows(2)
                .position(|pair| pair[0] == 0xFF && pair[1] >= 0xC0 && pair[1] != 0xFF)?;
            let marker = rest[start + 1];
            rest = &rest[start + 2..];
            if matches!(marker, 0xD0..=0xD8) {
                continue;
            }
            let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
            let segment = rest.get(2..length)?;
            match marker {
                0xC0..=0xC2 => frame = Self::from_header(marker == 0xC2, segment),
                0xDA => {
                    let mut frame: Self = frame?;
                    frame.first_scan = usize::from(*segment.first()?);
                    frame.has_data = !matches!(&rest[length..], [] | [_] | [0xFF, 0xD9, ..]);
                    return Some(frame);
                }
                _ => {}
            }
            rest = &rest[length..];
        }
    }

    fn from_header(progressive: bool, segment: &[u8]) -> Option<Self> {
        let components = segment.get(6..)?.chunks_exact(3);
        Some(Self {
            progressive,
            sampling: components
                .map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15)))
                .collect(),
            first_scan: 0,
            has_data: false,
        })
    }

    /// Bytes of stored coefficients per pixel, rounded up.
    fn coefficient_bytes(&self) -> u64 {
        if !self.progressive && self.first_scan == self.sampling.len() {
            return 0;
        }
        let horizontal = self.sampling.iter().map(|&(h, _)| h).max().unwrap_or(1).max(1);
        let vertical = self.sampling.iter().map(|&(_, v)| v).max().unwrap_or(1).max(1);
        let samples: u64 = self.sampling.iter().map(|&(h, v)| h * v).sum();
        (2 * samples).div_ceil(horizontal * vertical)
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
    fn truncated_file_is_decoded_as_far_as_possible() {
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

    #[test]
    fn coefficients_count_only_where_decoder_keeps_them() {
        let frame = |progressive, first_scan| FrameInfo {
            progressive,
            sampling: vec![(2, 2), (1, 1), (1, 1)],
            first_scan,
            has_data: true,
        };
        assert_eq!(frame(false, 3).coefficient_bytes(), 0);
        assert_eq!(frame(false, 1).coefficient_bytes(), 3);
        assert_eq!(frame(true, 3).coefficient_bytes(), 3);
    }

    #[test]
    fn frame_of_encoded_file_is_found() {
        let frame = FrameInfo::find(&jpeg(16, 16)).unwrap();
        assert_eq!(
            (frame.progressive, frame.sampling.len(), frame.first_scan),
            (false, 3, 3)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = FrameInfo::find(&bytes).map(|frame| frame.coefficient_bytes());
        }
    }
}
