//! The formats that are decoded by the image crate without adjustments.

use std::io::{Cursor, ErrorKind};

use eidetic_domain::ImageFormat;
use image::codecs::{bmp, gif, hdr, png, pnm, qoi, tga};
use image::{DynamicImage, ImageDecoder, ImageError};

use super::{Unoriented, format_name};
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, pixels};

pub(super) fn decode(
    format: ImageFormat,
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    let input = Cursor::new(bytes);
    let name = format_name(format);
    let convert_error = |error| convert_error(name, error);
    match format {
        ImageFormat::Png => {
            let decoder = png::PngDecoder::with_limits(input, image_limits(limits.memory));
            read(name, decoder.map_err(convert_error)?, limits)
        }
        ImageFormat::Gif => read(name, gif::GifDecoder::new(input).map_err(convert_error)?, limits),
        ImageFormat::Bmp => read(name, bmp::BmpDecoder::new(input).map_err(convert_error)?, limits),
        ImageFormat::Qoi => read(name, qoi::QoiDecoder::new(input).map_err(convert_error)?, limits),
        ImageFormat::Tga => read(name, tga::TgaDecoder::new(input).map_err(convert_error)?, limits),
        ImageFormat::Hdr => {
            let decoder = hdr::HdrDecoder::new_nonstrict(input).map_err(convert_error)?;
            read(name, decoder, limits).map(tone_mapped)
        }
        _ => read(name, pnm::PnmDecoder::new(input).map_err(convert_error)?, limits),
    }
}

/// Reads the image of `decoder` if its declared size is within `limits`.
pub(super) fn read(
    format: &'static str,
    decoder: impl ImageDecoder,
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    read_with_overhead(format, decoder, limits, 0)
}

/// The same for a decoder that takes `overhead` bytes per pixel besides the buffer that it fills.
pub(super) fn read_with_overhead(
    format: &'static str,
    mut decoder: impl ImageDecoder,
    limits: &DecodeLimits,
    overhead: u64,
) -> Result<Unoriented, ImagingError> {
    let declared = declared_size(&decoder, overhead);
    declared.check(format, limits)?;
    let convert_error = |error| convert_error(format, error);
    let left = limits.memory.saturating_sub(decoder.total_bytes());
    decoder.set_limits(image_limits(left)).map_err(convert_error)?;
    let exif = decoder.exif_metadata().ok().flatten();
    let exif = exif.map(|exif| ExifData::parse(&exif)).unwrap_or_default();
    let image = DynamicImage::from_decoder(decoder).map_err(convert_error)?;
    Ok(Unoriented { image, exif })
}

/// 8-bit RGB and RGBA are converted in place; for other samples the result is a second buffer.
fn declared_size(decoder: &impl ImageDecoder, overhead: u64) -> DeclaredSize {
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
        bytes_per_pixel: stored + overhead.max(converted),
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
        exif: unoriented.exif,
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

/// The innermost cause, since the outer errors repeat "error decoding" and the format's name; in words where the decoder
/// prints its data structures.
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
