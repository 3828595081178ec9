//! Thumbnails, and their store on disk.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

mod store;

pub use store::ThumbnailStore;

/// Shrinks `image` so that its longer side has `long_side` pixels (Lanczos 3, antialiased). A smaller image is returned
/// unchanged.
pub fn thumbnail(image: &RgbImage, long_side: u32) -> RgbImage {
    let (width, height) = fit_within(image.dimensions(), long_side.max(1));
    resize(image, width, height).unwrap_or_else(|| image.clone())
}

/// The size that fits within a square of `long_side`, at least one pixel in each direction.
fn fit_within((width, height): (u32, u32), long_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= long_side {
        return (width, height);
    }
    let scaled = |side: u32| {
        let rounded = (u64::from(side) * u64::from(long_side) + u64::from(longest) / 2) / u64::from(longest);
        (rounded as u32).max(1)
    };
    (scaled(width), scaled(height))
}

/// None if the image has that size already, or no pixels.
fn resize(image: &RgbImage, width: u32, height: u32) -> Option<RgbImage> {
    if (width, height) == image.dimensions() {
        return None;
    }
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3).ok()?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    RgbImage::from_raw(width, height, target.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    #[test]
    fn small_images_are_not_enlarged() {
        let image = RgbImage::from_pixel(30, 20, Rgb([1, 2, 3]));
        assert_eq!(thumbnail(&image, 384), image);
        assert_eq!(thumbnail(&RgbImage::new(0, 0), 384).dimensions(), (0, 0));
    }

    #[test]
    fn colors_keep_their_place() {
        let image = RgbImage::from_fn(900, 300, |x, _| {
            if x < 450 {
                Rgb([200, 10, 10])
            } else {
                Rgb([10, 10, 200])
            }
        });
        let small = thumbnail(&image, 90);
        assert_eq!(small.dimensions(), (90, 30));
        assert_eq!(small.get_pixel(5, 15), &Rgb([200, 10, 10]));
        assert_eq!(small.get_pixel(85, 15), &Rgb([10, 10, 200]));
    }

    proptest! {
        #[test]
        fn long_side_fits_and_no_side_is_empty(width in 1_u32..700, height in 1_u32..700, side in 1_u32..400) {
            let small = thumbnail(&RgbImage::new(width, height), side);
            let expected = side.min(width.max(height));
            prop_assert_eq!(small.width().max(small.height()), expected);
            prop_assert!(small.width().min(small.height()) >= 1);
        }

        #[test]
        fn any_size_fits(width: u32, height: u32) {
            let (w, h) = fit_within((width.max(1), height.max(1)), 384);
            prop_assert!(w <= 384 && h <= 384 && w >= 1 && h >= 1);
        }
    }
}
