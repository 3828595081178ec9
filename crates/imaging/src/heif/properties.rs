//! Properties of items that change pixels: crop, rotation, mirroring, color.

use image::metadata::Orientation;

use super::container::Container;
use crate::boxes::Reader;
use crate::color::{Cicp, ColorSpace};

/// Code points of an `nclx` color property, or of a bitstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePoints {
    pub cicp: Cicp,
    pub matrix: u8,
    pub full_range: bool,
}

/// The colors that an item states: an ICC profile, code points, or both.
#[derive(Debug, Default)]
pub struct ItemColor {
    pub icc: Option<ColorSpace>,
    pub code_points: Option<CodePoints>,
}

impl ItemColor {
    /// From the first items of `items` that state it.
    pub fn of(container: &Container, items: &[u32]) -> Self {
        let mut color = Self::default();
        for (kind, content) in items.iter().flat_map(|&item| container.properties(item)) {
            if kind != *b"colr" {
                continue;
            }
            match content.split_first_chunk::<4>() {
                Some((b"prof" | b"rICC", icc)) if color.icc.is_none() => {
                    color.icc = Some(ColorSpace::from_icc(icc));
                }
                Some((b"nclx", content)) if color.code_points.is_none() => {
                    color.code_points = code_points(content);
                }
                _ => {}
            }
        }
        color
    }
}

fn code_points(content: &[u8]) -> Option<CodePoints> {
    let mut reader = Reader::new(content);
    let mut number = || reader.u16().map(|number| u8::try_from(number).unwrap_or(0));
    Some(CodePoints {
        cicp: Cicp {
            primaries: number()?,
            transfer: number()?,
        },
        matrix: number()?,
        full_range: reader.u8()? & 0x80 != 0,
    })
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The part of `width` × `height` pixels that `clap` of the items keeps (ISO/IEC 14496-12, 12.1.4). None for all of it,
/// and for one that is not within.
pub fn crop(container: &Container, items: &[u32], width: u32, height: u32) -> Option<Crop> {
    let content = items
        .iter()
        .find_map(|&item| container.property(item, *b"clap"))?;
    let mut reader = Reader::new(content);
    let mut fraction = || {
        let numerator = reader.u32()?.cast_signed();
        let denominator = reader.u32()?;
        (denominator != 0).then(|| f64::from(numerator) / f64::from(denominator))
    };
    let (kept_width, kept_height, x, y) = (fraction()?, fraction()?, fraction()?, fraction()?);
    let (left, kept_width) = kept_range(width, kept_width, x)?;
    let (top, kept_height) = kept_range(height, kept_height, y)?;
    Some(Crop {
        left,
        top,
        width: kept_width,
        height: kept_height,
    })
}

/// Start and length of `kept` pixels around the center moved by `offset`.
fn kept_range(side: u32, kept: f64, offset: f64) -> Option<(u32, u32)> {
    let start = (f64::from(side) - kept) / 2.0 + offset;
    let is_within = kept >= 1.0 && start > -1.0 && start + kept < f64::from(side) + 1.0;
    is_within.then(|| {
        let start = start.max(0.0).round() as u32;
        (
            start,
            (kept.round() as u32).min(side.saturating_sub(start)).max(1),
        )
    })
}

/// Rotation and mirroring of the items' `irot` and `imir` in their order, `items` from the outermost.
pub fn orientation(container: &Container, items: &[u32]) -> Orientation {
    let mut turns = Turns::default();
    for (kind, content) in items.iter().rev().flat_map(|&item| container.properties(item)) {
        match (&kind, content) {
            (b"irot", [angle, ..]) => turns.rotate_left(angle & 3),
            (b"imir", [axis, ..]) => turns.mirror(axis & 1 == 1),
            _ => {}
        }
    }
    turns.orientation()
}

/// First a left-right flip, if any, then quarter turns to the right.
#[derive(Debug, Default, Clone, Copy)]
struct Turns {
    is_flipped: bool,
    right: u8,
}

impl Turns {
    fn rotate_left(&mut self, quarters: u8) {
        self.right = (self.right + 4 - quarters) & 3;
    }

    /// Exchanges left and right, or top and bottom. A flip after turns to the right is one before turns to the left.
    fn mirror(&mut self, left_right: bool) {
        self.is_flipped = !self.is_flipped;
        self.right = (4 - self.right) & 3;
        if !left_right {
            self.right = (self.right + 2) & 3;
        }
    }

    fn orientation(self) -> Orientation {
        match (self.is_flipped, self.right) {
            (false, 1) => Orientation::Rotate90,
            (false, 2) => Orientation::Rotate180,
            (false, 3) => Orientation::Rotate270,
            (false, _) => Orientation::NoTransforms,
            // A flip of left and right followed by a quarter turn to the right is a transposition at the other diagonal.
            (true, 1) => Orientation::Rotate270FlipH,
            (true, 2) => Orientation::FlipVertical,
            (true, 3) => Orientation::Rotate90FlipH,
            (true, _) => Orientation::FlipHorizontal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, Rgb, RgbImage};

    #[test]
    fn turns_equal_those_of_pixels() {
        let start = RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 0]));
        for first_mirror in [None, Some(false), Some(true)] {
            for quarters in 0..4 {
                for last_mirror in [None, Some(false), Some(true)] {
                    let mut turns = Turns::default();
                    let mut expected = DynamicImage::ImageRgb8(start.clone());
                    let mirror = |image: &DynamicImage, axis: Option<bool>| match axis {
                        None => image.clone(),
                        Some(true) => image.fliph(),
                        Some(false) => image.flipv(),
                    };
                    if let Some(axis) = first_mirror {
                        turns.mirror(axis);
                    }
                    expected = mirror(&expected, first_mirror);
                    turns.rotate_left(quarters);
                    for _ in 0..quarters {
                        expected = expected.rotate270();
                    }
                    if let Some(axis) = last_mirror {
                        turns.mirror(axis);
                    }
                    expected = mirror(&expected, last_mirror);
                    let mut turned = DynamicImage::ImageRgb8(start.clone());
                    turned.apply_orientation(turns.orientation());
                    assert_eq!(turned, expected, "{first_mirror:?} {quarters} {last_mirror:?}");
                }
            }
        }
    }

    #[test]
    fn crop_is_around_center() {
        assert_eq!(kept_range(1280, 300.0, 0.0), Some((490, 300)));
        assert_eq!(kept_range(10, 4.0, -2.0), Some((1, 4)));
        assert_eq!(kept_range(10, 13.0, 0.0), None);
        assert_eq!(kept_range(10, 0.0, 0.0), None);
    }
}
