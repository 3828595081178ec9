//! The inverse DCT of 8 × 8 coefficients (ITU T.81, A.3.3), for eight columns at once.
//!
//! Arai, Agui, Nakajima, "A fast DCT-SQ scheme for images", 1988: five multiplications for eight points, if
//! the coefficients are scaled beforehand.

use std::f32::consts::{FRAC_PI_8, PI, SQRT_2};

use super::coefficients::Block;
use crate::jpeg_scaled::ZIGZAG;

/// One value for each of eight columns.
type Row = [f32; 8];

/// What to multiply quantized coefficients with, in zigzag order: `steps` with the scale of the transform and
/// of samples of `precision` bits.
pub fn transform_factors(steps: &[u16; 64], precision: u32) -> [f32; 64] {
    let scale = |at: usize| match at {
        0 => 1.0,
        _ => SQRT_2 * (at as f32 * PI / 16.0).cos(),
    };
    std::array::from_fn(|index| {
        let (row, column) = (usize::from(ZIGZAG[index] / 8), usize::from(ZIGZAG[index] % 8));
        f32::from(steps[index]) * scale(row) * scale(column) / (8 << (precision - 8)) as f32
    })
}

/// The samples of a block, less half of their range.
pub fn transform(block: &Block, factors: &[f32; 64]) -> [Row; 8] {
    // Multiplied before they are moved, which vector instructions do.
    let scaled: [f32; 64] = std::array::from_fn(|index| f32::from(block[index]) * factors[index]);
    let mut rows = [[0.0; 8]; 8];
    for (&at, value) in ZIGZAG.iter().zip(scaled) {
        rows[usize::from(at / 8)][usize::from(at % 8)] = value;
    }
    transpose(&transform_columns(&transpose(&transform_columns(&rows))))
}

fn transpose(rows: &[Row; 8]) -> [Row; 8] {
    std::array::from_fn(|y| std::array::from_fn(|x| rows[x][y]))
}

/// Transforms each column.
fn transform_columns(rows: &[Row; 8]) -> [Row; 8] {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = rows;
    let (even_sum, even_difference) = (add(c0, c4), subtract(c0, c4));
    let middle_sum = add(c2, c6);
    let middle_difference = subtract(&scale(&subtract(c2, c6), SQRT_2), &middle_sum);
    let evens = [
        add(&even_sum, &middle_sum),
        add(&even_difference, &middle_difference),
        subtract(&even_difference, &middle_difference),
        subtract(&even_sum, &middle_sum),
    ];
    let (outer_sum, outer_difference) = (add(c1, c7), subtract(c1, c7));
    let (inner_sum, inner_difference) = (add(c5, c3), subtract(c5, c3));
    let rotated = scale(&add(&inner_difference, &outer_difference), 2.0 * FRAC_PI_8.cos());
    let first = add(&outer_sum, &inner_sum);
    let second = subtract(
        &subtract(
            &rotated,
            &scale(&inner_difference, 2.0 * (FRAC_PI_8.cos() + FRAC_PI_8.sin())),
        ),
        &first,
    );
    let third = subtract(&scale(&subtract(&outer_sum, &inner_sum), SQRT_2), &second);
    let fourth = subtract(
        &subtract(
            &rotated,
            &scale(&outer_difference, 2.0 * (FRAC_PI_8.cos() - FRAC_PI_8.sin())),
        ),
        &third,
    );
    let odds = [first, second, third, fourth];
    std::array::from_fn(|y| match y {
        0..4 => add(&evens[y], &odds[y]),
        _ => subtract(&evens[7 - y], &odds[7 - y]),
    })
}

fn add(left: &Row, right: &Row) -> Row {
    std::array::from_fn(|x| left[x] + right[x])
}

fn subtract(left: &Row, right: &Row) -> Row {
    std::array::from_fn(|x| left[x] - right[x])
}

fn scale(row: &Row, factor: f32) -> Row {
    row.map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg_scaled::idct_weights;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_equal_definition(levels in prop::array::uniform32(-60_i16..60), step in 1_u16..30) {
            let mut block: Block = [0; 64];
            block[..32].copy_from_slice(&levels);
            let samples = transform(&block, &transform_factors(&[step; 64], 8));
            for (y, row) in samples.iter().enumerate() {
                for (x, sample) in row.iter().enumerate() {
                    let (across, down) = (idct_weights(8, x), idct_weights(8, y));
                    let expected: f32 = ZIGZAG
                        .iter()
                        .zip(block)
                        .map(|(&at, level)| {
                            let (u, v) = (usize::from(at % 8), usize::from(at / 8));
                            f32::from(level) * f32::from(step) * across[u] * down[v]
                        })
                        .sum();
                    prop_assert!((sample - expected).abs() < 0.02, "{} for {}", sample, expected);
                }
            }
        }
    }
}
