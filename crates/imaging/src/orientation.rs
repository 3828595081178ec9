//! Applies EXIF orientation.

use image::metadata::Orientation;
use image::{Rgb, RgbImage, imageops};

/// Whether the orientation exchanges width and height.
pub fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Makes `stored` upright, by at most one transposition and flips in place.
pub fn apply_orientation(stored: RgbImage, orientation: Orientation) -> RgbImage {
    let mut image = if swaps_sides(orientation) {
        transpose(&stored)
    } else {
        stored
    };
    match orientation {
        Orientation::NoTransforms | Orientation::Rotate90FlipH => {}
        Orientation::FlipHorizontal | Orientation::Rotate90 => {
            imageops::flip_horizontal_in_place(&mut image);
        }
        Orientation::Rotate180 | Orientation::Rotate270FlipH => imageops::rotate180_in_place(&mut image),
        Orientation::FlipVertical | Orientation::Rotate270 => {
            imageops::flip_vertical_in_place(&mut image);
        }
    }
    image
}

/// Exchanges rows and columns, tile by tile, so that both sides of the copy stay in the cache.
fn transpose(image: &RgbImage) -> RgbImage {
    const TILE: usize = 32;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (source, _) = image.as_raw().as_chunks::<3>();
    let mut result = RgbImage::from_pixel(image.height(), image.width(), Rgb([0; 3]));
    let (target, _) = result.as_chunks_mut::<3>();
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for x in left..width.min(left + TILE) {
                for y in top..height.min(top + TILE) {
                    target[x * height + y] = source[y * width + x];
                }
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::DynamicImage;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn result_equals_image_crate(width in 1_u32..80, height in 1_u32..80, number in 1_u8..=8) {
            let stored = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 9]));
            let orientation = Orientation::from_exif(number).expect("1 to 8");
            let mut reference = DynamicImage::ImageRgb8(stored.clone());
            reference.apply_orientation(orientation);
            prop_assert_eq!(apply_orientation(stored, orientation), reference.into_rgb8());
        }
    }
}
