//! Dot products over vectors: a plain one and the fastest one this processor has. All unsafe code lives here.
//!
//! [`dot`] and [`dot_rows`] pick the fastest [`Kernel`] once per process. A kernel for an instruction set can only be
//! had where the processor knows that set, so holding one is the proof that running it is sound.
//!
//! Every kernel sums a row in an order that depends on the row's length alone. The score of a row is therefore the
//! same to the last bit whether it comes from [`dot`] or from [`dot_rows`], whatever rows stand beside it.

mod codes;
mod generic;
mod lines;
pub mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod resample;
mod scalar;
mod signs;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use resample::WEIGHT_BITS;
pub use signs::{differing_bits, sign_bits};

use std::sync::OnceLock;

pub use codes::{CodeKernel, dot_codes, prefetch};
pub use lines::Line;

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

/// One way to compute dot products that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(InstructionSet);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InstructionSet {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The kernel of plain Rust, which runs everywhere.
    pub const fn scalar() -> Self {
        Self(InstructionSet::Scalar)
    }

    /// 8 lanes with fused multiply-add; `None` unless the processor has AVX2 and FMA.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Some(Self(InstructionSet::Avx2));
        }
        None
    }

    /// 16 lanes; `None` unless the processor has AVX-512F.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            return Some(Self(InstructionSet::Avx512));
        }
        None
    }

    /// 4 lanes on 64-bit Arm; `None` elsewhere.
    pub fn neon() -> Option<Self> {
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Some(Self(InstructionSet::Neon));
        }
        None
    }

    /// Every kernel that this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::avx512(), Self::avx2(), Self::neon(), Some(Self::scalar())]
            .into_iter()
            .flatten()
    }

    /// The fastest kernel of this processor; looked up once per process.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::scalar()))
    }

    /// The instruction set's name, such as `avx512`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => "neon",
        }
    }

    /// `Σ aᵢ·bᵢ`.
    ///
    /// # Panics
    /// If the lengths differ.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        match self.0 {
            InstructionSet::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx2()` alone makes this variant, after it has found AVX2 and FMA.
            InstructionSet::Avx2 => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx512()` alone makes this variant, after it has found AVX-512F.
            InstructionSet::Avx512 => unsafe { x86::dot_avx512(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `neon()` alone makes this variant, after it has found NEON.
            InstructionSet::Neon => unsafe { neon::dot(a, b) },
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
        match self.0 {
            InstructionSet::Scalar => scalar::dot_rows(query, matrix, scores),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx2()` alone makes this variant, after it has found AVX2 and FMA.
            InstructionSet::Avx2 => unsafe { x86::dot_rows_avx2(query, matrix, scores) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx512()` alone makes this variant, after it has found AVX-512F.
            InstructionSet::Avx512 => unsafe { x86::dot_rows_avx512(query, matrix, scores) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `neon()` alone makes this variant, after it has found NEON.
            InstructionSet::Neon => unsafe { neon::dot_rows(query, matrix, scores) },
        }
    }
}
