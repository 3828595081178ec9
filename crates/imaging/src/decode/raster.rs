//! The formats that are decoded by the image crate without adjustments.

use std::io::ErrorKind;

use eidetic_domain::ImageFormat;
use image::codecs::{bmp, hdr, pnm, qoi, tga};
use image::{DynamicImage, ImageDecoder, ImageError};

use super::padded::PaddedInput;
use super::{Unoriented, format_name};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, damage, pixels};

/// Decodes a file, which may be truncated: the missing rest is gray, or repeats the last color.
pub(super) fn decode(
    format: ImageFormat,
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    /// Decoders may read an alignment at the end, which some writers leave out.
    const ALIGNMENT: u64 = 8;
    let input = PaddedInput::new(bytes, padding(format, bytes));
    let mut result = decode_padded(format, &input, limits);
    let padding = input.padding_read();
    if format == ImageFormat::Qoi && padding > 0 && result.is_err() {
        let whole = with_qoi_end(bytes, padding);
        result = decode_padded(format, &PaddedInput::new(&whole, [0; 2]), limits);
    }
    let mut unoriented = result?;
    if padding > ALIGNMENT {
        unoriented.damage = Some(damage::of_unknown_part());
    }
    Ok(unoriented)
}

/// A run of 62 pixels, the longest of QOI.
const QOI_RUN: u8 = 0xFD;

/// A truncated file with the runs and the end marker for which a decoder asked `padding` bytes.
fn with_qoi_end(bytes: &[u8], padding: u64) -> Vec<u8> {
    const END: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
    let runs = padding.saturating_sub(END.len() as u64) as usize;
    let marker_begun = END.len().saturating_sub(padding as usize);
    let content = &bytes[..bytes.len().saturating_sub(marker_begun)];
    [content, &vec![QOI_RUN; runs], &END].concat()
}

/// What a truncated file is continued with.
fn padding(format: ImageFormat, bytes: &[u8]) -> [u8; 2] {
    /// In run-length encoding, the ends of rows.
    const BMP_END_OF_ROW: u8 = 0;
    match format {
        ImageFormat::Qoi => [QOI_RUN; 2],
        ImageFormat::Bmp if matches!(bytes.get(30), Some(1 | 2)) => [BMP_END_OF_ROW; 2],
        ImageFormat::Pnm if matches!(bytes.get(1), Some(b'1'..=b'3')) => *b"0 ",
        _ => [128; 2],
    }
}

fn decode_padded(
    format: ImageFormat,
    input: &PaddedInput,
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    let name = format_name(format);
    macro_rules! read_with {
        ($decoder:expr) => {{
            let decoder = $decoder.map_err(|error| convert_error(name, error))?;
            if input.is_at_end() {
                return Err(ImagingError::truncated(name));
            }
            // No format takes more bytes a pixel: four samples of 16 bits as text are 24. A comment without an end takes all.
            input.turn_on(declared_size(&decoder).pixels().min(limits.pixels).saturating_mul(24));
            read(name, decoder, limits)
        }};
    }
    match format {
        ImageFormat::Bmp => read_with!(bmp::BmpDecoder::new(input)),
        ImageFormat::Qoi => read_with!(qoi::QoiDecoder::new(input)),
        ImageFormat::Tga => read_with!(tga::TgaDecoder::new(input)),
        ImageFormat::Hdr => read_with!(hdr::HdrDecoder::new_nonstrict(input)).map(tone_mapped),
        _ => read_with!(pnm::PnmDecoder::new(input)),
    }
}

/// Reads the image of `decoder` if its declared size is within `limits`.
pub(super) fn read(
    format: &'static str,
    mut decoder: impl ImageDecoder,
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    let declared = declared_size(&decoder);
    declared.check(format, limits)?;
    let convert_error = |error| convert_error(format, error);
    let left = limits.memory.saturating_sub(decoder.total_bytes());
    decoder.set_limits(image_limits(left)).map_err(convert_error)?;
    let exif = decoder.exif_metadata().ok().flatten();
    let exif = exif.map(|exif| ExifData::parse(&exif)).unwrap_or_default();
    let profile = decoder.icc_profile().ok().flatten();
    let color = profile.map_or_else(
        || ColorSpace::of_exif(&exif),
        |profile| ColorSpace::from_icc(&profile),
    );
    let image = DynamicImage::from_decoder(decoder).map_err(convert_error)?;
    Ok(Unoriented {
        image,
        color,
        exif,
        damage: None,
    })
}

/// 8-bit RGB and RGBA are converted in place; for other samples the result is a second buffer.
fn declared_size(decoder: &impl ImageDecoder) -> DeclaredSize {
    let (width, height) = decoder.dimensions();
    let stored = u64::from(decoder.color_type().bytes_per_pixel());
    let converted = match decoder.color_type() {
        image::ColorType::Rgb8 | image::ColorType::Rgba8 => 0,
        kind if kind.has_alpha() => 4,
        _ => 3,
    };
    DeclaredSize {
        width,
        height,
        bytes_per_pixel: stored + converted,
    }
}

pub(super) fn image_limits(memory: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(memory);
    limits
}

fn tone_mapped(unoriented: Unoriented) -> Unoriented {
    Unoriented {
        image: DynamicImage::ImageRgb8(pixels::tone_map(&unoriented.image.into_rgb32f())),
        ..unoriented
    }
}

pub(super) fn convert_error(format: &'static str, error: ImageError) -> ImagingError {
    match error {
        ImageError::Limits(_) => ImagingError::out_of_memory_limit(),
        ImageError::Unsupported(error) => ImagingError::unsupported_feature(format, error.kind_text()),
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::truncated(format)
        }
        ImageError::IoError(error) => ImagingError::damaged(format, error),
        ImageError::Decoding(error) => ImagingError::damaged(format, root_cause(&error)),
        other => ImagingError::damaged(format, other),
    }
}

/// The innermost cause, since the outer errors repeat "error decoding" and the format's name; in words
/// where the decoder prints its data structures.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    if text.contains("CRC error") {
        "checksum mismatch".to_owned()
    } else if text.contains(" { ") {
        "invalid structure".to_owned()
    } else {
        text
    }
}

/// Names an unsupported feature without repeating the format's name, as the image crate's message does.
trait KindText {
    fn kind_text(&self) -> String;
}

impl KindText for image::error::UnsupportedError {
    fn kind_text(&self) -> String {
        use image::error::UnsupportedErrorKind as Kind;
        match self.kind() {
            Kind::Color(color) => format!("color type {color:?}"),
            Kind::GenericFeature(feature) => feature,
            _ => self.to_string(),
        }
    }
}
