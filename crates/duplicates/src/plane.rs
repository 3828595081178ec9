//! Gray pictures of floating-point values, and the filters that fingerprints need.

use image::RgbImage;

/// A gray picture, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

impl Plane {
    /// The luma of `image` (BT.601), from 0 to 255, in `width` times `height` pixels: means of areas where the picture
    /// shrinks, linear interpolation where it grows.
    pub(crate) fn of(image: &RgbImage, width: usize, height: usize) -> Self {
        let (source_width, source_height) = (image.width() as usize, image.height() as usize);
        let luma: Vec<f32> = image
            .as_raw()
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[r, g, b]| 0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b))
            .collect();
        let columns = taps(source_width, width);
        let rows = taps(source_height, height);
        let mut narrow = Vec::with_capacity(width * source_height);
        for row in luma.chunks_exact(source_width) {
            narrow.extend(columns.iter().map(|taps| taps.apply(|at| row[at])));
        }
        let mut values = vec![0.0; width * height];
        for (taps, target) in rows.iter().zip(values.chunks_exact_mut(width)) {
            for (offset, weight) in taps.weights.iter().enumerate() {
                let start = (taps.first + offset) * width;
                let row = &narrow[start..start + width];
                target
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Self {
            width,
            height,
            values,
        }
    }

    /// The value at a pixel; outside, that of the nearest pixel.
    pub(crate) fn clamped(&self, x: isize, y: isize) -> f32 {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.values[y * self.width + x]
    }

    /// The value between pixels, whose centers are at whole numbers.
    pub(crate) fn sample(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, bottom_share) = (x - left, y - top);
        let (left, top) = (left as isize, top as isize);
        let mix = |y| self.clamped(left, y) * (1.0 - right_share) + self.clamped(left + 1, y) * right_share;
        mix(top) * (1.0 - bottom_share) + mix(top + 1) * bottom_share
    }

    /// The picture blurred by a Gaussian of standard deviation `sigma` pixels; edges are repeated.
    pub(crate) fn blurred(&self, sigma: f32) -> Self {
        let radius = (3.0 * sigma).ceil() as usize;
        let weights: Vec<f32> = (0..=2 * radius)
            .map(|at| (-0.5 * ((at as f32 - radius as f32) / sigma).powi(2)).exp())
            .collect();
        let sum: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
        self.filtered_rows(&weights)
            .transposed()
            .filtered_rows(&weights)
            .transposed()
    }

    fn filtered_rows(&self, weights: &[f32]) -> Self {
        let radius = weights.len() / 2;
        let mut values = Vec::with_capacity(self.values.len());
        let mut padded = vec![0.0; self.width + 2 * radius];
        for row in self.values.chunks_exact(self.width) {
            padded[..radius].fill(row[0]);
            padded[radius..radius + self.width].copy_from_slice(row);
            padded[radius + self.width..].fill(row[self.width - 1]);
            let start = values.len();
            values.resize(start + self.width, 0.0);
            for (offset, weight) in weights.iter().enumerate() {
                let shifted = &padded[offset..offset + self.width];
                let sums = values[start..].iter_mut();
                sums.zip(shifted).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Self { values, ..*self }
    }

    fn transposed(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for x in 0..self.width {
            values.extend((0..self.height).map(|y| self.values[y * self.width + x]));
        }
        Self {
            width: self.height,
            height: self.width,
            values,
        }
    }

    /// Every second pixel of every second row.
    pub(crate) fn halved(&self) -> Self {
        let rows = self.values.chunks_exact(self.width).step_by(2);
        Self {
            width: self.width.div_ceil(2),
            height: self.height.div_ceil(2),
            values: rows.flat_map(|row| row.iter().step_by(2).copied()).collect(),
        }
    }
}

/// Which pixels make one pixel of a resized row, with weights of sum 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn apply(&self, value: impl Fn(usize) -> f32) -> f32 {
        let weights = self.weights.iter().enumerate();
        weights
            .map(|(offset, weight)| weight * value(self.first + offset))
            .sum()
    }
}

fn taps(source: usize, target: usize) -> Vec<Taps> {
    let scale = source as f32 / target as f32;
    (0..target)
        .map(|at| {
            if scale >= 1.0 {
                area_taps(at as f32 * scale, (at + 1) as f32 * scale, source)
            } else {
                linear_taps((at as f32 + 0.5) * scale - 0.5, source)
            }
        })
        .collect()
}

fn area_taps(start: f32, end: f32, source: usize) -> Taps {
    let first = (start as usize).min(source - 1);
    let last = ((end - 1e-4).max(start) as usize).clamp(first, source - 1);
    let covered = |at: usize| (end.min((at + 1) as f32) - start.max(at as f32)).max(1e-6);
    let weights: Vec<f32> = (first..=last).map(covered).collect();
    let sum: f32 = weights.iter().sum();
    Taps {
        first,
        weights: weights.iter().map(|weight| weight / sum).collect(),
    }
}

fn linear_taps(center: f32, source: usize) -> Taps {
    let center = center.clamp(0.0, source as f32 - 1.0);
    let first = (center as usize).min(source.saturating_sub(2));
    let share = center - first as f32;
    let weights = if source == 1 {
        vec![1.0]
    } else {
        vec![1.0 - share, share]
    };
    Taps { first, weights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 2 + y) as u8; 3]))
    }

    #[test]
    fn same_size_keeps_values() {
        let plane = Plane::of(&ramp(7, 5), 7, 5);
        assert!((plane.values[3 * 7 + 4] - 11.0).abs() < 1e-3);
        assert!((plane.sample(4.0, 3.0) - 11.0).abs() < 1e-3);
    }

    #[test]
    fn resizing_keeps_mean() {
        let mean = |plane: &Plane| plane.values.iter().sum::<f32>() / plane.values.len() as f32;
        let full = mean(&Plane::of(&ramp(60, 40), 60, 40));
        for (width, height) in [(30, 20), (17, 9), (90, 55), (1, 1)] {
            let resized = Plane::of(&ramp(60, 40), width, height);
            assert_eq!(resized.values.len(), width * height);
            assert!((mean(&resized) - full).abs() < 0.5, "{width} x {height}");
        }
    }

    #[test]
    fn blur_keeps_constant_plane() {
        let plane = Plane::of(&RgbImage::from_pixel(9, 6, Rgb([77; 3])), 9, 6);
        assert!(
            plane
                .blurred(1.5)
                .values
                .iter()
                .all(|value| (value - 77.0).abs() < 1e-2)
        );
    }
}
