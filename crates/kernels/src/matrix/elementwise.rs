//! Passes over rows: layer norm, softmax, rounding to codes. Plain Rust that is compiled once for each instruction set.

use super::quantized_rows::RowScale;
use crate::{Isa, Kernel};

/// Strands of a sum: a register of the widest instruction set, and less rounding than one strand.
const STRANDS: usize = 16;

impl Kernel {
    /// Brings `row` to mean 0 and variance 1, then scales it by `weight` and adds `bias`, into `out`.
    ///
    /// Mean and variance take two elementwise, so that rows far from zero lose no digits.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn layer_norm(self, row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
        let width = row.len();
        assert!(
            weight.len() == width && bias.len() == width && out.len() == width,
            "rows of different lengths"
        );
        layer_norm(self.isa(), row, weight, bias, epsilon, out);
    }

    /// `exp(scale · x)` of the row's first `valid` numbers over the sum of all those; the others become zero.
    ///
    /// # Panics
    /// If `valid` is 0 or exceeds the row.
    pub fn softmax(self, row: &mut [f32], valid: usize, scale: f32) {
        assert!(valid > 0, "a softmax of nothing");
        let (valid, rest) = row.split_at_mut(valid);
        softmax(self.isa(), valid, scale);
        rest.fill(0.0);
    }
}

/// The same plain Rust, compiled for each instruction set. Where it is used, `Isa` must be in scope.
macro_rules! for_each_isa {
    ($(#[$doc:meta] fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? = $body:path;)*) => {
        $(
            #[$doc]
            pub(crate) fn $name(isa: Isa, $($argument: $kind),*) $(-> $result)? {
                match isa {
                    Isa::Scalar => $body($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 | Isa::AvxVnni => {
                        #[target_feature(enable = "avx2,fma")]
                        fn inner($($argument: $kind),*) $(-> $result)? {
                            $body($($argument),*)
                        }
                        // SAFETY: a level is only made after its instruction set was found.
                        unsafe { inner($($argument),*) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 | Isa::Avx512Vnni => {
                        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
                        fn inner($($argument: $kind),*) $(-> $result)? {
                            $body($($argument),*)
                        }
                        // SAFETY: as above.
                        unsafe { inner($($argument),*) }
                    }
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => $body($($argument),*),
                }
            }
        )*
    };
}

pub(crate) use for_each_isa;

for_each_isa! {
    /// See [`Kernel::layer_norm`].
    fn layer_norm(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) = layer_norm_of;
    /// See [`Kernel::softmax`].
    fn softmax(row: &mut [f32], scale: f32) = softmax_of;
    /// Rounds `row` to `codes` and says what they are worth.
    fn quantize(row: &[f32], codes: &mut [u8]) -> RowScale = quantize_row;
}

/// eˣ within a few units in the last place; x outside ±87 counts as ±87, NaN stays NaN.
///
/// 2ⁿ comes from the bits of n, eʳ for |r| ≤ ½ ln 2 from its Taylor polynomial. Without a call and without a branch,
/// unlike `f32::exp`, so that several values are computed at once.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series)));
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3f80_0000));
    series * power
}

/// Adding it rounds to a whole number (half to even) and leaves that number in the low bits.
const ROUND: f32 = 12_582_912.0;

/// For numbers up to 2²²; without a call, unlike `f32::round`.
#[inline]
pub(crate) fn round_half_even(x: f32) -> f32 {
    (x + ROUND) - ROUND
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn layer_norm_of(row: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
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
    reason = "must become part of a function that enables an instruction set"
)]
fn softmax_of(row: &mut [f32], scale: f32) {
    let (_, greatest) = range(row);
    for x in row.iter_mut() {
        *x = exp((*x - greatest) * scale);
    }
    let inverse = 1.0 / sum(row, |x| x);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// The least number becomes 0 and the greatest 255, the range widened so that it holds zero, which becomes exact.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
#[expect(clippy::cast_possible_truncation, reason = "a zero is a code, 0 to 255")]
fn quantize_row(row: &[f32], codes: &mut [u8]) -> RowScale {
    let (least, greatest) = range(row);
    let (least, greatest) = (least.min(0.0), greatest.max(0.0));
    // Zero, or NaN where a number is not finite.
    let trouble = sum(row, |x| x * 0.0);
    let scale = (greatest - least) / 255.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let zero = (-least * inverse + ROUND) - ROUND;
    let shift = zero + ROUND;
    for (code, x) in codes.iter_mut().zip(row) {
        // The clamp is done on whole numbers: what is not finite may give any code.
        let bits = (x * inverse + shift).clamp(ROUND, ROUND + 255.0).to_bits();
        *code = (bits & 0xff) as u8;
    }
    RowScale {
        scale: scale + trouble,
        zero: zero as i32,
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (groups, rest) = row.as_chunks::<STRANDS>();
    let mut strands = [0.0_f32; STRANDS];
    for group in groups {
        for (strand, x) in strands.iter_mut().zip(group) {
            *strand += term(*x);
        }
    }
    let mut total = 0.0;
    for strand in strands {
        total += strand;
    }
    for x in rest {
        total += term(*x);
    }
    total
}

/// The least and the greatest number; of those that compare, where some are NaN.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn range(row: &[f32]) -> (f32, f32) {
    let (groups, rest) = row.as_chunks::<STRANDS>();
    let mut least = [f32::INFINITY; STRANDS];
    let mut greatest = [f32::NEG_INFINITY; STRANDS];
    for group in groups {
        for ((least, greatest), x) in least.iter_mut().zip(&mut greatest).zip(group) {
            *least = if *x < *least { *x } else { *least };
            *greatest = if *x > *greatest { *x } else { *greatest };
        }
    }
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for x in least.iter().chain(rest) {
        low = if *x < low { *x } else { low };
    }
    for x in greatest.iter().chain(rest) {
        high = if *x > high { *x } else { high };
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        let range = (-9000..=9000).map(|i| i as f32 / 1000.0);
        for x in range.chain([-86.9, -50.0, 50.0, 86.9]) {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) >= 0.0);
    }
}
