//! Decodes the image of one directory.

use image::DynamicImage;

use super::bands::{Bands, Coverage, undo_predictor};
use super::canvas::{Canvas, UNDECODED};
use super::color::Converter;
use super::floats;
use super::layout::{Alpha, FORMAT, Layout, Photometric, SampleFormat};
use super::painter::{Painter, paint_ycbcr};
use super::ycbcr::YCbCrToRgb;
use crate::reduced::Original;
use crate::{DecodeLimits, ImagingError, damage};

/// A decoded image as stored, before orientation.
pub struct Page {
    pub pixels: Pixels,
    /// What is wrong with the file, if it is damaged and yet shows something.
    pub damage: Option<String>,
}

/// Pixels in the colors of the file: those of its ICC profile, if it has one.
pub enum Pixels {
    Image(DynamicImage),
    /// Cyan, magenta, yellow and black, 255 for full ink.
    Inks {
        width: u32,
        height: u32,
        inks: Vec<u8>,
    },
}

/// Decodes the image that `layout` describes. `keeps_inks`: whether CMYK is returned as inks.
pub fn decode(layout: &Layout, keeps_inks: bool, limits: &DecodeLimits) -> Result<Page, ImagingError> {
    let bands = Bands::new(layout);
    if layout.sample_format == SampleFormat::Float {
        return floats::decode(layout, &bands, limits);
    }
    let converter = Converter::new(layout, keeps_inks)?;
    let channels = converter.channels();
    layout
        .declared(channels as u64, bands.memory() + row_memory(layout))
        .check(FORMAT, limits)?;
    let mut canvas = Canvas::new(layout, channels);
    let coverage = match canvas.content() {
        Some(content) if is_direct(layout, &converter) => fill_directly(layout, &bands, content),
        _ => paint(layout, &bands, &converter, &mut canvas),
    };
    Ok(Page {
        damage: damage_of(layout, coverage)?,
        pixels: canvas.into_pixels(keeps_inks && layout.photometric == Photometric::Separated)?,
    })
}

/// The same at a reduced size; none where that is not within `limits` or there is nothing to show.
pub fn decode_reduced(layout: &Layout, keeps_inks: bool, limits: &DecodeLimits) -> Option<Page> {
    if layout.sample_format == SampleFormat::Float {
        return None;
    }
    let bands = Bands::new(layout);
    let converter = Converter::new(layout, keeps_inks).ok()?;
    let original = Original {
        width: layout.width,
        height: layout.height,
        colors: converter.channels() - usize::from(layout.alpha != Alpha::None),
        decoder_memory: bands.memory().checked_add(row_memory(layout))?,
    };
    let side = original.square_side(limits)?;
    let mut canvas = Canvas::reduced(layout, &original, side);
    let coverage = paint(layout, &bands, &converter, &mut canvas);
    Some(Page {
        damage: damage_of(layout, coverage).ok()?,
        pixels: canvas
            .into_pixels(keeps_inks && layout.photometric == Photometric::Separated)
            .ok()?,
    })
}

/// Bytes of a row's samples while their colors are converted.
fn row_memory(layout: &Layout) -> u64 {
    u64::from(layout.chunks.width.max(layout.width)) * layout.samples as u64 * 3
}

fn paint(layout: &Layout, bands: &Bands, converter: &Converter, canvas: &mut Canvas) -> Coverage {
    if layout.decoded_photometric() == Photometric::YCbCr {
        let colors = YCbCrToRgb::new(&layout.directory);
        bands.for_each(|band| paint_ycbcr(layout, &colors, canvas, band))
    } else {
        let mut painter = Painter::new(layout, converter);
        bands.for_each(|band| painter.paint(canvas, band))
    }
}

/// Fails if nothing was read, else says what is missing.
pub fn damage_of(layout: &Layout, coverage: Coverage) -> Result<Option<String>, ImagingError> {
    let total = u64::from(layout.width) * u64::from(layout.height);
    match coverage.error {
        Some(error) if coverage.pixels == 0 => Err(error),
        _ => Ok(damage::of_part(coverage.pixels, total)),
    }
}

/// Whether strips can be decompressed into the result.
fn is_direct(layout: &Layout, converter: &Converter) -> bool {
    converter.is_identity()
        && layout.decoded_photometric() != Photometric::YCbCr
        && layout.bits == 8
        && layout.sample_format == SampleFormat::Unsigned
        && !layout.is_planar
        && !layout.chunks.is_tiled
        && !layout.compression.is_image_format()
}

fn fill_directly(layout: &Layout, bands: &Bands, content: &mut [u8]) -> Coverage {
    /// Rows are decompressed and their predictor undone while they are in the cache.
    const STEP_BYTES: usize = 64 << 10;
    let row_bytes = layout.width as usize * layout.samples;
    let strip_bytes = row_bytes * layout.chunks.height as usize;
    let step = (STEP_BYTES / row_bytes).max(1) * row_bytes;
    let mut coverage = Coverage::default();
    for (index, strip) in content.chunks_mut(strip_bytes).enumerate() {
        let rows = (strip.len() / row_bytes) as u32;
        let filled = bands.with_sources(index, rows, |sources| {
            let mut filled = 0;
            for part in strip.chunks_mut(step) {
                let count = sources[0].fill(part);
                let complete = count - count % row_bytes;
                undo_predictor(layout, &mut part[..complete], row_bytes);
                part[complete..count].fill(UNDECODED);
                filled += complete;
                if complete < part.len() {
                    break;
                }
            }
            filled
        });
        match filled {
            Ok(filled) => {
                coverage.pixels += (filled / layout.samples) as u64;
                if filled < strip.len() && coverage.error.is_none() {
                    coverage.error = Some(ImagingError::truncated(FORMAT));
                }
            }
            Err(error) => coverage.error = coverage.error.or(Some(error)),
        }
    }
    coverage
}
