//! JPEG XL (ISO/IEC 18181), decoded by jxl-oxide.
//!
//! The decoder gets the codestream alone: it would decompress metadata of any size.

use std::borrow::Cow;

use image::{DynamicImage, ImageBuffer, RgbImage};
use jxl_oxide::{
    AllocTracker, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, PixelFormat, Render,
    RenderingIntent,
};

use super::Unoriented;
use crate::boxes::boxes;
use crate::color::{Cicp, ColorSpace};
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "JPEG XL";

/// A result of up to 16-bit RGBA, and its conversion. The decoder itself limits what it takes besides.
const BYTES_PER_PIXEL: u64 = 11;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let codestream = codestream(bytes).ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let mut image = read_header(&codestream, limits)?;
    let metadata = &image.image_header().metadata;
    let is_xyb = metadata.xyb_encoded && image.hdr_type().is_none();
    if is_xyb {
        // Colors that are coded absolutely can be rendered as sRGB at once, whatever profile the file suggests.
        image.request_color_encoding(if image.pixel_format().is_grayscale() {
            EnumColourEncoding::gray_srgb(RenderingIntent::Relative)
        } else {
            EnumColourEncoding::srgb(RenderingIntent::Relative)
        });
    }
    let color = if is_xyb {
        ColorSpace::Srgb
    } else {
        color_space(&image)
    };
    let render = match image.num_loaded_keyframes() {
        0 => image
            .render_loading_frame()
            .map_err(|_| ImagingError::truncated(FORMAT))?,
        _ => image.render_frame(0).map_err(convert_error)?,
    };
    let deep = matches!(color, ColorSpace::Hdr(_));
    let pixels = pixels(&render, image.pixel_format(), &color, deep);
    let pixels = pixels.ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    let color = if image.pixel_format().has_black() {
        ColorSpace::Srgb
    } else {
        color
    };
    let exif = exif(bytes).map(ExifData::parse).unwrap_or_default();
    Ok(Unoriented {
        image: pixels,
        color,
        // The decoder has applied the codestream's orientation, which EXIF's repeats.
        exif: ExifData {
            orientation: None,
            ..exif
        },
        damage: None,
    })
}

/// Decodes the header, checks its size, and reads the frames that are there.
fn read_header(codestream: &[u8], limits: &DecodeLimits) -> Result<JxlImage, ImagingError> {
    const STEP: usize = 4096;
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let builder = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(memory));
    let mut pending = builder.build_uninit();
    let mut rest = codestream;
    let mut image = loop {
        let (step, after) = rest.split_at(rest.len().min(STEP));
        if step.is_empty() {
            return Err(ImagingError::truncated(FORMAT));
        }
        pending.feed_bytes(step).map_err(convert_error)?;
        rest = after;
        match pending.try_init().map_err(convert_error)? {
            InitializeResult::NeedMoreData(more) => pending = more,
            InitializeResult::Initialized(image) => break image,
        }
    };
    let declared = DeclaredSize {
        width: image.width(),
        height: image.height(),
        bytes_per_pixel: BYTES_PER_PIXEL,
    };
    declared.check(FORMAT, limits)?;
    image.feed_bytes(rest).map_err(convert_error)?;
    Ok(image)
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
