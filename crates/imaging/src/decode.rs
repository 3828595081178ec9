//! From bytes to a picture: find the format, decode it, turn it upright, read what it says about itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use eidetic_domain::{ImageFormat, Metadata};
use image::{DynamicImage, RgbImage};

use crate::classify::{format_of, other_content, unsupported_content};
use crate::exif::Facts;
use crate::scaled::{self, DecodeSize, Scaled};
use crate::{DecodeLimits, DecodedImage, ImagingError, orientation, pixels};

mod icon;
mod jpeg;
mod raster;
mod tiff;
mod webp;

/// What a format's decoder hands on: pixels as stored, and the file's own facts.
struct Raw {
    image: DynamicImage,
    facts: Facts,
}

/// Decodes one whole file, whatever its name, to upright RGB of eight bits.
///
/// - EXIF orientation is applied (JPEG, PNG `eXIf`, WebP `EXIF`, TIFF tag), transparency is laid on white, sixteen bits
///   become eight, CMYK and Adobe's inverted CMYK become RGB by multiplication, as browsers do. Radiance HDR is
///   tone-mapped. Of an animation the first frame is taken, of an icon file the largest icon.
/// - Colour profiles are not applied: a wide-gamut picture looks a little duller than in a colour-managed viewer, which
///   encoders, trained on files read the same way, do not mind.
/// - Of a truncated or spoilt JPEG, what there is of it is shown, the rest grey; [`ImagingError::Damaged`] only if
///   nothing is there. Other formats are all or nothing.
/// - A picture of more than 50 million pixels comes at half its size; the metadata keep its true size.
/// - No memory is taken for pixels before the header's claim has been held against `limits`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, ImagingError> {
    if bytes.len() as u64 > limits.file_bytes {
        return Err(ImagingError::TooLarge(format!(
            "a file of {} MiB, where {} are allowed",
            bytes.len() >> 20,
            limits.file_bytes >> 20
        )));
    }
    let format = format_of(bytes).ok_or_else(|| no_picture(bytes))?;
    let raw = contain_panic(format, || decode_format(format, bytes, limits))?;
    Ok(finish(format, raw))
}

/// Like [`decode`], but perhaps at a half, a quarter or an eighth of the size, if that keeps `detail` and costs less.
///
/// Whoever compares embeddings must decode all pictures with one `detail`: then equal files have equal pixels.
pub fn decode_at_least(
    bytes: &[u8],
    limits: &DecodeLimits,
    detail: DecodeSize,
) -> Result<DecodedImage, ImagingError> {
    decode_scaled(bytes, limits, detail).map_or_else(|| decode(bytes, limits), Ok)
}

/// The cheap half of [`decode_at_least`]: none where only [`decode`] will do, which says nothing about the file. It takes the
/// memory that [`scaled_memory`] tells.
pub fn decode_scaled(bytes: &[u8], limits: &DecodeLimits, detail: DecodeSize) -> Option<DecodedImage> {
    let memory = scaled_memory(bytes, detail)?;
    if bytes.len() as u64 > limits.file_bytes || memory > limits.memory {
        return None;
    }
    let scaled = || {
        scaled::decode(bytes, limits.pixels, detail).ok_or_else(|| ImagingError::Unsupported(String::new()))
    };
    let Scaled { image, size, facts } = contain_panic(ImageFormat::Jpeg, scaled).ok()?;
    Some(upright_with_facts(ImageFormat::Jpeg, image, size, facts))
}

/// Bytes that [`decode_scaled`] takes at its peak, from the header; none where it cannot be tried.
pub fn scaled_memory(bytes: &[u8], detail: DecodeSize) -> Option<u64> {
    /// Planes, RGB, and RGB once more to turn it upright.
    const BYTES_A_PIXEL: u64 = 9;
    let (width, height) = scaled::size(bytes, detail)?;
    Some(width as u64 * height as u64 * BYTES_A_PIXEL)
}

fn decode_format(format: ImageFormat, bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    match format {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits),
        ImageFormat::WebP => webp::decode(bytes, limits),
        ImageFormat::Tiff => tiff::decode(bytes, limits),
        ImageFormat::Ico => icon::decode(bytes, limits),
        ImageFormat::Png
        | ImageFormat::Gif
        | ImageFormat::Bmp
        | ImageFormat::Qoi
        | ImageFormat::Pnm
        | ImageFormat::Tga
        | ImageFormat::Hdr => raster::decode(format, bytes, limits),
    }
}

/// The last resort against a decoder's own mistake: a library that panics on some bytes costs that file alone.
///
/// The decoders keep no state between files, so nothing is left half-changed.
fn contain_panic<T>(
    format: ImageFormat,
    decode: impl FnOnce() -> Result<T, ImagingError>,
) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(ImagingError::damaged(
            name(format),
            "its content makes the decoder fail",
        ))
    })
}

fn finish(format: ImageFormat, raw: Raw) -> DecodedImage {
    let Raw { image, facts } = raw;
    let size = (image.width(), image.height());
    let rgb: RgbImage = pixels::halve_if_huge(pixels::to_rgb(image));
    upright_with_facts(format, rgb, size, facts)
}

/// `size` is the whole picture's as stored, whatever became of `image`.
fn upright_with_facts(format: ImageFormat, image: RgbImage, size: (u32, u32), facts: Facts) -> DecodedImage {
    let (width, height) = if facts.orientation.swaps_sides() {
        (size.1, size.0)
    } else {
        size
    };
    DecodedImage {
        image: orientation::apply_orientation(image, facts.orientation),
        metadata: Metadata {
            width,
            height,
            format,
            taken: facts.taken,
            camera: facts.camera,
            position: facts.position,
        },
    }
}

fn no_picture(bytes: &[u8]) -> ImagingError {
    let reason = if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if let Some(reason) = unsupported_content(bytes) {
        reason.to_owned()
    } else if let Some(what) = other_content(bytes) {
        format!("it is {what}, not a picture")
    } else {
        "its content is of no picture format that Eidetic knows".to_owned()
    };
    ImagingError::Unsupported(reason)
}

/// The format's name as people write it.
fn name(format: ImageFormat) -> &'static str {
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
