//! From the coefficients of a block of 8 × 8 samples to fewer samples (ITU T.81, A.3.3, with fewer points).
//!
//! Of the 8 coefficients of an axis the first `n` are taken for those of a transform of `n` points. For one point that is
//! the mean of the block; for more it is the block band-limited to what `n` samples can hold, a little sharper than means
//! of neighbours.

use std::f32::consts::PI;
use std::sync::LazyLock;

/// Coefficients of one block by row and column, quantisation undone.
pub type Coefficients = [f32; 64];

/// Writes a block's samples into a plane, from its first, `stride` samples a row.
pub type Inverse = fn(&Coefficients, &mut [u8], usize);

/// The transform to `across` × `down` samples, each 1, 2, 4 or 8; none for others.
pub fn inverse(across: usize, down: usize) -> Option<Inverse> {
    Some(match (across, down) {
        (1, 1) => transform::<1, 1>,
        (1, 2) => transform::<1, 2>,
        (1, 4) => transform::<1, 4>,
        (1, 8) => transform::<1, 8>,
        (2, 1) => transform::<2, 1>,
        (2, 2) => two_by_two,
        (2, 4) => transform::<2, 4>,
        (2, 8) => transform::<2, 8>,
        (4, 1) => transform::<4, 1>,
        (4, 2) => transform::<4, 2>,
        (4, 4) => transform::<4, 4>,
        (4, 8) => transform::<4, 8>,
        (8, 1) => transform::<8, 1>,
        (8, 2) => transform::<8, 2>,
        (8, 4) => transform::<8, 4>,
        (8, 8) => transform::<8, 8>,
        _ => return None,
    })
}

/// The sample of a block that is all alike.
#[inline]
pub fn flat(first: f32) -> u8 {
    sample(first * 0.125)
}

/// The commonest: colour at an eighth, where it is stored at half. All weights are alike.
fn two_by_two(block: &Coefficients, samples: &mut [u8], stride: usize) {
    let [mean, across, down, both] = [block[0], block[1], block[8], block[9]].map(|value| value * 0.125);
    let rows = [
        [mean + across + down + both, mean - across + down - both],
        [mean + across - down - both, mean - across - down + both],
    ];
    for (row, values) in samples.chunks_mut(stride).zip(rows) {
        row.iter_mut()
            .zip(values)
            .for_each(|(out, value)| *out = sample(value));
    }
}

fn transform<const ACROSS: usize, const DOWN: usize>(
    block: &Coefficients,
    samples: &mut [u8],
    stride: usize,
) {
    let (across, down) = (basis::<ACROSS>(), basis::<DOWN>());
    let mut columns = [[0.0; ACROSS]; DOWN];
    for (v, row) in block.chunks_exact(8).take(DOWN).enumerate() {
        for (x, values) in across.iter().enumerate() {
            let sum = (0..ACROSS).map(|u| values[u] * row[u]).sum();
            columns[v][x] = sum;
        }
    }
    for (row, values) in samples.chunks_mut(stride).zip(down) {
        for (x, out) in row.iter_mut().take(ACROSS).enumerate() {
            let sum: f32 = (0..DOWN).map(|v| values[v] * columns[v][x]).sum();
            *out = sample(sum);
        }
    }
}

/// Samples are centred on 128; transforms overshoot.
#[inline]
fn sample(value: f32) -> u8 {
    (value + 128.5) as u8
}

/// For each of `N` points the weights of `N` coefficients.
fn basis<const N: usize>() -> &'static [[f32; 8]] {
    static ALL: LazyLock<[[[f32; 8]; 8]; 4]> =
        LazyLock::new(|| [1, 2, 4, 8].map(|points| std::array::from_fn(|x| weights(points, x))));
    &ALL[N.trailing_zeros() as usize & 3][..N]
}

/// Of point `x` of `points`. The level is kept: the first coefficient is 8 times the mean over both axes.
fn weights(points: usize, x: usize) -> [f32; 8] {
    std::array::from_fn(|u| match u {
        0 => 0.125_f32.sqrt(),
        _ => 0.5 * ((2 * x + 1) as f32 * u as f32 * PI / (2 * points) as f32).cos(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The transform of eight points, written out (A.3.3).
    fn forward(samples: &[[f32; 8]; 8]) -> Coefficients {
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

    fn means(samples: &[[f32; 8]; 8], across: usize, down: usize) -> Vec<f32> {
        let (width, height) = (8 / across, 8 / down);
        let mean = |at: usize| {
            let (left, top) = (at % across * width, at / across * height);
            let rows = samples[top..top + height].iter();
            let sum: f32 = rows.flat_map(|row| &row[left..left + width]).sum();
            sum / (width * height) as f32
        };
        (0..across * down).map(mean).collect()
    }

    proptest! {
        #[test]
        fn eight_points_give_the_samples_back_and_one_gives_the_mean(values in prop::array::uniform32(any::<[u8; 2]>())) {
            let samples: [[f32; 8]; 8] =
                std::array::from_fn(|y| std::array::from_fn(|x| values[4 * y + x / 2][x % 2].into()));
            let block = forward(&samples);
            for (across, down) in [(8, 8), (1, 1)] {
                let mut out = vec![0; across * down];
                inverse(across, down).unwrap()(&block, &mut out, across);
                for (got, wanted) in out.iter().zip(means(&samples, across, down)) {
                    prop_assert!((f32::from(*got) - wanted).abs() <= 0.51, "{} for {}", got, wanted);
                }
            }
            prop_assert!((f32::from(flat(block[0])) - means(&samples, 1, 1)[0]).abs() <= 0.51);
        }

        #[test]
        fn a_slope_comes_as_means_of_neighbours(left in 20_f32..230.0, right in 20_f32..230.0, lower in -20_f32..20.0) {
            let samples: [[f32; 8]; 8] = std::array::from_fn(|y| {
                std::array::from_fn(|x| left + (right - left) * x as f32 / 7.0 + lower * y as f32 / 7.0)
            });
            let block = forward(&samples);
            for across in [1, 2, 4, 8] {
                for down in [1, 2, 4, 8] {
                    let mut out = vec![0; across * down];
                    inverse(across, down).unwrap()(&block, &mut out, across);
                    // Band-limiting a slope bends it at the block's ends, by up to 5 % of its height.
                    let tolerance = 1.0 + 0.05 * ((right - left).abs() + lower.abs());
                    for (got, wanted) in out.iter().zip(means(&samples, across, down)) {
                        let wanted = wanted.clamp(0.0, 255.0);
                        prop_assert!((f32::from(*got) - wanted).abs() <= tolerance, "{} for {}", got, wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn only_powers_of_two_up_to_eight_are_possible() {
        assert!(inverse(16, 8).is_none());
        assert!(inverse(2, 3).is_none());
        assert!(inverse(0, 1).is_none());
    }
}
