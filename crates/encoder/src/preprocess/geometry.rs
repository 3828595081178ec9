//! Which part of a picture the crop keeps, computed before any pixel is touched.

use super::config::{CropRounding, Output, Settings, Target};

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub height: u32,
    pub width: u32,
}

/// What the crop keeps of a resized picture.
#[derive(Debug, PartialEq)]
pub struct Window {
    pub columns: Kept,
    pub rows: Kept,
}

/// One axis of a [`Window`].
#[derive(Debug, PartialEq)]
pub struct Kept {
    /// Pixels of the source.
    pub source: u32,
    /// Pixels of the whole resized picture; an extreme shape can make it very long.
    pub resized: u64,
    /// First pixel of the resized picture that is kept.
    pub first: u64,
    /// How many of its pixels are kept.
    pub pixels: u32,
    /// Where in the output they begin: above 0 where the resized picture is smaller than the crop.
    pub at: u32,
}

impl Window {
    /// The window of a picture of `width` × `height` pixels, both at least 1, that comes out in the size `output`.
    pub fn of((width, height): (u32, u32), settings: &Settings, output: Size) -> Self {
        let (resized_width, resized_height) = match (settings.output, settings.resize) {
            (Output::Patches { .. }, _) => (output.width.into(), output.height.into()),
            (Output::Fixed(_), None) => (width.into(), height.into()),
            (Output::Fixed(_), Some(resize)) => resized(width.into(), height.into(), resize.target),
        };
        Self {
            columns: Kept::centred(width, resized_width, output.width, settings.crop_rounding),
            rows: Kept::centred(height, resized_height, output.height, settings.crop_rounding),
        }
    }
}

impl Window {
    /// The window of a picture that is resized to `size` whole.
    pub fn whole((width, height): (u32, u32), size: Size) -> Self {
        let whole = |source, pixels: u32| Kept {
            source,
            resized: pixels.into(),
            first: 0,
            pixels,
            at: 0,
        };
        Self {
            columns: whole(width, size.width),
            rows: whole(height, size.height),
        }
    }
}

impl Output {
    /// The size in which a picture of `width` × `height` pixels comes out.
    pub fn of(self, (width, height): (u32, u32)) -> Size {
        match self {
            Self::Fixed(size) => size,
            Self::Patches { side, most } => whole_patches((width.max(1), height.max(1)), side, most),
        }
    }
}

/// As many patches as may be, found as the reference finds them: by halving an interval of scales.
fn whole_patches((width, height): (u32, u32), side: u32, most: u32) -> Size {
    const STEP: f64 = 1e-5;
    let patches = |scale: f64, length: u32| (f64::from(length) * scale / f64::from(side)).ceil().max(1.0);
    let (mut low, mut high) = (STEP / 10.0, 100.0);
    while high - low >= STEP {
        let scale = f64::midpoint(low, high);
        if patches(scale, height) * patches(scale, width) <= f64::from(most) {
            low = scale;
        } else {
            high = scale;
        }
    }
    // No picture is so long that the smallest scale does not shorten it, but one may come close.
    let pixels = |length| patches(low, length).min(f64::from(most)) as u32 * side;
    Size {
        height: pixels(height),
        width: pixels(width),
    }
}

impl Kept {
    /// The middle `crop` of an axis of `source` pixels resized to `resized`.
    fn centred(source: u32, resized: u64, crop: u32, crop_rounding: CropRounding) -> Self {
        let pixels = resized.min(u64::from(crop)) as u32;
        let (cut, added) = (resized - u64::from(pixels), crop - pixels);
        let (first, at) = match crop_rounding {
            CropRounding::Transformers => (cut / 2, added.div_ceil(2)),
            // Half a pixel goes to the even side.
            CropRounding::Torchvision => (cut / 2 + u64::from(cut % 4 == 3), added / 2),
        };
        Self {
            source,
            resized,
            first,
            pixels,
            at,
        }
    }
}

/// Width and height after resizing, rounded as the references do: a side that follows the shorter one is cut, not rounded.
fn resized(width: u64, height: u64, target: Target) -> (u64, u64) {
    match target {
        Target::Exactly(size) => (size.width.into(), size.height.into()),
        Target::ShortestEdge(edge) => {
            let long = |side: u64, short: u64| ((u64::from(edge) * side) as f64 / short as f64) as u64;
            if width <= height {
                (edge.into(), long(height, width))
            } else {
                (long(width, height), edge.into())
            }
        }
        Target::Within(size) => {
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

    fn shortest(edge: u32) -> Target {
        Target::ShortestEdge(edge)
    }

    proptest! {
        #[test]
        fn patches_are_whole_and_not_too_many(width: u32, height: u32, side in 1_u32..32, most in 1_u32..300) {
            let size = Output::Patches { side, most }.of((width, height));
            let (rows, columns) = (size.height / side, size.width / side);
            prop_assert!(rows * side == size.height && columns * side == size.width);
            prop_assert!(rows >= 1 && columns >= 1);
            // Beyond a million pixels a side, the smallest scale of the reference is not small enough.
            if width.max(height) < 1_000_000 {
                prop_assert!(rows * columns <= most, "{rows} {columns}");
            }
        }
    }

    #[test]
    fn torchvision_rounds_halves_to_even() {
        let first = |cut: u64| Kept::centred(100, 10 + cut, 10, CropRounding::Torchvision).first;
        assert_eq!([1, 2, 3, 4, 5, 7].map(first), [0, 1, 2, 2, 2, 4]);
        assert_eq!(Kept::centred(10, 10, 15, CropRounding::Torchvision).at, 2);
    }

    #[test]
    fn a_longer_side_fills_what_is_there() {
        let within = Target::Within(Size::square(224));
        assert_eq!(resized(640, 427, within), (224, 149));
        assert_eq!(resized(1, 60_000, within), (1, 224));
    }

    #[test]
    fn the_long_side_is_cut_to_whole_pixels() {
        assert_eq!(resized(640, 427, shortest(224)), (335, 224));
        assert_eq!(resized(427, 640, shortest(224)), (224, 335));
        assert_eq!(
            resized(1, u64::from(u32::MAX), shortest(224)),
            (224, 224 * u64::from(u32::MAX))
        );
    }

    #[test]
    fn a_picture_smaller_than_the_crop_stands_in_the_middle() {
        let kept = Kept::centred(10, 10, 15, CropRounding::Transformers);
        assert_eq!((kept.pixels, kept.at), (10, 3));
        let kept = Kept::centred(10, 10, 10, CropRounding::Transformers);
        assert_eq!((kept.first, kept.pixels, kept.at), (0, 10, 0));
    }

    #[test]
    fn an_odd_rest_is_cut_after_the_middle() {
        let kept = Kept::centred(10, 10, 7, CropRounding::Transformers);
        assert_eq!((kept.first, kept.pixels, kept.at), (1, 7, 0));
    }
}
