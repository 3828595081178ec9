//! JPEG by zune-jpeg, straight into RGB.

use image::{DynamicImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::Raw;
use crate::budget::Claim;
use crate::exif::Facts;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "JPEG";

/// zune-jpeg's value for what a truncated file leaves undecoded.
const UNDECODED: u8 = 128;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    let frame = Frame::find(bytes);
    let claim = claim_of(&decoder, frame.as_ref())?;
    claim.check(FORMAT, limits)?;
    if frame.is_some_and(|frame| !frame.has_data) {
        return Err(ImagingError::damaged(FORMAT, "it ends before its first pixels"));
    }
    let mut pixels = vec![UNDECODED; claim.pixels() as usize * 3];
    decoder.decode_into(&mut pixels).map_err(explain)?;
    let facts = decoder.exif().map(|exif| Facts::read(exif)).unwrap_or_default();
    let image = RgbImage::from_raw(claim.width, claim.height, pixels)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "its size is not its pixels'"))?;
    Ok(Raw {
        image: DynamicImage::ImageRgb8(image),
        facts,
    })
}

fn claim_of(decoder: &JpegDecoder<ZCursor<&[u8]>>, frame: Option<&Frame>) -> Result<Claim, ImagingError> {
    let info = decoder
        .info()
        .ok_or_else(|| ImagingError::damaged(FORMAT, "it has no header"))?;
    if let Some(ColorSpace::MultiBand(_)) = decoder.input_colorspace() {
        return Err(ImagingError::unsupported_feature(FORMAT, "two colour channels"));
    }
    let coefficients = frame.map_or(2 * 4, Frame::coefficient_bytes);
    Ok(Claim {
        width: info.width.into(),
        height: info.height.into(),
        bytes_per_pixel: 3 + coefficients,
    })
}

fn explain(error: DecodeErrors) -> ImagingError {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            ImagingError::unsupported_feature(FORMAT, format_args!("{scheme:?}"))
        }
        DecodeErrors::ExhaustedData => ImagingError::damaged(FORMAT, "it ends before its first pixels"),
        DecodeErrors::Format(reason) => ImagingError::damaged(FORMAT, reason),
        DecodeErrors::FormatStatic(reason) => ImagingError::damaged(FORMAT, reason),
        other => ImagingError::damaged(FORMAT, format_args!("{other:?}")),
    }
}

/// What the frame and first scan headers say about the decoder's appetite (ITU T.81, B.2.2 and B.2.3).
///
/// zune-jpeg keeps all coefficients, two bytes each, where they come in several scans, and a few rows otherwise.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    progressive: bool,
    /// Horizontal and vertical sampling of each component.
    sampling: Vec<(u64, u64)>,
    /// Components in the first scan.
    first_scan: usize,
    /// Whether anything follows the first scan's header.
    has_data: bool,
}

impl Frame {
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

    /// Bytes of kept coefficients for each pixel, rounded up.
    fn coefficient_bytes(&self) -> u64 {
        if !self.progressive && self.first_scan == self.sampling.len() {
            return 0;
        }
        let across = self.sampling.iter().map(|&(h, _)| h).max().unwrap_or(1).max(1);
        let down = self.sampling.iter().map(|&(_, v)| v).max().unwrap_or(1).max(1);
        let samples: u64 = self.sampling.iter().map(|&(h, v)| h * v).sum();
        (2 * samples).div_ceil(across * down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, Rgb};
    use proptest::prelude::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 5) as u8, (y * 3) as u8, 90]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(&picture, width, height, ExtendedColorType::Rgb8)
            .expect("encoding into memory");
        bytes
    }

    #[test]
    fn a_truncated_file_shows_what_there_is_of_it() {
        let bytes = jpeg(64, 64);
        let whole = decode(&bytes, &DecodeLimits::default())
            .unwrap()
            .image
            .into_rgb8();
        let half = decode(&bytes[..bytes.len() * 2 / 3], &DecodeLimits::default()).unwrap();
        let half = half.image.into_rgb8();
        assert_eq!(whole.dimensions(), half.dimensions());
        assert_eq!(whole.get_pixel(3, 3), half.get_pixel(3, 3));
    }

    #[test]
    fn a_file_that_ends_in_its_header_is_damaged() {
        let bytes = jpeg(64, 64);
        let data = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for length in [2, 20, data, data + 14] {
            let error = decode(&bytes[..length], &DecodeLimits::default()).map(|raw| raw.image.width());
            assert!(
                matches!(error, Err(ImagingError::Damaged { .. })),
                "{length}: {error:?}"
            );
        }
    }

    #[test]
    fn coefficients_count_only_where_the_decoder_keeps_them() {
        let frame = |progressive, first_scan| Frame {
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
    fn the_frame_of_an_encoded_file_is_found() {
        let frame = Frame::find(&jpeg(16, 16)).unwrap();
        assert_eq!(
            (frame.progressive, frame.sampling.len(), frame.first_scan),
            (false, 3, 3)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_searched_for_a_frame(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Frame::find(&bytes).map(|frame| frame.coefficient_bytes());
        }
    }
}
