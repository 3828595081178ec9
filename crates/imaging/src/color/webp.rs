//! The ICC profile of a WebP file.

use super::ColorSpace;
use crate::riff;

/// None if the file has no profile.
pub fn color_space(bytes: &[u8]) -> Option<ColorSpace> {
    riff::chunk(bytes, *b"ICCP").map(ColorSpace::from_icc)
}
