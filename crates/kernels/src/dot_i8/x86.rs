//! AVX2, AVX-VNNI and AVX-512 VNNI.
//!
//! The VNNI instruction multiplies unsigned by signed bytes. Flipping the upper bit of `b` gives the
//! unsigned byte `b` + 128. The excess of 128·Σa is summed by the same instruction and subtracted at the
//! end.

use std::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_shuffle_epi32, _mm256_add_epi32,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_dpbusd_avx_epi32, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_sub_epi32,
    _mm256_xor_si256, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8,
    _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_sub_epi32, _mm512_xor_si512,
};

use super::scalar;

/// # Safety
/// The processor has AVX2, and `b` is as long as `a`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot_avx2(a: &[i8], b: &[i8]) -> i32 {
    const STEP: usize = 16;
    let whole = a.len() - a.len() % STEP;
    let (mut even, mut odd) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for at in (0..whole).step_by(STEP) {
        // SAFETY: both slices have at least 16 bytes from `at` on.
        let product = unsafe {
            let a = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().add(at).cast()));
            let b = _mm256_cvtepi8_epi16(_mm_loadu_si128(b.as_ptr().add(at).cast()));
            _mm256_madd_epi16(a, b)
        };
        (even, odd) = (odd, _mm256_add_epi32(even, product));
    }
    sum(_mm256_add_epi32(even, odd)).wrapping_add(scalar::dot(&a[whole..], &b[whole..]))
}

/// # Safety
/// The processor has AVX2 and AVX-VNNI, and `b` is as long as `a`.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn dot_avx_vnni(a: &[i8], b: &[i8]) -> i32 {
    const STEP: usize = 32;
    let whole = a.len() - a.len() % STEP;
    let flip = _mm256_set1_epi8(i8::MIN);
    let (mut products, mut excess) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for at in (0..whole).step_by(STEP) {
        // SAFETY: both slices have at least 32 bytes from `at` on.
        let (a, b) = unsafe {
            (
                _mm256_loadu_si256(a.as_ptr().add(at).cast()),
                _mm256_loadu_si256(b.as_ptr().add(at).cast()),
            )
        };
        products = _mm256_dpbusd_avx_epi32(products, _mm256_xor_si256(b, flip), a);
        excess = _mm256_dpbusd_avx_epi32(excess, flip, a);
    }
    sum(_mm256_sub_epi32(products, excess)).wrapping_add(scalar::dot(&a[whole..], &b[whole..]))
}

/// # Safety
/// The processor has AVX-512F, AVX-512BW and AVX-512 VNNI, and `b` is as long as `a`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn dot_avx512_vnni(a: &[i8], b: &[i8]) -> i32 {
    const STEP: usize = 64;
    let whole = a.len() - a.len() % STEP;
    let flip = _mm512_set1_epi8(i8::MIN);
    let zero = _mm512_setzero_si512();
    // Two of each, since an addition to a sum waits some cycles for the previous one.
    let (mut products, mut others) = (zero, zero);
    let (mut excess, mut other_excess) = (zero, zero);
    let mut at = 0;
    while at + 2 * STEP <= whole {
        // SAFETY: both slices have at least 128 bytes from `at` on.
        let (a0, b0, a1, b1) = unsafe {
            (
                _mm512_loadu_si512(a.as_ptr().add(at).cast()),
                _mm512_loadu_si512(b.as_ptr().add(at).cast()),
                _mm512_loadu_si512(a.as_ptr().add(at + STEP).cast()),
                _mm512_loadu_si512(b.as_ptr().add(at + STEP).cast()),
            )
        };
        products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(b0, flip), a0);
        excess = _mm512_dpbusd_epi32(excess, flip, a0);
        others = _mm512_dpbusd_epi32(others, _mm512_xor_si512(b1, flip), a1);
        other_excess = _mm512_dpbusd_epi32(other_excess, flip, a1);
        at += 2 * STEP;
    }
    if at < whole {
        // SAFETY: both slices have at least 64 bytes from `at` on.
        let (a, b) = unsafe {
            (
                _mm512_loadu_si512(a.as_ptr().add(at).cast()),
                _mm512_loadu_si512(b.as_ptr().add(at).cast()),
            )
        };
        products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(b, flip), a);
        excess = _mm512_dpbusd_epi32(excess, flip, a);
        at += STEP;
    }
    if at < a.len() {
        let mask = (1_u64 << (a.len() - at)) - 1;
        // SAFETY: bytes outside the mask are not read, and those in the mask lie within both slices.
        let (a, b) = unsafe {
            (
                _mm512_maskz_loadu_epi8(mask, a.as_ptr().add(at)),
                _mm512_maskz_loadu_epi8(mask, b.as_ptr().add(at)),
            )
        };
        // Where the mask makes `a` zero, the products are zero whatever `b` is.
        others = _mm512_dpbusd_epi32(others, _mm512_xor_si512(b, flip), a);
        other_excess = _mm512_dpbusd_epi32(other_excess, flip, a);
    }
    let products = _mm512_add_epi32(products, others);
    _mm512_reduce_add_epi32(_mm512_sub_epi32(products, _mm512_add_epi32(excess, other_excess)))
}

#[target_feature(enable = "avx2")]
fn sum(eight: __m256i) -> i32 {
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(eight),
        _mm256_extracti128_si256::<1>(eight),
    );
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
}
