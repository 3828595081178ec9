//! Weighted sums of rows of samples in fixed point: the one operation of a separable resampling filter.
//!
//! Integer sums are exact in any order, so every kernel gives the same bytes as the scalar one. The loop is written once;
//! compiled for each instruction set, it fills that set's registers.

#[cfg(target_arch = "x86_64")]
use crate::Isa;
use crate::Kernel;

/// Bits after the point of a weight: 32, less 8 for a sample, less 2 for a filter's overshoot.
pub const WEIGHT_BITS: u32 = 32 - 8 - 2;

/// Samples summed at once: 4 registers of AVX-512, 8 of AVX2, 16 of NEON.
const BLOCK: usize = 64;

impl Kernel {
    /// `out[i] = Σₜ weights[t] · source[t · stride + i]`, rounded to whole samples and held to 0..=255.
    ///
    /// Weights have [`WEIGHT_BITS`] bits after the point; their magnitudes must sum to less than 2, so that no sum leaves 32
    /// bits (it would wrap).
    ///
    /// # Panics
    /// If `source` is too short for so many rows.
    pub fn weighted_rows(self, source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
        let needed = weights.len().saturating_sub(1) * stride + out.len();
        assert!(
            weights.is_empty() || source.len() >= needed,
            "each weight needs a row"
        );
        match self.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set that the processor has: here AVX2.
            Isa::Avx2 | Isa::AvxVnni => unsafe { weighted_rows_avx2(source, stride, weights, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above: AVX-512F.
            Isa::Avx512 | Isa::Avx512Vnni => unsafe { weighted_rows_avx512(source, stride, weights, out) },
            // NEON is part of every 64-bit Arm that Rust compiles for, so the plain loop has it.
            _ => weighted_rows(source, stride, weights, out),
        }
    }
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn weighted_rows_avx2(source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    weighted_rows(source, stride, weights, out);
}

/// # Safety
/// The processor has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn weighted_rows_avx512(source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    weighted_rows(source, stride, weights, out);
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables the instruction set"
)]
fn weighted_rows(source: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
    let done = blocks.len() * BLOCK;
    for (number, block) in blocks.iter_mut().enumerate() {
        let mut sums = [HALF; BLOCK];
        for (row, &weight) in weights.iter().enumerate() {
            let Some(samples) = source[row * stride + number * BLOCK..].first_chunk::<BLOCK>() else {
                return;
            };
            for (sum, &sample) in sums.iter_mut().zip(samples) {
                *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(sample)));
            }
        }
        for (sample, sum) in block.iter_mut().zip(sums) {
            *sample = whole(sum);
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
        *sample = whole(sum);
    }
}

const HALF: i32 = 1 << (WEIGHT_BITS - 1);

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables the instruction set"
)]
#[expect(clippy::cast_sign_loss, reason = "held to a sample's range before")]
fn whole(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    /// Sample by sample, in wider arithmetic.
    fn plainly(source: &[u8], stride: usize, weights: &[i32], columns: usize) -> Vec<u8> {
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
        fn every_kernel_gives_the_plain_bytes(
            columns in 0_usize..300,
            gap in 0_usize..5,
            shares in prop::collection::vec(-200_000_i32..400_000, 1..12),
            seed: u64,
        ) {
            let stride = columns + gap;
            let mut random = SplitMix64::new(seed);
            let source: Vec<u8> = (0..stride * shares.len()).map(|_| random.next_u64().to_le_bytes()[0]).collect();
            let expected = plainly(&source, stride, &shares, columns);
            for kernel in Kernel::available() {
                let mut out = vec![0; columns];
                kernel.weighted_rows(&source, stride, &shares, &mut out);
                prop_assert_eq!(&out, &expected, "{}", kernel.name());
            }
        }
    }

    #[test]
    fn sums_beyond_a_sample_are_held_to_its_range() {
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
    #[should_panic(expected = "each weight needs a row")]
    fn a_source_too_short_is_refused() {
        Kernel::best().weighted_rows(&[0; 5], 3, &[1, 1], &mut [0; 3]);
    }
}
