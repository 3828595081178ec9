//! NEON on 64-bit Arm.

use std::arch::aarch64::{float32x4_t, vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32};

use super::vector::{self, Vector};

/// Rows at a time: 4 · 4 sums and 4 parts of the query fit the 32 registers.
const ROWS: usize = 4;

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the caller vouches for the instruction set.
    let [sum] = unsafe { vector::dot_many::<float32x4_t, 1>(a, b) };
    sum
}

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn dot_rows(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    // SAFETY: the caller vouches for the instruction set.
    unsafe { vector::dot_rows::<float32x4_t, ROWS>(query, matrix, scores) }
}

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables NEON"
)]
impl Vector for float32x4_t {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for 4 numbers at `from`.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller vouches for the instruction set and for `count` numbers at `from`; the array has 4.
        unsafe { vld1q_f32(vector::padded::<4>(from, count).as_ptr()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vfmaq_f32(self, a, b) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vaddq_f32(self, other) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vaddvq_f32(self) }
    }
}
