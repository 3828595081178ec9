//! Inverse DCT of a block of 8 × 8 coefficients to fewer samples (ITU T.81, A.3.3, with fewer points).
//!
//! The first `n` of the 8 coefficients of an axis are taken as those of a transform of `n` points. For one
//! point the result is the mean of the block. For more points it is the block, band-limited to what `n`
//! samples can represent: a little sharper than the means of neighboring samples.

use std::f32::consts::PI;
use std::sync::LazyLock;

/// Dequantized coefficients of one block, row by row.
pub type Coefficients = [f32; 64];

/// Writes the samples of a block to the beginning of a slice, with the given stride in samples between rows.
pub type Idct = fn(&Coefficients, &mut [u8], usize);

/// The transform to `width` × `height` samples, each 1, 2, 4 or 8; none for other sizes.
pub fn idct_to(width: usize, height: usize) -> Option<Idct> {
    Some(match (width, height) {
        (1, 1) => idct::<1, 1>,
        (1, 2) => idct::<1, 2>,
        (1, 4) => idct::<1, 4>,
        (1, 8) => idct::<1, 8>,
        (2, 1) => idct::<2, 1>,
        (2, 2) => idct_2x2,
        (2, 4) => idct::<2, 4>,
        (2, 8) => idct::<2, 8>,
        (4, 1) => idct::<4, 1>,
        (4, 2) => idct::<4, 2>,
        (4, 4) => idct::<4, 4>,
        (4, 8) => idct::<4, 8>,
        (8, 1) => idct::<8, 1>,
        (8, 2) => idct::<8, 2>,
        (8, 4) => idct::<8, 4>,
        (8, 8) => idct::<8, 8>,
        _ => return None,
    })
}

/// The sample of a block that has a DC coefficient only.
#[inline]
pub fn dc_only(dc: f32) -> u8 {
    to_sample(dc * 0.125)
}

/// The most frequent size: chroma at an eighth, subsampled by two in the file. All weights are equal.
fn idct_2x2(block: &Coefficients, samples: &mut [u8], stride: usize) {
    let [dc, horizontal, vertical, diagonal] =
        [block[0], block[1], block[8], block[9]].map(|value| value * 0.125);
    let rows = [
        [
            dc + horizontal + vertical + diagonal,
            dc - horizontal + vertical - diagonal,
        ],
        [
            dc + horizontal - vertical - diagonal,
            dc - horizontal - vertical + diagonal,
        ],
    ];
    for (row, values) in samples.chunks_mut(stride).zip(rows) {
        row.iter_mut()
            .zip(values)
            .for_each(|(out, value)| *out = to_sample(value));
    }
}

fn idct<const WIDTH: usize, const HEIGHT: usize>(block: &Coefficients, samples: &mut [u8], stride: usize) {
    let (horizontal, vertical) = (basis::<WIDTH>(), basis::<HEIGHT>());
    let mut columns = [[0.0; WIDTH]; HEIGHT];
    for (v, row) in block.chunks_exact(8).take(HEIGHT).enumerate() {
        for (x, weights) in horizontal.iter().enumerate() {
            columns[v][x] = (0..WIDTH).map(|u| weights[u] * row[u]).sum();
        }
    }
    for (row, weights) in samples.chunks_mut(stride).zip(vertical) {
        for (x, out) in row.iter_mut().take(WIDTH).enumerate() {
            let sum: f32 = (0..HEIGHT).map(|v| weights[v] * columns[v][x]).sum();
            *out = to_sample(sum);
        }
    }
}

/// Undoes the level shift by 128 and clamps, since transforms overshoot.
#[inline]
fn to_sample(value: f32) -> u8 {
    (value + 128.5) as u8
}

/// For each of `N` points the weights of the coefficients.
fn basis<const N: usize>() -> &'static [[f32; 8]] {
    static ALL: LazyLock<[[[f32; 8]; 8]; 4]> =
        LazyLock::new(|| [1, 2, 4, 8].map(|points| std::array::from_fn(|x| weights(points, x))));
    &ALL[N.trailing_zeros() as usize & 3][..N]
}

/// The weights for point `x` of `points`. The DC coefficient is 8 times the mean over both axes for any
/// number of points.
pub fn weights(points: usize, x: usize) -> [f32; 8] {
    std::array::from_fn(|u| match u {
        0 => 0.125_f32.sqrt(),
        _ => 0.5 * ((2 * x + 1) as f32 * u as f32 * PI / (2 * points) as f32).cos(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The forward transform of eight points, as A.3.3 defines it.
    fn forward_dct(samples: &[[f32; 8]; 8]) -> Coefficients {
        let norm = |u: usize| if u == 0 { 0.5_f32.sqrt() } else { 1.0 };
        let wave = |x: usize, u: usize| ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos();
        std::array::from_fn(|at| {
            let (v, u) = (at / 8, at % 8);
            let mut sum = 0.0;
            for (y, row) in samples.iter().enumerate() {
                for (x, value) in row.iter().enumerate() {
                    sum += (value - 128.0) * wave(x, u) * wave(y, v);
                }
            }
            0.25 * norm(u) * norm(v) * sum
        })
    }

    fn means(samples: &[[f32; 8]; 8], columns: usize, rows: usize) -> Vec<f32> {
        let (width, height) = (8 / columns, 8 / rows);
        let mean = |at: usize| {
            let (left, top) = (at % columns * width, at / columns * height);
            let rows = samples[top..top + height].iter();
            let sum: f32 = rows.flat_map(|row| &row[left..left + width]).sum();
            sum / (width * height) as f32
        };
        (0..columns * rows).map(mean).collect()
    }

    proptest! {
        #[test]
        fn eight_points_invert_and_one_averages(values in prop::array::uniform32(any::<[u8; 2]>())) {
            let samples: [[f32; 8]; 8] =
                std::array::from_fn(|y| std::array::from_fn(|x| values[4 * y + x / 2][x % 2].into()));
            let block = forward_dct(&samples);
            for (width, height) in [(8, 8), (1, 1)] {
                let mut out = vec![0; width * height];
                idct_to(width, height).unwrap()(&block, &mut out, width);
                for (got, expected) in out.iter().zip(means(&samples, width, height)) {
                    prop_assert!((f32::from(*got) - expected).abs() <= 0.51, "{} for {}", got, expected);
                }
            }
            prop_assert!((f32::from(dc_only(block[0])) - means(&samples, 1, 1)[0]).abs() <= 0.51);
        }

        #[test]
        fn gradient_becomes_means_of_neighbors(left in 20_f32..230.0, right in 20_f32..230.0, lower in -20_f32..20.0) {
            let samples: [[f32; 8]; 8] = std::array::from_fn(|y| {
                std::array::from_fn(|x| left + (right - left) * x as f32 / 7.0 + lower * y as f32 / 7.0)
            });
            let block = forward_dct(&samples);
            for width in [1, 2, 4, 8] {
                for height in [1, 2, 4, 8] {
                    let mut out = vec![0; width * height];
                    idct_to(width, height).unwrap()(&block, &mut out, width);
                    // Band-limiting bends a gradient at the block's edges, by up to 5 % of its height.
                    let tolerance = 1.0 + 0.05 * ((right - left).abs() + lower.abs());
                    for (got, expected) in out.iter().zip(means(&samples, width, height)) {
                        let expected = expected.clamp(0.0, 255.0);
                        prop_assert!((f32::from(*got) - expected).abs() <= tolerance, "{} for {}", got, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn only_powers_of_two_are_supported() {
        assert!(idct_to(16, 8).is_none());
        assert!(idct_to(2, 3).is_none());
        assert!(idct_to(0, 1).is_none());
    }
}
