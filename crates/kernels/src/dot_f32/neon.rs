//! NEON on 64-bit Arm.

use std::arch::aarch64::float32x4_t;

use super::generic;

/// Rows at a time: 4 · 4 sums and 4 registers of the query fit the 32 registers.
const ROWS: usize = 4;

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the caller guarantees the instruction set.
    let [sum] = unsafe { generic::dot_many::<float32x4_t, 1>(a, b) };
    sum
}

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn dot_rows(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { generic::dot_rows::<float32x4_t, ROWS>(query, matrix, scores) }
}
