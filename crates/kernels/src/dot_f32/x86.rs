//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::{__m256, __m512};

use super::generic;

/// Rows at a time: 2 · 4 sums and 4 registers of the query fit the 16 registers.
const AVX2_ROWS: usize = 2;
/// Rows at a time: 4 · 4 sums and 4 registers of the query fit the 32 registers.
const AVX512_ROWS: usize = 4;

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the caller guarantees the instruction set.
    let [sum] = unsafe { generic::dot_many::<__m256, 1>(a, b) };
    sum
}

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn dot_rows_avx2(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { generic::dot_rows::<__m256, AVX2_ROWS>(query, matrix, scores) }
}

/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the caller guarantees the instruction set.
    let [sum] = unsafe { generic::dot_many::<__m512, 1>(a, b) };
    sum
}

/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn dot_rows_avx512(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { generic::dot_rows::<__m512, AVX512_ROWS>(query, matrix, scores) }
}
