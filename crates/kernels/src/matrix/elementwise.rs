//! Operations on rows between products: layer norm, softmax, quantization. Portable Rust, compiled for each
//! instruction set.

use crate::Kernel;
use crate::multiversion::multiversion;

/// Scale and zero point of a quantized row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct RowScale {
    pub(super) scale: f32,
    pub(super) zero: i32,
}

/// Partial sums of a row: as many as the widest register has lanes. They also round less than a single sum.
const LANES: usize = 16;

impl Kernel {
    /// Layer norm: `(x − mean) / √(variance + epsilon) · weight + bias` of `row` into `out`.
    ///
    /// Mean and variance are computed in two passes, so that rows far from 0 lose no precision.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn layer_norm(self, row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
        let width = row.len();
        assert!(
            weight.len() == width && bias.len() == width && out.len() == width,
            "rows of different lengths"
        );
        layer_norm(self, row, weight, bias, epsilon, out);
    }

    /// The softmax of the first `valid` numbers of `row`, each multiplied by `scale`. The other numbers
    /// become 0.
    ///
    /// # Panics
    /// If `valid` is 0 or exceeds the row.
    pub fn softmax(self, row: &mut [f32], valid: usize, scale: f32) {
        assert!(valid > 0, "softmax of no numbers");
        let (valid, rest) = row.split_at_mut(valid);
        softmax(self, valid, scale);
        rest.fill(0.0);
    }
}

multiversion! {
    fn layer_norm(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) = layer_norm_body;
    fn softmax(row: &mut [f32], scale: f32) = softmax_body;
    /// Quantizes `row` to `codes` and returns its scale and zero point.
    pub(super) fn quantize(row: &[f32], codes: &mut [u8]) -> RowScale = quantize_body;
}

/// eˣ within a few units in the last place. x is clamped to ±87; NaN stays NaN.
///
/// It is the product of 2ⁿ, made from the bits of n, and of eʳ for |r| ≤ ½ ln 2, computed by its Taylor
/// polynomial. Unlike `f32::exp` it has no calls or branches, so loops over it are vectorized.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series)));
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3f80_0000));
    series * power
}

/// Adding this number rounds to an integer (half to even) and leaves it in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// Rounds numbers of magnitude up to 2²². Unlike `f32::round_ties_even` it is never a function call.
#[inline]
pub(super) fn round_half_even(x: f32) -> f32 {
    (x + ROUND) - ROUND
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn layer_norm_body(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = row.len() as f32;
    let mean = sum(row, |x| x) / width;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / width;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for (((out, x), w), b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
        *out = (x - mean) * scale * w + b;
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn softmax_body(row: &mut [f32], scale: f32) {
    let (_, max) = range(row);
    for x in row.iter_mut() {
        *x = exp((*x - max) * scale);
    }
    let inverse = 1.0 / sum(row, |x| x);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// Maps the least number to 0 and the greatest to 255. The range is extended to contain 0, which is
/// represented exactly.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a zero point is between 0 and 255"
)]
fn quantize_body(row: &[f32], codes: &mut [u8]) -> RowScale {
    let (min, max) = range(row);
    let (min, max) = (min.min(0.0), max.max(0.0));
    // 0, or NaN if any number is not finite.
    let not_finite = sum(row, |x| x * 0.0);
    let scale = (max - min) / 255.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let zero = (-min * inverse + ROUND) - ROUND;
    let shift = zero + ROUND;
    for (code, x) in codes.iter_mut().zip(row) {
        // The low byte of the clamped sum is the code. For a NaN it is arbitrary, and the scale is NaN.
        let bits = (x * inverse + shift).clamp(ROUND, ROUND + 255.0).to_bits();
        *code = (bits & 0xff) as u8;
    }
    RowScale {
        scale: scale + not_finite,
        zero: zero as i32,
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (groups, rest) = row.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for group in groups {
        for (sum, x) in sums.iter_mut().zip(group) {
            *sum += term(*x);
        }
    }
    let mut total = 0.0;
    for sum in sums {
        total += sum;
    }
    for x in rest {
        total += term(*x);
    }
    total
}

/// The least and the greatest number. NaN is ignored.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn range(row: &[f32]) -> (f32, f32) {
    let (groups, rest) = row.as_chunks::<LANES>();
    let mut min = [f32::INFINITY; LANES];
    let mut max = [f32::NEG_INFINITY; LANES];
    for group in groups {
        for ((min, max), x) in min.iter_mut().zip(&mut max).zip(group) {
            *min = if *x < *min { *x } else { *min };
            *max = if *x > *max { *x } else { *max };
        }
    }
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for x in min.iter().chain(rest) {
        low = if *x < low { *x } else { low };
    }
    for x in max.iter().chain(rest) {
        high = if *x > high { *x } else { high };
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_std() {
        let range = (-9000..=9000).map(|i| i as f32 / 1000.0);
        for x in range.chain([-86.9, -50.0, 50.0, 86.9]) {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) has a relative error of {error}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) >= 0.0);
    }
}
