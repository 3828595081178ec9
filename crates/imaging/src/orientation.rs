//! EXIF orientation: which way up a picture was taken, and turning it so.

use image::{Rgb, RgbImage, imageops};

/// How stored pixels lie against the scene, numbered as in EXIF 2.3, tag 0x0112.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Orientation {
    #[default]
    Upright,
    Mirrored,
    UpsideDown,
    MirroredUpsideDown,
    Transposed,
    NeedsClockwise,
    Transversed,
    NeedsCounterclockwise,
}

impl Orientation {
    /// The orientation of EXIF's number; none for numbers that mean nothing.
    pub fn from_exif(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Upright,
            2 => Self::Mirrored,
            3 => Self::UpsideDown,
            4 => Self::MirroredUpsideDown,
            5 => Self::Transposed,
            6 => Self::NeedsClockwise,
            7 => Self::Transversed,
            8 => Self::NeedsCounterclockwise,
            _ => return None,
        })
    }

    /// Whether turning upright makes width of height.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transposed | Self::NeedsClockwise | Self::Transversed | Self::NeedsCounterclockwise
        )
    }
}

/// Turns `stored` upright: at most one transposition, then flips in place.
pub fn apply_orientation(stored: RgbImage, orientation: Orientation) -> RgbImage {
    let mut image = if orientation.swaps_sides() {
        transpose(&stored)
    } else {
        stored
    };
    match orientation {
        Orientation::Upright | Orientation::Transposed => {}
        Orientation::Mirrored | Orientation::NeedsClockwise => {
            imageops::flip_horizontal_in_place(&mut image);
        }
        Orientation::UpsideDown | Orientation::Transversed => imageops::rotate180_in_place(&mut image),
        Orientation::MirroredUpsideDown | Orientation::NeedsCounterclockwise => {
            imageops::flip_vertical_in_place(&mut image);
        }
    }
    image
}

/// Rows become columns, tile by tile, so that both sides of the copy stay within the cache.
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
    use image::metadata::Orientation as Reference;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn turning_equals_the_image_crates(width in 1_u32..80, height in 1_u32..80, number in 1_u8..=8) {
            let stored = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 9]));
            let mut reference = DynamicImage::ImageRgb8(stored.clone());
            reference.apply_orientation(Reference::from_exif(number).expect("1 to 8"));
            let orientation = Orientation::from_exif(u32::from(number)).expect("1 to 8");
            prop_assert_eq!(apply_orientation(stored, orientation), reference.into_rgb8());
        }
    }

    #[test]
    fn numbers_without_meaning_are_none() {
        assert_eq!(Orientation::from_exif(0), None);
        assert_eq!(Orientation::from_exif(9), None);
    }
}
