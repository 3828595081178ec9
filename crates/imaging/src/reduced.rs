//! Images that are too large to be held are averaged over squares of pixels while they are decoded.

use image::{DynamicImage, GrayImage, RgbImage};

use crate::DecodeLimits;
use crate::limits::HALVE_ABOVE_PIXELS;
use crate::pixels::blend;

/// The greatest side of a square: the sum over one of 16 × 16 is the greatest that fits into 16 bits.
const MAX_SIDE: u32 = 16;

/// An image that is to be decoded at a reduced size.
#[derive(Debug, Clone, Copy)]
pub struct Original {
    pub width: u32,
    pub height: u32,
    /// Channels of its pixels, without alpha.
    pub colors: usize,
    /// Bytes that its decoder takes, whatever the size of the result.
    pub decoder_memory: u64,
}

impl Original {
    /// The smallest side of squares by which the result is within `limits`; none if no side suffices.
    pub fn square_side(&self, limits: &DecodeLimits) -> Option<u32> {
        if u64::from(self.width) * u64::from(self.height) > limits.reduced_pixels {
            return None;
        }
        // Sums and their averages, then the averages as RGB, once more to apply orientation.
        let bytes_per_square = 3 * self.colors.max(2) as u64;
        (2..=MAX_SIDE).find(|side| {
            let squares = u64::from(self.width / side) * u64::from(self.height / side);
            let memory = squares * bytes_per_square + self.decoder_memory;
            (1..=HALVE_ABOVE_PIXELS).contains(&squares) && memory <= limits.memory
        })
    }
}

/// The averages of an image's squares. What is left of its last columns and rows, and fills no square, is dropped.
pub struct SquareAverages {
    side: usize,
    columns: usize,
    colors: usize,
    has_alpha: bool,
    background: u8,
    /// For each square the sum of each color. They begin as those of the background, from which pixels differ.
    sums: Vec<u16>,
}

impl SquareAverages {
    /// Squares of `side` × `side` pixels that have the color `background`. Of pixels that `has_alpha`, each is
    /// composited on white, and one value more follows the colors.
    pub fn new(original: &Original, side: u32, has_alpha: bool, background: u8) -> Self {
        let side = side.clamp(1, MAX_SIDE);
        let columns = (original.width / side) as usize;
        let rows = (original.height / side) as usize;
        let sum = u16::from(background) * (side * side) as u16;
        Self {
            side: side as usize,
            columns,
            colors: original.colors,
            has_alpha,
            background,
            sums: vec![sum; columns * rows * original.colors],
        }
    }

    /// Adds the pixels of row `y` from column `x` on. Each pixel must be added at most once.
    pub fn add(&mut self, x: u32, y: u32, pixels: &[u8]) {
        match (self.colors, self.has_alpha) {
            (1, false) => self.add_pixels::<1, 1>(x, y, pixels),
            (1, true) => self.add_pixels::<2, 1>(x, y, pixels),
            (3, false) => self.add_pixels::<3, 3>(x, y, pixels),
            (3, true) => self.add_pixels::<4, 3>(x, y, pixels),
            (4, false) => self.add_pixels::<4, 4>(x, y, pixels),
            _ => {}
        }
    }

    /// Pixels of `N` channels, of which `COLORS` are colors.
    fn add_pixels<const N: usize, const COLORS: usize>(&mut self, x: u32, y: u32, pixels: &[u8]) {
        let (x, row) = (x as usize, y as usize / self.side);
        let row = row * self.columns..(row + 1) * self.columns;
        let (squares, _) = self.sums.as_chunks_mut::<COLORS>();
        let Some(squares) = squares.get_mut(row).and_then(|row| row.get_mut(x / self.side..)) else {
            return;
        };
        let (pixels, _) = pixels.as_chunks::<N>();
        let (first, rest) = pixels.split_at(pixels.len().min(self.side - x % self.side));
        let background = u16::from(self.background);
        let runs = std::iter::once(first).chain(rest.chunks(self.side));
        for (square, run) in squares.iter_mut().zip(runs) {
            for pixel in run {
                for (color, sum) in square.iter_mut().enumerate() {
                    let value = if N > COLORS {
                        blend(pixel[color], pixel[COLORS])
                    } else {
                        pixel[color]
                    };
                    *sum = sum.wrapping_add(u16::from(value)).wrapping_sub(background);
                }
            }
        }
    }

    /// The colors of the averages, square by square.
    pub fn into_samples(self) -> Vec<u8> {
        let pixels = (self.side * self.side) as u32;
        let average = |&sum: &u16| ((u32::from(sum) + pixels / 2) / pixels) as u8;
        self.sums.iter().map(average).collect()
    }

    /// The averages as an image; none if they are neither gray nor RGB.
    pub fn into_image(self) -> Option<DynamicImage> {
        let (colors, columns) = (self.colors, self.columns);
        let rows = self.sums.len() / (columns * colors).max(1);
        let (width, height) = (columns as u32, rows as u32);
        let samples = self.into_samples();
        match colors {
            1 => GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8),
            3 => RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(width: u32, height: u32, colors: usize) -> Original {
        Original {
            width,
            height,
            colors,
            decoder_memory: 1000,
        }
    }

    #[test]
    fn smallest_side_within_limits_is_taken() {
        let side = |width, height, memory| {
            let limits = DecodeLimits {
                memory,
                reduced_pixels: 1_000_000,
                ..DecodeLimits::default()
            };
            original(width, height, 3).square_side(&limits)
        };
        assert_eq!(side(100, 60, 1000 + 50 * 30 * 9), Some(2));
        assert_eq!(side(100, 60, 1000 + 50 * 30 * 9 - 1), Some(3));
        assert_eq!(side(100, 60, 1000), None);
        assert_eq!(side(1, 900_000, 1 << 20), None, "no square fits");
        assert_eq!(side(1001, 1000, 1 << 30), None, "too many pixels");
    }

    #[test]
    fn squares_are_averaged_in_any_order() {
        let mut averages = SquareAverages::new(&original(7, 5, 1), 3, false, 128);
        // Two squares; the second has data for one of its rows, in two parts.
        for y in [2, 0, 1, 4] {
            averages.add(0, y, &[10, 20, 30]);
        }
        averages.add(4, 1, &[0, 0, 200]);
        averages.add(3, 1, &[0]);
        assert_eq!(averages.into_samples(), [20, 85]);
    }

    #[test]
    fn largest_sums_do_not_overflow() {
        let mut averages = SquareAverages::new(&original(16, 16, 3), 16, true, 0);
        for y in 0..16 {
            averages.add(0, y, &[255, 0, 7, 255].repeat(16));
        }
        assert_eq!(averages.into_samples(), [255, 0, 7]);
        let mut clear = SquareAverages::new(&original(2, 2, 1), 2, true, 0);
        (0..2).for_each(|y| clear.add(0, y, &[9, 0, 9, 0]));
        assert_eq!(clear.into_samples(), [255]);
    }
}
