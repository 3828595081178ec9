//! TGA, with the irregular headers of old writers.

use std::borrow::Cow;

use eidetic_domain::ImageFormat;
use image::DynamicImage;

use super::{Unoriented, raster};
use crate::{DecodeLimits, ImagingError};

const PIXEL_BITS: usize = 16;
const DESCRIPTOR: usize = 17;
const ALPHA_BITS: u8 = 15;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let mut unoriented = raster::decode(ImageFormat::Tga, &with_known_alpha(bytes), limits)?;
    let alpha_bits = bytes
        .get(DESCRIPTOR)
        .map_or(0, |descriptor| descriptor & ALPHA_BITS);
    // Writers that state no alpha fill the fourth byte with zeros, or store alpha all the same.
    if alpha_bits == 0 && is_invisible(&unoriented.image) {
        unoriented.image = DynamicImage::ImageRgb8(unoriented.image.into_rgb8());
    }
    Ok(unoriented)
}

/// Whether all pixels are transparent.
fn is_invisible(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().all(|pixel| pixel.0[3] == 0),
        _ => false,
    }
}

/// Pixels of 16 bits have at most one bit of alpha, whatever the header says.
fn with_known_alpha(bytes: &[u8]) -> Cow<'_, [u8]> {
    match (bytes.get(PIXEL_BITS), bytes.get(DESCRIPTOR)) {
        (Some(16), Some(descriptor)) if descriptor & ALPHA_BITS > 1 && is_color(bytes) => {
            let mut file = bytes.to_vec();
            file[DESCRIPTOR] = descriptor & !ALPHA_BITS | 1;
            Cow::Owned(file)
        }
        _ => Cow::Borrowed(bytes),
    }
}

fn is_color(bytes: &[u8]) -> bool {
    matches!(bytes.get(2), Some(2 | 10))
}
