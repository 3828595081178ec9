//! JPEG XL (ISO/IEC 18181), decoded by jxl-oxide.
//!
//! The decoder gets the codestream alone: it would decompress metadata of any size.

use std::borrow::Cow;

use image::{DynamicImage, ImageBuffer, RgbImage};
use jxl_oxide::{
    AllocTracker, CropInfo, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, PixelFormat,
    Render, RenderingIntent,
};

use super::{Scaled, Unoriented};
use crate::boxes::boxes;
use crate::color::{Cicp, ColorSpace};
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::reduced::{Original, SquareAverages};
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "JPEG XL";

/// A result of up to 16-bit RGBA, and its conversion. The decoder itself limits what it takes besides.
const BYTES_PER_PIXEL: u64 = 11;

/// Pixels across and down that are rendered at a time, where the whole is too large: eight groups of the usual size.
const REGION_SIDE: u32 = 2048;

/// Bytes per pixel of such a region: four channels of four bytes, and their copies in filters.
const REGION_BYTES_PER_PIXEL: u64 = 48;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let codestream = codestream(bytes).ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let (mut image, frames) = read_header(&codestream, limits.memory)?;
    let declared = DeclaredSize {
        width: image.width(),
        height: image.height(),
        bytes_per_pixel: BYTES_PER_PIXEL,
    };
    declared.check(FORMAT, limits)?;
    image.feed_bytes(frames).map_err(convert_error)?;
    let color = request_color(&mut image);
    let render = match image.num_loaded_keyframes() {
        0 => image
            .render_loading_frame()
            .map_err(|_| ImagingError::truncated(FORMAT))?,
        _ => image.render_frame(0).map_err(convert_error)?,
    };
    let deep = matches!(color, ColorSpace::Hdr(_));
    let pixels = pixels(&render, image.pixel_format(), &color, deep);
    let pixels = pixels.ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(unoriented(bytes, &image, pixels, color))
}

/// Renders one region after the other.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    decode_regions(bytes, REGION_SIDE, limits)
}

fn decode_regions(bytes: &[u8], region_side: u32, limits: &DecodeLimits) -> Option<Scaled> {
    let codestream = codestream(bytes)?;
    let (mut image, frames) = read_header(&codestream, limits.memory).ok()?;
    let format = image.pixel_format();
    let (width, height) = (image.width(), image.height());
    let region = u64::from(region_side.min(width)) * u64::from(region_side.min(height));
    let original = Original {
        width,
        height,
        colors: if format.is_grayscale() { 1 } else { 3 },
        decoder_memory: region * REGION_BYTES_PER_PIXEL,
    };
    let side = original.square_side(limits)?;
    image.feed_bytes(frames).ok()?;
    let color = request_color(&mut image);
    let has_alpha = format.has_alpha() && !format.has_black();
    let mut averages = SquareAverages::new(&original, side, has_alpha, 0);
    for top in (0..height).step_by(region_side as usize) {
        for left in (0..width).step_by(region_side as usize) {
            image.set_image_region(CropInfo {
                left,
                top,
                width: region_side.min(width - left),
                height: region_side.min(height - top),
            });
            let region = pixels(&image.render_frame(0).ok()?, format, &color, false)?;
            let stride = region.width() as usize * usize::from(region.color().channel_count());
            for (row, y) in region.as_bytes().chunks_exact(stride).zip(top..) {
                averages.add(left, y, row);
            }
        }
    }
    Some(Scaled {
        unoriented: unoriented(bytes, &image, averages.into_image()?, color),
        full_size: (width, height),
    })
}

fn unoriented(bytes: &[u8], image: &JxlImage, pixels: DynamicImage, color: ColorSpace) -> Unoriented {
    let exif = exif(bytes).map(ExifData::parse).unwrap_or_default();
    Unoriented {
        image: pixels,
        // Inks have been converted.
        color: if image.pixel_format().has_black() {
            ColorSpace::Srgb
        } else {
            color
        },
        // The decoder has applied the codestream's orientation, which EXIF's repeats.
        exif: ExifData {
            orientation: None,
            ..exif
        },
        damage: None,
    }
}

/// Asks for sRGB where colors are coded absolutely, whatever profile the file suggests. Returns the color space of what is
/// rendered.
fn request_color(image: &mut JxlImage) -> ColorSpace {
    let metadata = &image.image_header().metadata;
    if !metadata.xyb_encoded || image.hdr_type().is_some() {
        return color_space(image);
    }
    image.request_color_encoding(if image.pixel_format().is_grayscale() {
        EnumColourEncoding::gray_srgb(RenderingIntent::Relative)
    } else {
        EnumColourEncoding::srgb(RenderingIntent::Relative)
    });
    ColorSpace::Srgb
}

/// Decodes the header, and returns it with the codestream behind it. Decoding will take at most `memory` bytes.
fn read_header(codestream: &[u8], memory: u64) -> Result<(JxlImage, &[u8]), ImagingError> {
    const STEP: usize = 4096;
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    let builder = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(memory));
    let mut pending = builder.build_uninit();
    let mut rest = codestream;
    loop {
        let (step, after) = rest.split_at(rest.len().min(STEP));
        if step.is_empty() {
            return Err(ImagingError::truncated(FORMAT));
        }
        pending.feed_bytes(step).map_err(convert_error)?;
        rest = after;
        match pending.try_init().map_err(convert_error)? {
            InitializeResult::NeedMoreData(more) => pending = more,
            InitializeResult::Initialized(image) => return Ok((image, rest)),
        }
    }
}

/// The color space of the pixels as they are rendered.
fn color_space(image: &JxlImage) -> ColorSpace {
    match image.rendered_cicp() {
        Some([primaries, transfer, ..]) => ColorSpace::from_cicp(Cicp { primaries, transfer }),
        None => ColorSpace::from_icc(&image.rendered_icc()),
    }
}

fn pixels(render: &Render, format: PixelFormat, color: &ColorSpace, deep: bool) -> Option<DynamicImage> {
    let mut stream = if format == PixelFormat::Cmyka {
        render.stream_no_alpha()
    } else {
        render.stream()
    };
    let (width, height) = (stream.width(), stream.height());
    let count = width as usize * height as usize * stream.channels() as usize;
    if deep {
        let mut samples = vec![0_u16; count];
        stream.write_to_buffer(&mut samples);
        return Some(match format {
            PixelFormat::Gray => DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, samples)?),
            PixelFormat::Graya => DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, samples)?),
            PixelFormat::Rgb => DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, samples)?),
            PixelFormat::Rgba => DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, samples)?),
            PixelFormat::Cmyk | PixelFormat::Cmyka => return None,
        });
    }
    let mut samples = vec![0_u8; count];
    stream.write_to_buffer(&mut samples);
    Some(match format {
        PixelFormat::Gray => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, samples)?),
        PixelFormat::Graya => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, samples)?),
        PixelFormat::Rgb => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, samples)?),
        PixelFormat::Rgba => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, samples)?),
        PixelFormat::Cmyk | PixelFormat::Cmyka => {
            // Full ink is 0 here.
            for ink in &mut samples {
                *ink = 255 - *ink;
            }
            DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, color.inks_to_srgb(samples))?)
        }
    })
}

/// The codestream: the file itself, or the content of its boxes (ISO/IEC 18181-2, 9).
fn codestream(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if bytes.starts_with(&[0xFF, 0x0A]) {
        return Some(Cow::Borrowed(bytes));
    }
    let mut parts = Vec::new();
    for (kind, content) in boxes(bytes) {
        match &kind {
            b"jxlc" => return Some(Cow::Borrowed(content)),
            b"jxlp" => parts.extend_from_slice(content.get(4..).unwrap_or_default()),
            _ => {}
        }
    }
    (!parts.is_empty()).then_some(Cow::Owned(parts))
}

/// The EXIF block, behind the offset of its TIFF header.
fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let content = boxes(bytes).find(|(kind, _)| kind == b"Exif")?.1;
    let (offset, block) = content.split_first_chunk::<4>()?;
    block.get(u32::from_be_bytes(*offset) as usize..)
}

fn convert_error(error: Box<dyn std::error::Error + Send + Sync>) -> ImagingError {
    // The message of the tracker of allocations, whose error has no type of its own here.
    if error.to_string().contains("failed to allocate") {
        return ImagingError::out_of_memory_limit();
    }
    ImagingError::damaged(FORMAT, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_join_without_seams() {
        let bytes = include_bytes!("../../tests/data/picture.jxl");
        let limits = DecodeLimits::default();
        let image = |side| decode_regions(bytes, side, &limits).map(|scaled| scaled.unoriented.image);
        let whole = image(64).expect("a valid file").into_rgb8();
        // 48 × 32 pixels in regions whose sides are no multiple of the squares'.
        let joined = image(15).expect("a valid file").into_rgb8();
        assert_eq!(joined, whole);
    }
}
