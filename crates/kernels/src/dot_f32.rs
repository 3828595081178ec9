//! Dot products of f32 vectors.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod vector;
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

/// The dot product of `query` with every row of `matrix`, with the fastest kernel of this processor.
///
/// `matrix` holds `scores.len()` rows of `query.len()` numbers each, one after the other.
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
            // SAFETY: a kernel exists only for an instruction set that the processor has: here AVX2 and FMA.
            Isa::Avx2 | Isa::AvxVnni => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above: AVX-512F.
            Isa::Avx512 | Isa::Avx512Vnni => unsafe { x86::dot_avx512(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above: NEON.
            Isa::Neon => unsafe { neon::dot(a, b) },
        }
    }

    /// The dot product of `query` with every row of `matrix`, several rows at a time so that each part of the query
    /// is loaded once for all of them.
    ///
    /// # Panics
    /// If `matrix.len() != scores.len() * query.len()`.
    #[inline]
    pub fn dot_rows(self, query: &[f32], matrix: &[f32], scores: &mut [f32]) {
        assert_eq!(
            Some(matrix.len()),
            scores.len().checked_mul(query.len()),
            "the matrix must hold one row a score"
        );
        match self.isa() {
            Isa::Scalar => scalar::dot_rows(query, matrix, scores),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set that the processor has: here AVX2 and FMA.
            Isa::Avx2 | Isa::AvxVnni => unsafe { x86::dot_rows_avx2(query, matrix, scores) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above: AVX-512F.
            Isa::Avx512 | Isa::Avx512Vnni => unsafe { x86::dot_rows_avx512(query, matrix, scores) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above: NEON.
            Isa::Neon => unsafe { neon::dot_rows(query, matrix, scores) },
        }
    }
}
