//! Dot products of f32 vectors.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod generic;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::{Isa, Kernel};

/// `Σ aᵢ·bᵢ` with the fastest kernel of this processor.
///
/// # Panics
/// If the lengths differ.
#[inline]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    Kernel::best().dot(a, b)
}

/// The dot product of `query` with each row of `matrix`, with the fastest kernel of this processor.
///
/// `matrix` has `scores.len()` rows of `query.len()` numbers, stored row by row.
///
/// # Panics
/// If `matrix.len() != scores.len() * query.len()`.
#[inline]
pub fn dot_rows(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    Kernel::best().dot_rows(query, matrix, scores);
}

impl Kernel {
    /// `Σ aᵢ·bᵢ`.
    ///
    /// # Panics
    /// If the lengths differ.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        match self.isa() {
            Isa::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set of this processor; this one includes AVX2
            // and FMA.
            Isa::Avx2 | Isa::AvxVnni => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; these include AVX-512F.
            Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::dot_avx512(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above; this is NEON.
            Isa::Neon => unsafe { neon::dot(a, b) },
        }
    }

    /// The dot product of `query` with each row of `matrix`, several rows at a time so that each part of
    /// the query is loaded once for all of them.
    ///
    /// A score has the same bits as that of [`dot`](Self::dot) for the same row.
    ///
    /// # Panics
    /// If `matrix.len() != scores.len() * query.len()`.
    #[inline]
    pub fn dot_rows(self, query: &[f32], matrix: &[f32], scores: &mut [f32]) {
        assert_eq!(
            Some(matrix.len()),
            scores.len().checked_mul(query.len()),
            "the matrix must have one row per score"
        );
        match self.isa() {
            Isa::Scalar => scalar::dot_rows(query, matrix, scores),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set of this processor; this one includes AVX2
            // and FMA.
            Isa::Avx2 | Isa::AvxVnni => unsafe { x86::dot_rows_avx2(query, matrix, scores) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; these include AVX-512F.
            Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe {
                x86::dot_rows_avx512(query, matrix, scores);
            },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above; this is NEON.
            Isa::Neon => unsafe { neon::dot_rows(query, matrix, scores) },
        }
    }
}
