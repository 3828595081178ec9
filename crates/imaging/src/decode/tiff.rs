//! TIFF.

use image::{DynamicImage, RgbImage};

use super::{Scaled, Unoriented};
use crate::color::ColorSpace;
use crate::exif::{ExifData, Ifd, tag};
use crate::tiff::{Page, Pixels, TiffPages};
use crate::{DecodeLimits, ImagingError};

/// Decodes page `page`, counted from 0.
pub(super) fn decode(bytes: &[u8], page: usize, limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let pages = TiffPages::open(bytes)?;
    let decoded = pages.decode(page, limits)?;
    Ok(unoriented(bytes, &pages, page, decoded))
}

/// Averages squares of pixels while strips or tiles are read.
pub(super) fn decode_reduced(bytes: &[u8], page: usize, limits: &DecodeLimits) -> Option<Scaled> {
    let pages = TiffPages::open(bytes).ok()?;
    let (decoded, full_size) = pages.decode_reduced(page, limits)?;
    Some(Scaled {
        unoriented: unoriented(bytes, &pages, page, decoded),
        full_size,
    })
}

fn unoriented(bytes: &[u8], pages: &TiffPages, index: usize, page: Page) -> Unoriented {
    let exif = ExifData::parse(bytes);
    let color = color_of_page(pages, index, &exif);
    let (image, color) = match page.pixels {
        Pixels::Image(image) => (image, color),
        Pixels::Inks { width, height, inks } => {
            let rgb = RgbImage::from_raw(width, height, color.inks_to_srgb(inks)).unwrap_or_default();
            (DynamicImage::ImageRgb8(rgb), ColorSpace::Srgb)
        }
    };
    Unoriented {
        image,
        color,
        exif: ExifData {
            orientation: pages.orientation(index),
            ..exif
        },
        damage: page.damage,
    }
}

/// The color space of a file, from its first page.
pub(super) fn color_space(bytes: &[u8]) -> ColorSpace {
    let pages = TiffPages::open(bytes);
    pages.map_or(ColorSpace::Srgb, |pages| {
        color_of_page(&pages, 0, &ExifData::parse(bytes))
    })
}

/// Whether the first directory has samples besides the colors.
pub(super) fn has_extra_samples(bytes: &[u8]) -> bool {
    Ifd::first(bytes).is_some_and(|ifd| ifd.has(tag::EXTRA_SAMPLES))
}

fn color_of_page(pages: &TiffPages, page: usize, exif: &ExifData) -> ColorSpace {
    pages
        .icc_profile(page)
        .map_or_else(|| ColorSpace::of_exif(exif), ColorSpace::from_icc)
}

/// Number of pages, at least 1.
pub(super) fn page_count(bytes: &[u8]) -> usize {
    TiffPages::open(bytes).map_or(1, |pages| pages.len())
}
