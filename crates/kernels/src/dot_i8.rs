//! Dot products of vectors of signed bytes, as 32-bit integers.
//!
//! All kernels return the same integer for the same bytes. Sums wrap at 32 bits, which takes more than
//! 131,072 products to reach.

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
pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    Kernel::best().dot_i8(a, b)
}

impl Kernel {
    /// `Σ aᵢ·bᵢ`, modulo 2³².
    ///
    /// # Panics
    /// If the lengths differ.
    #[inline]
    pub fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        assert_eq!(a.len(), b.len(), "vectors of different lengths");
        match self.isa() {
            Isa::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set of this processor; these include AVX2.
            // The lengths are equal.
            Isa::Avx2 | Isa::Avx512 => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; this one includes AVX2 and AVX-VNNI.
            Isa::AvxVnni => unsafe { x86::dot_avx_vnni(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; these include AVX-512 F, BW and VNNI.
            Isa::Avx512Vnni | Isa::Avx512Bf16 => unsafe { x86::dot_avx512_vnni(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above; this is NEON.
            Isa::Neon => unsafe { neon::dot(a, b) },
        }
    }
}
