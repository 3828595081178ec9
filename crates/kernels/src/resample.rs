//! Weighted sums of rows of 8-bit samples in fixed point: the inner loop of a separable resampling filter.
//!
//! Integer sums do not depend on the order of addition, so all kernels return the same bytes.

use crate::Kernel;
use crate::multiversion::multiversion;

/// Fraction bits of a weight: 32, minus 8 for the sample, minus 2 for the overshoot of a filter.
pub const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// Samples whose sums are kept in registers: 4 of AVX-512, 8 of AVX2, 16 of NEON.
const BLOCK: usize = 64;

impl Kernel {
    /// `out[i] = Σₜ weights[t] · source[t · stride + i]`, rounded to whole samples and clamped to 0..=255.
    ///
    /// Weights have [`WEIGHT_BITS`] fraction bits. The sum of their magnitudes must be less than 2;
    /// otherwise sums may wrap.
    ///
    /// # Panics
    /// If `source` has fewer rows than there are weights.
    pub fn weighted_rows(self, source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
        let needed = weights.len().saturating_sub(1) * stride + out.len();
        assert!(
            weights.is_empty() || source.len() >= needed,
            "one row of samples per weight"
        );
        weighted_rows(self, source, stride, weights, out);
    }
}

multiversion! {
    fn weighted_rows(source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) = weighted_rows_body;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn weighted_rows_body(source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let done = blocks.len() * BLOCK;
    for (block_index, block) in blocks.iter_mut().enumerate() {
        let mut sums = [HALF; BLOCK];
        for (row, &weight) in weights.iter().enumerate() {
            let Some(samples) = source[row * stride + block_index * BLOCK..].first_chunk::<BLOCK>() else {
                return;
            };
            for (sum, &sample) in sums.iter_mut().zip(samples) {
                *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(sample)));
            }
        }
        for (sample, sum) in block.iter_mut().zip(sums) {
            *sample = to_sample(sum);
        }
    }
    let mut sums = [HALF; BLOCK];
    for (row, &weight) in weights.iter().enumerate() {
        let samples = &source[row * stride + done..][..rest.len()];
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(sample)));
        }
    }
    for (sample, sum) in rest.iter_mut().zip(sums) {
        *sample = to_sample(sum);
    }
}

/// One half, so that the shift rounds to nearest.
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
#[expect(clippy::cast_sign_loss, reason = "clamped to 0..=255 first")]
fn to_sample(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    /// The definition, in 64-bit arithmetic.
    fn reference(source: &[u8], stride: usize, weights: &[i32], columns: usize) -> Vec<u8> {
        let column = |at: usize| {
            let terms = weights
                .iter()
                .enumerate()
                .map(|(row, &weight)| i64::from(weight) * i64::from(source[row * stride + at]));
            let rounded = (terms.sum::<i64>() + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
            u8::try_from(rounded.clamp(0, 255)).expect("clamped")
        };
        (0..columns).map(column).collect()
    }

    proptest! {
        #[test]
        fn kernels_agree_with_wide_arithmetic(
            columns in 0_usize..300,
            gap in 0_usize..5,
            shares in prop::collection::vec(-200_000_i32..400_000, 1..12),
            seed: u64,
        ) {
            let stride = columns + gap;
            let mut random = SplitMix64::new(seed);
            let source: Vec<u8> = (0..stride * shares.len()).map(|_| random.next_u64().to_be_bytes()[0]).collect();
            let expected = reference(&source, stride, &shares, columns);
            for kernel in Kernel::available() {
                let mut out = vec![0; columns];
                kernel.weighted_rows(&source, stride, &shares, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernel.name());
            }
        }
    }

    #[test]
    fn sums_outside_sample_range_are_clamped() {
        let one = 1 << WEIGHT_BITS;
        for kernel in Kernel::available() {
            let mut out = [9; 70];
            kernel.weighted_rows(&[200; 210], 70, &[one / 2, one, one / 4], &mut out);
            assert_eq!(out, [255; 70], "{}", kernel.name());
            kernel.weighted_rows(&[200; 140], 70, &[one / 4, -one], &mut out);
            assert_eq!(out, [0; 70], "{}", kernel.name());
        }
    }

    #[test]
    #[should_panic(expected = "one row of samples per weight")]
    fn short_source_panics() {
        Kernel::best().weighted_rows(&[0; 5], 3, &[1, 1], &mut [0; 3]);
    }
}
