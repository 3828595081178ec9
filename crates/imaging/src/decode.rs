//! From the bytes of a file to an image: recognizes the format, decodes, applies orientation and reads metadata.

use std::panic::{AssertUnwindSafe, catch_unwind};

use eidetic_domain::{ImageFormat, Metadata};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::classify::{format_of, other_content, unsupported_content};
use crate::exif::ExifData;
use crate::jpeg_scaled::{self, DecodeSize, ScaledImage};
use crate::{DecodeLimits, DecodedImage, ImagingError, orientation, pixels};

mod ico;
mod jpeg;
mod raster;
mod tiff;
mod webp;

/// The result of a format's decoder: pixels as stored, and the file's EXIF data.
struct Unoriented {
    image: DynamicImage,
    exif: ExifData,
}

/// Decodes one whole file, whatever its name, to upright 8-bit RGB.
///
/// - EXIF orientation is applied (JPEG, PNG `eXIf`, WebP `EXIF`, TIFF tag), transparency is composited on white, 16 bits
///   become 8, CMYK and Adobe's inverted CMYK become RGB by multiplication, as in browsers. Radiance HDR is tone-mapped.
///   The first frame of an animation and the largest icon of an icon file are taken.
/// - Color profiles are not applied: a wide-gamut image looks a little duller than in a color-managed viewer. Encoders,
///   which are trained on images decoded the same way, are not affected.
/// - A truncated or damaged JPEG is decoded as far as possible, the rest gray; it is [`ImagingError::Damaged`] only if no
///   pixel can be decoded. Other formats are decoded completely or not at all.
/// - An image of more than 50 million pixels is returned at half its size; the metadata have its full size.
/// - No memory is allocated for pixels before the declared size has been checked against `limits`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, ImagingError> {
    if bytes.len() as u64 > limits.file_bytes {
        return Err(ImagingError::file_too_large(bytes.len() as u64, limits));
    }
    let format = format_of(bytes).ok_or_else(|| unsupported(bytes))?;
    let unoriented = catch_panics(format, || decode_format(format, bytes, limits))?;
    let Unoriented { image, exif } = unoriented;
    let full_size = (image.width(), image.height());
    let rgb = pixels::halve_if_huge(pixels::to_rgb(image));
    Ok(oriented(format, rgb, full_size, exif))
}

/// Like [`decode`], but at a half, a quarter or an eighth of the size where that suffices for `size` and is faster.
///
/// Images whose embeddings are compared must be decoded with the same `size`: then equal files have equal pixels.
pub fn decode_at_least(
    bytes: &[u8],
    limits: &DecodeLimits,
    size: DecodeSize,
) -> Result<DecodedImage, ImagingError> {
    decode_scaled(bytes, limits, size).map_or_else(|| decode(bytes, limits), Ok)
}

/// The fast path of [`decode_at_least`]: decodes at a smaller size, or returns none where [`decode`] is needed, which says
/// nothing about whether the file is valid. Takes the memory that [`scaled_memory`] returns.
pub fn decode_scaled(bytes: &[u8], limits: &DecodeLimits, size: DecodeSize) -> Option<DecodedImage> {
    let memory = scaled_memory(bytes, size)?;
    if bytes.len() as u64 > limits.file_bytes || memory > limits.memory {
        return None;
    }
    let scaled = || {
        jpeg_scaled::decode(bytes, limits.pixels, size)
            .ok_or_else(|| ImagingError::Unsupported(String::new()))
    };
    let ScaledImage {
        image,
        full_size,
        exif,
    } = catch_panics(ImageFormat::Jpeg, scaled).ok()?;
    Some(oriented(ImageFormat::Jpeg, image, full_size, exif))
}

/// Bytes that [`decode_scaled`] takes at its peak, from the header alone; none where it cannot be tried.
pub fn scaled_memory(bytes: &[u8], size: DecodeSize) -> Option<u64> {
    /// Three planes, RGB, and RGB once more to apply orientation.
    const BYTES_PER_PIXEL: u64 = 9;
    let (width, height) = jpeg_scaled::scaled_size(bytes, size)?;
    Some(width as u64 * height as u64 * BYTES_PER_PIXEL)
}

fn decode_format(
    format: ImageFormat,
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    match format {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits),
        ImageFormat::WebP => webp::decode(bytes, limits),
        ImageFormat::Tiff => tiff::decode(bytes, limits),
        ImageFormat::Ico => ico::decode(bytes, limits),
        ImageFormat::Png
        | ImageFormat::Gif
        | ImageFormat::Bmp
        | ImageFormat::Qoi
        | ImageFormat::Pnm
        | ImageFormat::Tga
        | ImageFormat::Hdr => raster::decode(format, bytes, limits),
    }
}

/// The last resort against bugs in decoders: a panic fails one file.
///
/// Decoders share no state between files, so that nothing is left inconsistent.
fn catch_panics<T>(
    format: ImageFormat,
    decode: impl FnOnce() -> Result<T, ImagingError>,
) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ImagingError::damaged(format_name(format), "the decoder panicked")))
}

/// Applies orientation. `full_size` is the size of the full image as stored, whatever the size of `image`.
fn oriented(format: ImageFormat, image: RgbImage, full_size: (u32, u32), exif: ExifData) -> DecodedImage {
    let orientation = exif.orientation.unwrap_or(Orientation::NoTransforms);
    let (width, height) = if orientation::swaps_sides(orientation) {
        (full_size.1, full_size.0)
    } else {
        full_size
    };
    DecodedImage {
        image: orientation::apply_orientation(image, orientation),
        metadata: Metadata {
            width,
            height,
            format,
            taken: exif.taken,
            camera: exif.camera,
            position: exif.position,
        },
    }
}

fn unsupported(bytes: &[u8]) -> ImagingError {
    let reason = if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if let Some(reason) = unsupported_content(bytes) {
        reason.to_owned()
    } else if let Some(content) = other_content(bytes) {
        format!("the file is {content}, not an image")
    } else {
        "unknown image format".to_owned()
    };
    ImagingError::Unsupported(reason)
}

/// The format's name as commonly written.
fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Qoi => "QOI",
        ImageFormat::Ico => "ICO",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Tga => "TGA",
        ImageFormat::Hdr => "HDR",
    }
}
