//! From luma and chroma to RGB (ITU-T H.273, 8.3).

use super::planes::{Chroma, Planes};
use super::properties::CodePoints;

/// A sample of the result: 8 or 16 bits.
pub trait Sample: Copy + Default {
    const MAX: f32;
    /// The nearest value to `value` in 0..=[`Self::MAX`].
    fn nearest(value: f32) -> Self;
    fn from_8_bits(value: u8) -> Self;
    fn value(self) -> f32;
}

impl Sample for u8 {
    const MAX: f32 = 255.0;
    fn nearest(value: f32) -> Self {
        rounded_bits(value.clamp(0.0, <Self as Sample>::MAX)) as u8
    }
    fn from_8_bits(value: u8) -> Self {
        value
    }
    fn value(self) -> f32 {
        f32::from(self)
    }
}

impl Sample for u16 {
    const MAX: f32 = 65_535.0;
    fn nearest(value: f32) -> Self {
        rounded_bits(value.clamp(0.0, <Self as Sample>::MAX)) as u16
    }
    fn from_8_bits(value: u8) -> Self {
        u16::from(value) * 257
    }
    fn value(self) -> f32 {
        f32::from(self)
    }
}

/// An integer whose low bits are the nearest integer to `value`, which is in 0..2²²: adding 2²³ leaves no fraction in
/// the mantissa. Conversions of numbers, which saturate, would keep the loop from being vectorized.
fn rounded_bits(value: f32) -> u32 {
    (value + 8_388_608.0).to_bits()
}

/// Converts rows of one picture.
pub struct RowConverter<'a> {
    planes: &'a Planes,
    equations: Equations,
    luma: Vec<f32>,
    /// Blue and red difference at full width.
    chroma: [Vec<f32>; 2],
    /// Two rows of a chroma plane as stored.
    stored: [Vec<f32>; 2],
}

impl<'a> RowConverter<'a> {
    /// `stated` takes precedence over what the bitstream says.
    pub fn new(planes: &'a Planes, stated: Option<CodePoints>) -> Self {
        let code_points = stated.or(planes.code_points);
        let (chroma_width, _) = planes.chroma_size();
        Self {
            planes,
            equations: Equations::new(code_points, planes.depth),
            luma: vec![0.0; planes.width],
            chroma: [vec![0.0; planes.width], vec![0.0; planes.width]],
            stored: [vec![0.0; chroma_width], vec![0.0; chroma_width]],
        }
    }

    /// Writes row `y` as RGB.
    pub fn rgb<T: Sample>(&mut self, y: usize, row: &mut [[T; 3]]) {
        self.planes.row(0, y, &mut self.luma);
        let Chroma::Subsampled { horizontal, vertical } = self.planes.chroma else {
            self.equations.gray(&self.luma, row);
            return;
        };
        for plane in 0..2 {
            self.load_chroma(plane, y, vertical);
            widen(&self.stored[0], horizontal, &mut self.chroma[plane]);
        }
        let [cb, cr] = &self.chroma;
        self.equations.rgb(&self.luma, cb, cr, row);
    }

    /// Writes luma of row `y` in the range of `T`, for opacity.
    pub fn gray<T: Sample>(&mut self, y: usize, row: &mut [T]) {
        self.planes.row(0, y, &mut self.luma);
        let (offset, scale) = (self.equations.luma_offset, self.equations.luma_scale * T::MAX);
        for (to, from) in row.iter_mut().zip(&self.luma) {
            *to = T::nearest((from - offset) * scale);
        }
    }

    /// Leaves row `y` of a chroma plane in `stored[0]`, interpolated between rows if it has half as many.
    fn load_chroma(&mut self, plane: usize, y: usize, vertical: usize) {
        let [row, other] = &mut self.stored;
        let nearest = y / vertical;
        self.planes.row(plane + 1, nearest, row);
        if vertical == 1 {
            return;
        }
        let last = self.planes.chroma_size().1.saturating_sub(1);
        let next = if y.is_multiple_of(2) {
            nearest.saturating_sub(1)
        } else {
            (nearest + 1).min(last)
        };
        self.planes.row(plane + 1, next, other);
        for (to, from) in row.iter_mut().zip(other) {
            *to = 0.75 * *to + 0.25 * *from;
        }
    }
}

/// Interpolates a row of chroma, whose samples stand at every first or second pixel.
fn widen(stored: &[f32], horizontal: usize, row: &mut [f32]) {
    if horizontal == 1 {
        row.copy_from_slice(&stored[..row.len()]);
        return;
    }
    let (pairs, rest) = row.as_chunks_mut::<2>();
    for (pair, window) in pairs.iter_mut().zip(stored.windows(2)) {
        *pair = [window[0], 0.5 * (window[0] + window[1])];
    }
    // The last sample has no right neighbor.
    if let Some(&last) = stored.last() {
        if let Some(pair) = pairs.get_mut(stored.len() - 1) {
            *pair = [last; 2];
        }
        rest.fill(last);
    }
}

/// The linear equations from coded samples to RGB in 0..=1.
struct Equations {
    kind: Kind,
    luma_offset: f32,
    luma_scale: f32,
    chroma_offset: f32,
    chroma_scale: f32,
}

enum Kind {
    /// Planes are green, blue and red.
    Identity,
    YCgCo,
    YCbCr {
        red_cr: f32,
        green_cb: f32,
        green_cr: f32,
        blue_cb: f32,
    },
}

impl Equations {
    /// Without code points: BT.601 of full range, the default of HEIF. An unknown matrix is taken for BT.601.
    fn new(code_points: Option<CodePoints>, depth: u32) -> Self {
        let full_range = code_points.is_none_or(|points| points.full_range);
        let kind = Kind::of(code_points.map_or(2, |points| points.matrix));
        let steps = (1_u32 << depth) as f32;
        let unit = steps / 256.0;
        let (luma_offset, luma_scale, chroma_scale) = if full_range {
            (0.0, 1.0 / (steps - 1.0), 1.0 / (steps - 1.0))
        } else {
            (16.0 * unit, 1.0 / (219.0 * unit), 1.0 / (224.0 * unit))
        };
        let (chroma_offset, chroma_scale) = match kind {
            Kind::Identity => (luma_offset, luma_scale),
            Kind::YCgCo | Kind::YCbCr { .. } => (steps / 2.0, chroma_scale),
        };
        Self {
            kind,
            luma_offset,
            luma_scale,
            chroma_offset,
            chroma_scale,
        }
    }

    fn gray<T: Sample>(&self, luma: &[f32], row: &mut [[T; 3]]) {
        let (offset, scale) = (self.luma_offset, self.luma_scale * T::MAX);
        for (pixel, y) in row.iter_mut().zip(luma) {
            *pixel = [T::nearest((y - offset) * scale); 3];
        }
    }

    fn rgb<T: Sample>(&self, luma: &[f32], cb: &[f32], cr: &[f32], row: &mut [[T; 3]]) {
        let scaled = row.iter_mut().zip(luma).zip(cb.iter().zip(cr));
        let scaled = scaled.map(|((pixel, y), (cb, cr))| {
            let y = (y - self.luma_offset) * self.luma_scale * T::MAX;
            let cb = (cb - self.chroma_offset) * self.chroma_scale * T::MAX;
            let cr = (cr - self.chroma_offset) * self.chroma_scale * T::MAX;
            (pixel, y, cb, cr)
        });
        match self.kind {
            Kind::Identity => {
                scaled.for_each(|(pixel, y, cb, cr)| *pixel = [cr, y, cb].map(T::nearest));
            }
            Kind::YCgCo => scaled.for_each(|(pixel, y, cg, co)| {
                *pixel = [y - cg + co, y + cg, y - cg - co].map(T::nearest);
            }),
            Kind::YCbCr {
                red_cr,
                green_cb,
                green_cr,
                blue_cb,
            } => scaled.for_each(|(pixel, y, cb, cr)| {
                *pixel = [
                    y + red_cr * cr,
                    y + green_cb * cb + green_cr * cr,
                    y + blue_cb * cb,
                ]
                .map(T::nearest);
            }),
        }
    }
}

impl Kind {
    /// Of a matrix in ITU-T H.273, table 4.
    fn of(matrix: u8) -> Self {
        let (red, blue) = match matrix {
            0 => return Self::Identity,
            8 => return Self::YCgCo,
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            _ => (0.299, 0.114),
        };
        let green = 1.0 - red - blue;
        Self::YCbCr {
            red_cr: 2.0 * (1.0 - red),
            green_cb: -2.0 * blue * (1.0 - blue) / green,
            green_cr: -2.0 * red * (1.0 - red) / green,
            blue_cb: 2.0 * (1.0 - blue),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::planes::Samples;
    use super::*;
    use crate::color::Cicp;

    fn planes(y: i32, cb: i32, cr: i32, depth: u32) -> Planes {
        Planes {
            width: 3,
            height: 3,
            depth,
            chroma: Chroma::Subsampled {
                horizontal: 2,
                vertical: 2,
            },
            code_points: None,
            samples: Samples::Hevc([vec![y; 9], vec![cb; 4], vec![cr; 4]]),
        }
    }

    fn code_points(matrix: u8, full_range: bool) -> CodePoints {
        CodePoints {
            cicp: Cicp {
                primaries: 1,
                transfer: 13,
            },
            matrix,
            full_range,
        }
    }

    #[test]
    fn limited_range_white_and_red_are_exact() {
        let converted = |planes: Planes, points| {
            let mut row = [[0_u8; 3]; 3];
            RowConverter::new(&planes, Some(points)).rgb(2, &mut row);
            row
        };
        assert_eq!(
            converted(planes(235, 128, 128, 8), code_points(6, false)),
            [[255; 3]; 3]
        );
        assert_eq!(
            converted(planes(940, 512, 512, 10), code_points(9, false)),
            [[255; 3]; 3]
        );
        assert_eq!(
            converted(planes(76, 85, 255, 8), code_points(6, true)),
            [[254, 0, 0]; 3]
        );
        assert_eq!(
            converted(planes(20, 30, 10, 8), code_points(0, true)),
            [[10, 20, 30]; 3]
        );
    }

    #[test]
    fn chroma_is_interpolated_between_samples() {
        let mut row = [0.0; 5];
        widen(&[10.0, 20.0, 40.0], 2, &mut row);
        assert_eq!(row.map(f32::round).map(|value| value as u8), [10, 15, 20, 30, 40]);
    }
}
