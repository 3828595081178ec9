//! Which part of a picture the crop keeps, computed before any pixel is touched.

use super::config::{ResizeTo, Target};

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
    /// The window of a picture of `width` × `height` pixels, both at least 1.
    pub fn of((width, height): (u32, u32), resize: Option<&ResizeTo>, output: Size) -> Self {
        let (resized_width, resized_height) = resized(u64::from(width), u64::from(height), resize);
        Self {
            columns: Kept::centred(width, resized_width, output.width),
            rows: Kept::centred(height, resized_height, output.height),
        }
    }
}

impl Kept {
    /// The middle `crop` of an axis of `source` pixels resized to `resized`.
    fn centred(source: u32, resized: u64, crop: u32) -> Self {
        let pixels = resized.min(u64::from(crop)) as u32;
        let first = (resized - u64::from(pixels)) / 2;
        Self {
            source,
            resized,
            first,
            pixels,
            at: (crop - pixels).div_ceil(2),
        }
    }
}

/// Width and height after resizing, rounded as the reference does: the long side is cut, not rounded.
fn resized(width: u64, height: u64, resize: Option<&ResizeTo>) -> (u64, u64) {
    match resize.map(|resize| resize.target) {
        None => (width, height),
        Some(Target::Exactly(size)) => (size.width.into(), size.height.into()),
        Some(Target::ShortestEdge(edge)) => {
            let long = |side: u64, short: u64| ((u64::from(edge) * side) as f64 / short as f64) as u64;
            if width <= height {
                (edge.into(), long(height, width))
            } else {
                (long(width, height), edge.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Filter;
    use super::*;

    fn shortest(edge: u32) -> ResizeTo {
        ResizeTo {
            target: Target::ShortestEdge(edge),
            filter: Filter::Bicubic,
        }
    }

    #[test]
    fn the_long_side_is_cut_to_whole_pixels() {
        assert_eq!(resized(640, 427, Some(&shortest(224))), (335, 224));
        assert_eq!(resized(427, 640, Some(&shortest(224))), (224, 335));
        assert_eq!(
            resized(1, u64::from(u32::MAX), Some(&shortest(224))),
            (224, 224 * u64::from(u32::MAX))
        );
    }

    #[test]
    fn a_picture_smaller_than_the_crop_stands_in_the_middle() {
        let kept = Kept::centred(10, 10, 15);
        assert_eq!((kept.pixels, kept.at), (10, 3));
        let kept = Kept::centred(10, 10, 10);
        assert_eq!((kept.first, kept.pixels, kept.at), (0, 10, 0));
    }

    #[test]
    fn an_odd_rest_is_cut_after_the_middle() {
        let kept = Kept::centred(10, 10, 7);
        assert_eq!((kept.first, kept.pixels, kept.at), (1, 7, 0));
    }
}
