//! The formats that the image crate decodes by itself.

use std::io::{Cursor, ErrorKind};

use eidetic_domain::ImageFormat;
use image::codecs::{bmp, gif, hdr, png, pnm, qoi, tga};
use image::{DynamicImage, ImageDecoder, ImageError};

use super::{Raw, name};
use crate::budget::Claim;
use crate::exif::Facts;
use crate::{DecodeLimits, ImagingError, pixels};

pub(super) fn decode(format: ImageFormat, bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    let input = Cursor::new(bytes);
    let named = name(format);
    let explain = |error| explain(named, error);
    match format {
        ImageFormat::Png => {
            let decoder = png::PngDecoder::with_limits(input, crate_limits(limits.memory));
            read(named, decoder.map_err(explain)?, limits)
        }
        ImageFormat::Gif => read(named, gif::GifDecoder::new(input).map_err(explain)?, limits),
        ImageFormat::Bmp => read(named, bmp::BmpDecoder::new(input).map_err(explain)?, limits),
        ImageFormat::Qoi => read(named, qoi::QoiDecoder::new(input).map_err(explain)?, limits),
        ImageFormat::Tga => read(named, tga::TgaDecoder::new(input).map_err(explain)?, limits),
        ImageFormat::Hdr => {
            let decoder = hdr::HdrDecoder::new_nonstrict(input).map_err(explain)?;
            read(named, decoder, limits).map(expose)
        }
        _ => read(named, pnm::PnmDecoder::new(input).map_err(explain)?, limits),
    }
}

/// Reads what `decoder` holds, if its claim is within `limits`.
pub(super) fn read(
    format: &'static str,
    decoder: impl ImageDecoder,
    limits: &DecodeLimits,
) -> Result<Raw, ImagingError> {
    read_beside(format, decoder, limits, 0)
}

/// The same for a decoder that holds `own` bytes a pixel beside the buffer that it fills.
pub(super) fn read_beside(
    format: &'static str,
    mut decoder: impl ImageDecoder,
    limits: &DecodeLimits,
    own: u64,
) -> Result<Raw, ImagingError> {
    let claim = claim_of(&decoder, own);
    claim.check(format, limits)?;
    let explain = |error| explain(format, error);
    let left = limits.memory.saturating_sub(decoder.total_bytes());
    decoder.set_limits(crate_limits(left)).map_err(explain)?;
    let exif = decoder.exif_metadata().ok().flatten();
    let facts = exif.map(|exif| Facts::read(&exif)).unwrap_or_default();
    let image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    Ok(Raw { image, facts })
}

/// Eight-bit RGB and RGBA become the result in place; everything else stands beside it for a moment.
fn claim_of(decoder: &impl ImageDecoder, own: u64) -> Claim {
    let (width, height) = decoder.dimensions();
    let stored = u64::from(decoder.color_type().bytes_per_pixel());
    let converted = match decoder.color_type() {
        image::ColorType::Rgb8 | image::ColorType::Rgba8 => 0,
        kind if kind.has_alpha() => 4,
        _ => 3,
    };
    Claim {
        width,
        height,
        bytes_per_pixel: stored + own.max(converted),
    }
}

pub(super) fn crate_limits(memory: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(memory);
    limits
}

fn expose(raw: Raw) -> Raw {
    Raw {
        image: DynamicImage::ImageRgb8(pixels::tone_map(&raw.image.into_rgb32f())),
        facts: raw.facts,
    }
}

pub(super) fn explain(format: &'static str, error: ImageError) -> ImagingError {
    match error {
        ImageError::Limits(_) => {
            ImagingError::TooLarge("decoding it takes more memory than is allowed".to_owned())
        }
        ImageError::Unsupported(error) => ImagingError::unsupported_feature(format, error.kind_text()),
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::damaged(format, "it ends too early")
        }
        ImageError::IoError(error) => ImagingError::damaged(format, error),
        ImageError::Decoding(error) => ImagingError::damaged(format, plain_cause(&error)),
        other => ImagingError::damaged(format, other),
    }
}

/// The innermost cause, since the outer ones repeat "error decoding" and the format's name; in words, where the decoder
/// prints its own structures.
fn plain_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    if text.contains("CRC error") {
        "a checksum is wrong".to_owned()
    } else if text.contains(" { ") {
        "its parts are not what the format asks for".to_owned()
    } else {
        text
    }
}

/// The words for what the image crate does not do, without its own repetition of the format's name.
trait KindText {
    fn kind_text(&self) -> String;
}

impl KindText for image::error::UnsupportedError {
    fn kind_text(&self) -> String {
        use image::error::UnsupportedErrorKind as Kind;
        match self.kind() {
            Kind::Color(color) => format!("colour type {color:?}"),
            Kind::GenericFeature(feature) => feature,
            _ => self.to_string(),
        }
    }
}
