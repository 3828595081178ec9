//! AVX2, AVX-VNNI, AVX-512 and AVX-512 VNNI.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_avx_epi32,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_storeu_ps, _mm512_storeu_si512,
};

use super::Rows;
use super::epilogue::Target;
use super::f32_tiles::{self, Lanes, Sums};
use super::int8_tiles::{self, QuadLanes};
use super::kernel_macros::{float_kernel, integer_kernel};
use super::packed_weights::{F32Panel, F32PanelRow, Int8Panel, Int8PanelRow};
use super::prefetch::Prefetch;
use super::quantized_rows::QuantizedRows;

// 6 · 2 sums, 2 of weights and 1 number fill 15 of 16 registers.
float_kernel!(float_panel_avx2, float_tile_avx2, __m256, "avx2,fma", [1 2 3 4 5 6]);
// 12 · 2 sums, 2 of weights and 1 number; 14 rows fit too and were no faster, 8 or 9 rows of three registers neither.
float_kernel!(
    float_panel_avx512, float_tile_avx512, __m512, "avx512f,avx512bw,avx2,fma", [1 2 3 4 5 6 7 8 9 10 11 12]
);
// 4 · 2 sums, 2 of weights, 2 of codes, ones, masks and what lies between.
integer_kernel!(integer_panel_avx2, integer_tile_avx2, SplitCodes, "avx2,fma", [1 2 3 4]);
integer_kernel!(
    integer_panel_avx_vnni, integer_tile_avx_vnni, Vnni256, "avx2,fma,avxvnni", [1 2 3 4 5 6]
);
integer_kernel!(
    integer_panel_avx512_vnni, integer_tile_avx512_vnni, Vnni512, "avx512f,avx512bw,avx512vnni,avx2,fma",
    [1 2 3 4 5 6 7 8 9 10 11 12]
);

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables AVX2"
)]
impl Lanes for __m256 {
    const LANES: usize = 8;
    const WIDE: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for 8 numbers at `from`.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for a number at `from`.
        unsafe { _mm256_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for room for 8 numbers at `to`.
        unsafe { _mm256_storeu_ps(to, self) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables AVX-512"
)]
impl Lanes for __m512 {
    const LANES: usize = 16;
    const WIDE: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for 16 numbers at `from`.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for a number at `from`.
        unsafe { _mm512_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for room for 16 numbers at `to`.
        unsafe { _mm512_storeu_ps(to, self) }
    }
}

/// AVX2 without VNNI. `vpmaddubsw` adds two products in 16 bits and would saturate from 2 · 129 · 127 on, so the codes'
/// lowest seven bits and their highest go in apart: at most 2 · 127 · 127 and 2 · 128 · 127.
struct SplitCodes;

/// AVX-VNNI: `vpdpbusd` on 256 bits.
struct Vnni256;

/// AVX-512 VNNI: `vpdpbusd` on 512 bits.
struct Vnni512;

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables AVX2"
)]
impl QuadLanes for SplitCodes {
    type Sums = __m256i;
    type Weights = __m256i;
    type Values = [__m256i; 2];
    const LANES: usize = 8;
    const WIDE: usize = 2;
    const OFFSET: i32 = 0;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> __m256i {
        // SAFETY: the caller vouches for the instruction set and for 32 weights at `from`.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const u8) -> [__m256i; 2] {
        // SAFETY: the caller vouches for the instruction set and for four codes at `from`.
        unsafe {
            let codes = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            [
                _mm256_and_si256(codes, _mm256_set1_epi8(0x7f)),
                _mm256_and_si256(codes, _mm256_set1_epi8(i8::MIN)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, codes: [__m256i; 2], weights: __m256i) -> __m256i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let [low, high] = codes.map(|part| _mm256_madd_epi16(_mm256_maddubs_epi16(part, weights), ones));
            _mm256_add_epi32(sums, _mm256_add_epi32(low, high))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256i, to: *mut i32) {
        // SAFETY: the caller vouches for the instruction set and for room for 8 sums at `to`.
        unsafe { _mm256_storeu_si256(to.cast(), sums) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables AVX-VNNI"
)]
impl QuadLanes for Vnni256 {
    type Sums = __m256i;
    type Weights = __m256i;
    type Values = __m256i;
    const LANES: usize = 8;
    const WIDE: usize = 2;
    const OFFSET: i32 = 0;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> __m256i {
        // SAFETY: the caller vouches for the instruction set and for 32 weights at `from`.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const u8) -> __m256i {
        // SAFETY: the caller vouches for the instruction set and for four codes at `from`.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm256_dpbusd_avx_epi32(sums, codes, weights) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256i, to: *mut i32) {
        // SAFETY: the caller vouches for the instruction set and for room for 8 sums at `to`.
        unsafe { _mm256_storeu_si256(to.cast(), sums) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables AVX-512 VNNI"
)]
impl QuadLanes for Vnni512 {
    type Sums = __m512i;
    type Weights = __m512i;
    type Values = __m512i;
    const LANES: usize = 16;
    const WIDE: usize = 2;
    const OFFSET: i32 = 0;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> __m512i {
        // SAFETY: the caller vouches for the instruction set and for 64 weights at `from`.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const u8) -> __m512i {
        // SAFETY: the caller vouches for the instruction set and for four codes at `from`.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512i, codes: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { _mm512_dpbusd_epi32(sums, codes, weights) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512i, to: *mut i32) {
        // SAFETY: the caller vouches for the instruction set and for room for 16 sums at `to`.
        unsafe { _mm512_storeu_si512(to.cast(), sums) }
    }
}
