//! Pillow's resampling, bit for bit: the reference processors resize through it.
//!
//! A separable filter, widened by the scale when shrinking (antialias), its weights in fixed point with 22 bits, columns and
//! rows each rounded to 8 bits; see Pillow's `src/libImaging/Resample.c`. Every output pixel is computed on its own, so
//! computing only a window of the output changes nothing in it.

use std::f64::consts::PI;
use std::ops::Range;

use eidetic_kernels::{Kernel, WEIGHT_BITS};
use image::RgbImage;

use super::config::Filter;
use super::geometry::{Kept, Window};

const CHANNELS: usize = 3;
/// Rows of which columns are resampled at once: turned, each column is so many pixels in a row.
const BAND: usize = 64;

/// The part of the resized `image` that `window` keeps.
pub fn resample(image: &RgbImage, filter: Filter, window: &Window) -> RgbImage {
    let columns = Taps::of(&window.columns, filter);
    let rows = Taps::of(&window.rows, filter);
    let source = Part {
        pixels: image.as_raw(),
        columns: 0..image.width() as usize,
        top: 0,
    };
    let pixels = if rows_come_first(window) {
        let flat = resample_rows(&source, &rows, columns.sources());
        resample_columns(
            &Part {
                pixels: &flat,
                columns: columns.sources(),
                top: 0,
            },
            &columns,
            0..rows.len(),
        )
    } else {
        let narrow = resample_columns(&source, &columns, rows.sources());
        let top = rows.sources().start;
        resample_rows(
            &Part {
                pixels: &narrow,
                columns: 0..columns.len(),
                top,
            },
            &rows,
            0..columns.len(),
        )
    };
    RgbImage::from_raw(window.columns.pixels, window.rows.pixels, pixels).expect("three bytes a pixel")
}

/// Pillow 13 resamples rows first where that alone drops much more; the order shows, because each pass rounds.
///
/// Its rule was found by comparing both orders with its results on thousands of sizes.
fn rows_come_first(window: &Window) -> bool {
    let shrinks_by = |kept: &Kept| i128::from(kept.source) - i128::from(kept.resized);
    let (columns, rows) = (shrinks_by(&window.columns), shrinks_by(&window.rows));
    rows > 0 && rows > 2 * columns
}

/// Some columns and rows of a picture; both are counted as in the whole picture.
struct Part<'a> {
    pixels: &'a [u8],
    columns: Range<usize>,
    /// Its first row.
    top: usize,
}

impl Part<'_> {
    /// Row `row` and those below it.
    fn rows_from(&self, row: usize) -> impl Iterator<Item = &[u8]> {
        let stride = self.columns.len() * CHANNELS;
        self.pixels[(row - self.top) * stride..].chunks_exact(stride)
    }
}

/// For each output pixel of one axis, the source pixels that it is made of and their weights.
struct Taps {
    /// First source pixel and where in `weights` its weights stand.
    windows: Vec<(usize, Range<usize>)>,
    weights: Vec<i32>,
}

impl Taps {
    fn of(kept: &Kept, filter: Filter) -> Self {
        let mut taps = Self {
            windows: Vec::new(),
            weights: Vec::new(),
        };
        let scale = f64::from(kept.source) / kept.resized as f64;
        for output in kept.first..kept.first + u64::from(kept.pixels) {
            let centre = (output as f64 + 0.5) * scale;
            match filter {
                Filter::Nearest => taps.push((centre as usize).min(kept.source as usize - 1), &[1.0]),
                _ => taps.push_filtered(filter, centre, scale.max(1.0), f64::from(kept.source)),
            }
        }
        taps
    }

    fn push_filtered(&mut self, filter: Filter, centre: f64, stretch: f64, source: f64) {
        let support = filter.radius() * stretch;
        let first = (centre - support + 0.5).trunc().max(0.0);
        let end = (centre + support + 0.5).trunc().min(source);
        let shrink = 1.0 / stretch;
        let offsets = (0..(end - first) as usize).map(|tap| (tap as f64 + first - centre + 0.5) * shrink);
        let weights: Vec<f64> = offsets.map(|x| weight(filter, x)).collect();
        self.push(first as usize, &weights);
    }

    fn push(&mut self, first: usize, weights: &[f64]) {
        let sum: f64 = weights.iter().sum();
        let whole = if sum == 0.0 { 1.0 } else { sum };
        let start = self.weights.len();
        self.weights
            .extend(weights.iter().map(|weight| fixed_point(weight / whole)));
        self.windows.push((first, start..self.weights.len()));
    }

    fn len(&self) -> usize {
        self.windows.len()
    }

    /// Every output pixel's first source pixel and weights, in order.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.windows
            .iter()
            .map(|(first, range)| (*first, &self.weights[range.clone()]))
    }

    /// All source pixels that weigh anywhere.
    fn sources(&self) -> Range<usize> {
        let start = self.iter().map(|(first, _)| first).min().unwrap_or(0);
        let end = self
            .iter()
            .map(|(first, weights)| first + weights.len())
            .max()
            .unwrap_or(0);
        start..end
    }
}

fn fixed_point(weight: f64) -> i32 {
    (weight * f64::from(1 << WEIGHT_BITS) + 0.5_f64.copysign(weight)) as i32
}

/// The filter's value at `x`, in source pixels from the centre before widening.
fn weight(filter: Filter, x: f64) -> f64 {
    let distance = x.abs();
    match filter {
        Filter::Nearest => 1.0,
        Filter::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
        Filter::Bilinear => (1.0 - distance).max(0.0),
        Filter::Hamming if distance == 0.0 => 1.0,
        Filter::Hamming if distance >= 1.0 => 0.0,
        Filter::Hamming => sinc(distance) * (0.54 + 0.46 * (distance * PI).cos()),
        Filter::Bicubic => bicubic(distance),
        Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
        Filter::Lanczos => 0.0,
    }
}

/// Keys' cubic with a = −0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// Rows `rows` of `part` with their columns resampled, one after another.
///
/// Band by band the rows are turned, so that what is summed lies in rows.
fn resample_columns(part: &Part, columns: &Taps, rows: Range<usize>) -> Vec<u8> {
    let mut pixels = vec![0; rows.len() * columns.len() * CHANNELS];
    let mut band = vec![[0; CHANNELS]; part.columns.len() * BAND];
    let mut column = [0; BAND * CHANNELS];
    let (out, _) = pixels.as_chunks_mut::<CHANNELS>();
    for (number, out) in out.chunks_mut((columns.len() * BAND).max(1)).enumerate() {
        let height = out.len() / columns.len();
        turn(part, rows.start + number * BAND, height, &mut band);
        for (x, (first, weights)) in columns.iter().enumerate() {
            let source = &band[(first - part.columns.start) * BAND..];
            Kernel::best().weighted_rows(source.as_flattened(), BAND * CHANNELS, weights, &mut column);
            let (column, _) = column.as_chunks::<CHANNELS>();
            for (y, pixel) in column.iter().take(height).enumerate() {
                out[y * columns.len() + x] = *pixel;
            }
        }
    }
    pixels
}

/// Writes `height` rows of `part` from row `top` on as columns of [`BAND`] pixels, square by square, so that what is written
/// stays in the nearest cache.
fn turn(part: &Part, top: usize, height: usize, band: &mut [[u8; CHANNELS]]) {
    const SQUARE: usize = 16;
    let rows: Vec<&[[u8; CHANNELS]]> = part
        .rows_from(top)
        .take(height)
        .map(|row| row.as_chunks().0)
        .collect();
    for (square, columns) in band.chunks_mut(SQUARE * BAND).enumerate() {
        for (y, row) in rows.iter().enumerate() {
            let row = &row[square * SQUARE..];
            for (column, pixel) in columns.chunks_exact_mut(BAND).zip(row) {
                column[y] = *pixel;
            }
        }
    }
}

/// Columns `columns` of `part` with their rows resampled, row after row.
fn resample_rows(part: &Part, rows: &Taps, columns: Range<usize>) -> Vec<u8> {
    let start = (columns.start - part.columns.start) * CHANNELS;
    let stride = part.columns.len() * CHANNELS;
    let width = columns.len() * CHANNELS;
    let mut pixels = vec![0; rows.len() * width];
    for ((first, weights), out) in rows.iter().zip(pixels.chunks_exact_mut(width.max(1))) {
        let source = &part.pixels[(first - part.top) * stride + start..];
        Kernel::best().weighted_rows(source, stride, weights, out);
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::super::config::Filter;
    use super::*;
    use proptest::prelude::*;

    /// One output sample after another, straight from Pillow's definition.
    fn plainly(image: &RgbImage, filter: Filter, window: &Window) -> RgbImage {
        let columns = Taps::of(&window.columns, filter);
        let rows = Taps::of(&window.rows, filter);
        let across = |image: &RgbImage, taps: &Taps, first_row: usize, height: usize| {
            RgbImage::from_fn(taps.len() as u32, height as u32, |x, y| {
                let (first, weights) = taps.iter().nth(x as usize).expect("a column");
                weighted(weights, |tap| {
                    image.get_pixel((first + tap) as u32, first_row as u32 + y).0
                })
            })
        };
        let down = |image: &RgbImage, taps: &Taps, first_row: usize| {
            RgbImage::from_fn(image.width(), taps.len() as u32, |x, y| {
                let (first, weights) = taps.iter().nth(y as usize).expect("a row");
                weighted(weights, |tap| {
                    image.get_pixel(x, (first + tap - first_row) as u32).0
                })
            })
        };
        if rows_come_first(window) {
            across(&down(image, &rows, 0), &columns, 0, rows.len())
        } else {
            let needed = rows.sources();
            down(
                &across(image, &columns, needed.start, needed.len()),
                &rows,
                needed.start,
            )
        }
    }

    fn weighted(weights: &[i32], pixel: impl Fn(usize) -> [u8; 3]) -> image::Rgb<u8> {
        let sample = |channel: usize| {
            let terms = weights
                .iter()
                .enumerate()
                .map(|(tap, &weight)| weight * i32::from(pixel(tap)[channel]));
            ((terms.sum::<i32>() + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).clamp(0, 255) as u8
        };
        image::Rgb([sample(0), sample(1), sample(2)])
    }

    proptest! {
        #[test]
        fn whole_rows_at_once_give_the_bytes_of_sample_by_sample(
            (width, height) in (1_u32..170, 1_u32..170),
            (resized_width, resized_height) in (1_u64..60, 1_u64..60),
            filter in prop::sample::select(&[
                Filter::Nearest, Filter::Lanczos, Filter::Bilinear, Filter::Bicubic, Filter::Box, Filter::Hamming,
            ]),
            (left, top) in (0_u64..20, 0_u64..20),
        ) {
            let image = RgbImage::from_fn(width, height, |x, y| {
                let v = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503);
                image::Rgb([(v >> 8) as u8, (v >> 16) as u8, (x * 3 + y * 7) as u8])
            });
            let kept = |source: u32, resized: u64, first: u64| {
                let first = first.min(resized - 1);
                Kept { source, resized, first, pixels: (resized - first) as u32, at: 0 }
            };
            let window = Window {
                columns: kept(width, resized_width, left),
                rows: kept(height, resized_height, top),
            };
            prop_assert_eq!(resample(&image, filter, &window), plainly(&image, filter, &window));
        }
    }
}
