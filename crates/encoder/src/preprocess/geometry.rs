//! Which part of a resized image the crop keeps, computed before any pixel is.

use super::config::{CropRounding, OutputSize, PixelSize, ProcessorConfig, ResizeTarget};

/// What the crop keeps of a resized image.
#[derive(Debug, PartialEq)]
pub struct CropWindow {
    pub columns: AxisCrop,
    pub rows: AxisCrop,
}

/// One axis of a [`CropWindow`].
#[derive(Debug, PartialEq)]
pub struct AxisCrop {
    /// Pixels of the source.
    pub source: u32,
    /// Pixels of the whole resized image, which can be very long for an extreme shape.
    pub resized: u64,
    /// First pixel of the resized image that is kept.
    pub first: u64,
    /// Number of pixels that are kept.
    pub pixels: u32,
    /// First pixel of the output that they fill: above 0 where the resized image is smaller than the crop.
    pub offset: u32,
}

impl CropWindow {
    /// The window of an image of `width` × `height` pixels, both at least 1, for the output size `output`.
    pub fn new((width, height): (u32, u32), config: &ProcessorConfig, output: PixelSize) -> Self {
        let (resized_width, resized_height) = match (config.output, config.resize) {
            (OutputSize::Patches { .. }, _) => (output.width.into(), output.height.into()),
            (OutputSize::Fixed(_), None) => (width.into(), height.into()),
            (OutputSize::Fixed(_), Some(resize)) => resized_size(width.into(), height.into(), resize.target),
        };
        Self {
            columns: AxisCrop::centered(width, resized_width, output.width, config.crop_rounding),
            rows: AxisCrop::centered(height, resized_height, output.height, config.crop_rounding),
        }
    }

    /// The window of an image that is resized to `size` and not cropped.
    pub fn uncropped((width, height): (u32, u32), size: PixelSize) -> Self {
        let whole = |source, pixels: u32| AxisCrop {
            source,
            resized: pixels.into(),
            first: 0,
            pixels,
            offset: 0,
        };
        Self {
            columns: whole(width, size.width),
            rows: whole(height, size.height),
        }
    }
}

impl OutputSize {
    /// The output size of an image of `width` × `height` pixels.
    pub fn for_image(self, (width, height): (u32, u32)) -> PixelSize {
        match self {
            Self::Fixed(size) => size,
            Self::Patches { side, max } => whole_patches((width.max(1), height.max(1)), side, max),
        }
    }
}

/// The largest size of at most `max` whole patches, found as the reference does: by bisecting an interval of
/// scales.
fn whole_patches((width, height): (u32, u32), side: u32, max: u32) -> PixelSize {
    const STEP: f64 = 1e-5;
    let patches = |scale: f64, length: u32| (f64::from(length) * scale / f64::from(side)).ceil().max(1.0);
    let (mut low, mut high) = (STEP / 10.0, 100.0);
    while high - low >= STEP {
        let scale = f64::midpoint(low, high);
        if patches(scale, height) * patches(scale, width) <= f64::from(max) {
            low = scale;
        } else {
            high = scale;
        }
    }
    // The smallest scale may leave a very long image more than `max` patches along one side.
    let pixels = |length| patches(low, length).min(f64::from(max)) as u32 * side;
    PixelSize {
        height: pixels(height),
        width: pixels(width),
    }
}

impl AxisCrop {
    /// The middle `crop` of an axis of `source` pixels resized to `resized`.
    fn centered(source: u32, resized: u64, crop: u32, crop_rounding: CropRounding) -> Self {
        let pixels = resized.min(u64::from(crop)) as u32;
        let (cut, added) = (resized - u64::from(pixels), crop - pixels);
        let (first, offset) = match crop_rounding {
            CropRounding::Transformers => (cut / 2, added.div_ceil(2)),
            // Rounds half a pixel to even.
            CropRounding::Torchvision => (cut / 2 + u64::from(cut % 4 == 3), added / 2),
        };
        Self {
            source,
            resized,
            first,
            pixels,
            offset,
        }
    }
}

/// Width and height after resizing. As in the references, a side that follows the shorter one is rounded
/// down.
fn resized_size(width: u64, height: u64, target: ResizeTarget) -> (u64, u64) {
    match target {
        ResizeTarget::Exactly(size) => (size.width.into(), size.height.into()),
        ResizeTarget::ShortestEdge(edge) => {
            let long = |side: u64, short: u64| ((u64::from(edge) * side) as f64 / short as f64) as u64;
            if width <= height {
                (edge.into(), long(height, width))
            } else {
                (long(width, height), edge.into())
            }
        }
        ResizeTarget::Within(size) => {
            let ratio = (width as f64 / f64::from(size.width)).max(height as f64 / f64::from(size.height));
            let side = |side: u64| ((side as f64 / ratio).round_ties_even() as u64).max(1);
            (side(width), side(height))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shortest(edge: u32) -> ResizeTarget {
        ResizeTarget::ShortestEdge(edge)
    }

    proptest! {
        #[test]
        fn patches_are_whole_and_within_limit(width: u32, height: u32, side in 1_u32..32, max in 1_u32..300) {
            let size = OutputSize::Patches { side, max }.for_image((width, height));
            let (rows, columns) = (size.height / side, size.width / side);
            prop_assert!(rows * side == size.height && columns * side == size.width);
            prop_assert!(rows >= 1 && columns >= 1);
            // Beyond a million pixels per side, the smallest scale of the reference is not small enough.
            if width.max(height) < 1_000_000 {
                prop_assert!(rows * columns <= max, "{rows} {columns}");
            }
        }
    }

    #[test]
    fn torchvision_rounds_halves_to_even() {
        let first = |cut: u64| AxisCrop::centered(100, 10 + cut, 10, CropRounding::Torchvision).first;
        assert_eq!([1, 2, 3, 4, 5, 7].map(first), [0, 1, 2, 2, 2, 4]);
        assert_eq!(
            AxisCrop::centered(10, 10, 15, CropRounding::Torchvision).offset,
            2
        );
    }

    #[test]
    fn longer_side_fills_bounds() {
        let within = ResizeTarget::Within(PixelSize::square(224));
        assert_eq!(resized_size(640, 427, within), (224, 149));
        assert_eq!(resized_size(1, 60_000, within), (1, 224));
    }

    #[test]
    fn long_side_is_rounded_down() {
        assert_eq!(resized_size(640, 427, shortest(224)), (335, 224));
        assert_eq!(resized_size(427, 640, shortest(224)), (224, 335));
        assert_eq!(
            resized_size(1, u64::from(u32::MAX), shortest(224)),
            (224, 224 * u64::from(u32::MAX))
        );
    }

    #[test]
    fn image_smaller_than_crop_is_centered() {
        let crop = AxisCrop::centered(10, 10, 15, CropRounding::Transformers);
        assert_eq!((crop.pixels, crop.offset), (10, 3));
        let crop = AxisCrop::centered(10, 10, 10, CropRounding::Transformers);
        assert_eq!((crop.first, crop.pixels, crop.offset), (0, 10, 0));
    }

    #[test]
    fn odd_remainder_is_cut_at_end() {
        let crop = AxisCrop::centered(10, 10, 7, CropRounding::Transformers);
        assert_eq!((crop.first, crop.pixels, crop.offset), (1, 7, 0));
    }
}
