//! Dot products of 8-bit codes: the sum of products of signed bytes, as a 32-bit integer.
//!
//! Every kernel gives the same integer for the same bytes, on every processor: sums wrap at 32 bits, which takes more
//! than 131,072 products to reach.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

/// `Σ aᵢ·bᵢ` with the fastest kernel of this processor.
///
/// # Panics
/// If the lengths differ.
#[inline]
pub fn dot_codes(a: &[i8], b: &[i8]) -> i32 {
    CodeKernel::best().dot(a, b)
}

/// One way to multiply codes that this processor can run; having one is the proof that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeKernel(InstructionSet);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InstructionSet {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl CodeKernel {
    /// The kernel of plain Rust, which runs everywhere.
    pub const fn scalar() -> Self {
        Self(InstructionSet::Scalar)
    }

    /// 16 products an instruction; `None` unless the processor has AVX2.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Some(Self(InstructionSet::Avx2));
        }
        None
    }

    /// 32 products an instruction; `None` unless the processor has AVX-VNNI.
    pub fn avx_vnni() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni") {
            return Some(Self(InstructionSet::AvxVnni));
        }
        None
    }

    /// 64 products an instruction; `None` unless the processor has AVX-512 with VNNI and BW.
    pub fn avx512_vnni() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni")
        {
            return Some(Self(InstructionSet::Avx512Vnni));
        }
        None
    }

    /// 16 products at a time on 64-bit Arm; `None` elsewhere.
    pub fn neon() -> Option<Self> {
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Some(Self(InstructionSet::Neon));
        }
        None
    }

    /// Every kernel that this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let kernels = [
            Self::avx512_vnni(),
            Self::avx_vnni(),
            Self::avx2(),
            Self::neon(),
            Some(Self::scalar()),
        ];
        kernels.into_iter().flatten()
    }

    /// The fastest kernel of this processor; looked up once per process.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<CodeKernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::scalar()))
    }

    /// The instruction set's name, such as `avx512_vnni`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::AvxVnni => "avx_vnni",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512Vnni => "avx512_vnni",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => "neon",
        }
    }

    /// `Σ aᵢ·bᵢ`, modulo 2³².
    ///
    /// # Panics
    /// If the lengths differ.
    #[inline]
    pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
        assert_eq!(a.len(), b.len(), "codes of different lengths");
        match self.0 {
            InstructionSet::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx2()` alone makes this variant, after it has found AVX2; the lengths are equal.
            InstructionSet::Avx2 => unsafe { x86::dot_avx2(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx_vnni()` alone makes this variant, after it has found AVX2 and AVX-VNNI; the lengths are equal.
            InstructionSet::AvxVnni => unsafe { x86::dot_avx_vnni(a, b) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `avx512_vnni()` alone makes this variant, after it has found all three sets; the lengths are equal.
            InstructionSet::Avx512Vnni => unsafe { x86::dot_avx512_vnni(a, b) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `neon()` alone makes this variant, after it has found NEON; the lengths are equal.
            InstructionSet::Neon => unsafe { neon::dot(a, b) },
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
