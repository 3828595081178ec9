//! Dot products of 8-bit codes: the sum of products of signed bytes, as a 32-bit integer.
//!
//! Every kernel gives the same integer for the same bytes, on every processor: sums wrap at 32 bits, which takes more
//! than 131,072 products to reach.

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
        assert_eq!(a.len(), b.len(), "codes of different lengths");
        match self.isa() {
            Isa::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a kernel exists only for an instruction set that the processor has: here AVX2. The lengths are equal.
            Isa::Avx2 | Isa::Avx512 => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above: AVX2 and AVX-VNNI.
            Isa::AvxVnni => unsafe { x86::dot_avx_vnni(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above: AVX-512 F, BW and VNNI.
            Isa::Avx512Vnni => unsafe { x86::dot_avx512_vnni(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above: NEON.
            Isa::Neon => unsafe { neon::dot(a, b) },
        }
    }
}

/// Asks the processor to fetch `data` into its caches, because it will be read soon. Changes nothing but speed.
#[inline]
pub fn prefetch<T>(data: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let (start, bytes) = (data.as_ptr().cast::<i8>(), size_of_val(data));
        for offset in (0..bytes).step_by(LINE) {
            // SAFETY: SSE is part of x86-64, the address lies within `data`, and a prefetch reads nothing that the
            // program could see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = data;
}
