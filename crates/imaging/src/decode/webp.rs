//! WebP: still images by libwebp, which is the fastest decoder and scales while it decodes; metadata, animations and
//! damaged files by image-webp.

use std::io::Cursor;

use image::{DynamicImage, RgbImage, RgbaImage};
use image_webp::{DecodingError, WebPDecoder};
use webpx::{Decoder, DecoderConfig, Limits};

use super::animation::{first_visible, is_blank};
use super::{Scaled, ScaledDecoder, Unoriented};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::jpeg_scaled::{DecodeSize, Scale};
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError, damage, riff};

const FORMAT: &str = "WebP";

/// Lossless decoding takes four bytes per pixel besides the result of up to four; lossy decoding takes less.
const BYTES_PER_PIXEL: u64 = 8;

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: scaled_memory,
    decode: decode_scaled,
};

fn decode_scaled(bytes: &[u8], limits: &DecodeLimits, size: DecodeSize) -> Option<Scaled> {
    let mut decoder = still(bytes)?;
    let scale = scale_for_size(&decoder, size)?;
    decode_at(&mut decoder, bytes, limits, scale)
}

fn scaled_memory(bytes: &[u8], size: DecodeSize) -> Option<u64> {
    let mut decoder = still(bytes)?;
    let scale = scale_for_size(&decoder, size)?;
    Some(memory_at(&mut decoder, scale))
}

/// Decodes at the greatest scale within `limits`.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    let mut decoder = still(bytes)?;
    let scale = Scale::ALL
        .into_iter()
        .find(|&scale| memory_at(&mut decoder, scale) <= limits.memory)?;
    decode_at(&mut decoder, bytes, limits, scale)
}

fn decode_at(
    decoder: &mut WebPDecoder<Cursor<&[u8]>>,
    bytes: &[u8],
    limits: &DecodeLimits,
    scale: Scale,
) -> Option<Scaled> {
    let full_size = decoder.dimensions();
    if pixel_count(full_size) > limits.reduced_pixels {
        return None;
    }
    let (width, height) = scaled_size(decoder, scale);
    let image = pixels(libwebp(bytes)?.scale(width, height), decoder.has_alpha())?;
    let exif = read_exif(decoder, bytes.len());
    let color = ColorSpace::of_webp(bytes, &exif);
    Some(Scaled {
        unoriented: Unoriented {
            image,
            color,
            exif,
            damage: None,
        },
        full_size,
    })
}

/// A lossless file is decoded as a whole, four bytes a pixel; of a lossy one a few rows. Then the result, and the result once
/// more to apply orientation.
fn memory_at(decoder: &mut WebPDecoder<Cursor<&[u8]>>, scale: Scale) -> u64 {
    let stored = if decoder.is_lossy() && !decoder.has_alpha() {
        0
    } else {
        4 * pixel_count(decoder.dimensions())
    };
    stored + 9 * pixel_count(scaled_size(decoder, scale))
}

/// The header of a file; none of an animation, which libwebp does not scale.
fn still(bytes: &[u8]) -> Option<WebPDecoder<Cursor<&[u8]>>> {
    let decoder = WebPDecoder::new(Cursor::new(bytes)).ok()?;
    (!decoder.is_animated()).then_some(decoder)
}

fn scale_for_size(decoder: &WebPDecoder<Cursor<&[u8]>>, size: DecodeSize) -> Option<Scale> {
    let (width, height) = decoder.dimensions();
    Scale::for_size(width as usize, height as usize, size)
}

/// At least a pixel in each direction.
fn scaled_size(decoder: &WebPDecoder<Cursor<&[u8]>>, scale: Scale) -> (u32, u32) {
    let (width, height) = decoder.dimensions();
    let scaled = |side: u32| (scale.scaled(side as usize) as u32).max(1);
    (scaled(width), scaled(height))
}

fn pixel_count((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Limits have been checked.
fn libwebp(bytes: &[u8]) -> Option<Decoder<'_>> {
    let decoder = Decoder::new(bytes).ok()?;
    Some(decoder.config(DecoderConfig::new().limits(Limits::none())))
}

fn pixels(decoder: Decoder, has_alpha: bool) -> Option<DynamicImage> {
    if has_alpha {
        let (pixels, width, height) = decoder.decode_rgba_raw().ok()?;
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
    } else {
        let (pixels, width, height) = decoder.decode_rgb_raw().ok()?;
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    }
}

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    decode_whole(bytes, limits).or_else(|error| {
        let padded = padded(bytes, limits).ok_or(error)?;
        let mut unoriented = decode_whole(&padded, limits)?;
        unoriented.damage = Some(damage::of_unknown_part());
        Ok(unoriented)
    })
}

/// A truncated file, with zeros up to its declared length, which the decoder takes for a picture without
/// details. None if the file is not truncated, or if so much is missing that there is nothing to show.
fn padded(bytes: &[u8], limits: &DecodeLimits) -> Option<Vec<u8>> {
    const RIFF_HEADER: usize = 8;
    const LEAST: usize = 128;
    let declared = u32::from_le_bytes(*bytes.get(4..8)?.first_chunk()?) as usize + RIFF_HEADER;
    let is_worthwhile = bytes.len() >= LEAST.max(declared / 10);
    if bytes.len() >= declared || declared as u64 > limits.file_bytes || !is_worthwhile {
        return None;
    }
    let mut padded = bytes.to_vec();
    padded.resize(declared, 0);
    Some(padded)
}

fn decode_whole(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
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
    decoder.set_memory_limit(usize::try_from(limits.memory).unwrap_or(usize::MAX));
    let whole = || libwebp(bytes).and_then(|still| pixels(still, decoder.has_alpha()));
    let image = match whole().filter(|_| !decoder.is_animated()) {
        Some(image) => image,
        None => first_frame(&mut decoder, &declared)?,
    };
    let color = ColorSpace::of_webp(bytes, &exif);
    Ok(Unoriented {
        image,
        color,
        exif,
        damage: None,
    })
}

/// The first frame that shows something; of a file that libwebp refuses, what image-webp reads.
fn first_frame(
    decoder: &mut WebPDecoder<Cursor<&[u8]>>,
    declared: &DeclaredSize,
) -> Result<DynamicImage, ImagingError> {
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap_or(0)];
    decoder.read_image(&mut pixels).map_err(convert_error)?;
    let image = to_image(decoder, pixels)?;
    if decoder.is_animated() && is_blank(&image) {
        return Ok(visible_frame(decoder, declared.pixels()).unwrap_or(image));
    }
    Ok(image)
}

fn to_image(decoder: &WebPDecoder<Cursor<&[u8]>>, pixels: Vec<u8>) -> Result<DynamicImage, ImagingError> {
    let (width, height) = decoder.dimensions();
    let image = if decoder.has_alpha() {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    image.ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))
}

/// The color space of a file, from its chunks.
pub(super) fn color_space(bytes: &[u8]) -> ColorSpace {
    ColorSpace::of_webp(bytes, &exif(bytes))
}

pub(super) fn exif(bytes: &[u8]) -> ExifData {
    riff::chunk(bytes, *b"EXIF")
        .map(ExifData::parse)
        .unwrap_or_default()
}

/// The first frame that shows something.
fn visible_frame(decoder: &mut WebPDecoder<Cursor<&[u8]>>, pixels: u64) -> Option<DynamicImage> {
    decoder.reset_animation();
    let frames = std::iter::from_fn(|| {
        let mut pixels = vec![0; decoder.output_buffer_size()?];
        Some(match decoder.read_frame(&mut pixels) {
            Ok(_) => to_image(decoder, pixels),
            Err(error) => Err(convert_error(error)),
        })
    });
    first_visible(frames, pixels)
}

/// The decoder allocates the declared length of a chunk, which is therefore limited to the length of the
/// file.
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
