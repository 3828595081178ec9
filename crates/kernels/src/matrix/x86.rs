//! AVX2, AVX-VNNI, AVX-512, AVX-512 VNNI and AVX-512 BF16.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512bh, __m512i, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_avx_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256, _mm512_dpbf16_ps, _mm512_dpbusd_epi32,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

use super::PANEL;
use super::lanes::{Bf16Lanes, F16Lanes, F32Lanes};
use super::packed_weights::{Panel, QUAD};
use super::panel_kernel::panel_kernel;
use super::prefetch::PanelPrefetch;
use super::tiles::{self, Lanes, Left, TileOutput, TileSums};

// 6 · 2 sums, 2 registers of weights and 1 of the left operand are 15 of 16 registers.
panel_kernel!(f32_avx2, F32Lanes<__m256>, "avx2,fma", [1 2 3 4 5 6]);
panel_kernel!(bf16_avx2, Bf16Lanes<__m256>, "avx2,fma", [1 2 3 4 5 6]);
panel_kernel!(f16_avx2, F16Lanes<__m256>, "avx2,fma,f16c", [1 2 3 4 5 6]);
// 12 · 2 sums, 2 registers of weights and 1 of the left operand. Tiles of 14 rows fit too and were no
// faster, nor were tiles of 8 or 9 rows of three registers.
panel_kernel!(
    f32_avx512, F32Lanes<__m512>, "avx512f,avx512bw,avx2,fma", [1 2 3 4 5 6 7 8 9 10 11 12]
);
panel_kernel!(
    bf16_avx512, Bf16Lanes<__m512>, "avx512f,avx512bw,avx2,fma", [1 2 3 4 5 6 7 8 9 10 11 12]
);
panel_kernel!(
    f16_avx512, F16Lanes<__m512>, "avx512f,avx512bw,avx2,fma", [1 2 3 4 5 6 7 8 9 10 11 12]
);
panel_kernel!(
    bf16_pairs_avx512_bf16, Bf16PairLanes, "avx512f,avx512bw,avx512bf16,avx2,fma",
    [1 2 3 4 5 6 7 8 9 10 11 12]
);
// 4 · 2 sums, 2 registers of weights, 2 of the left operand, and constants.
panel_kernel!(int8_avx2, SplitLanes, "avx2,fma", [1 2 3 4]);
panel_kernel!(int8_avx_vnni, Vnni256Lanes, "avx2,fma,avxvnni", [1 2 3 4 5 6]);
panel_kernel!(
    int8_avx512_vnni, Vnni512Lanes, "avx512f,avx512bw,avx512vnni,avx2,fma", [1 2 3 4 5 6 7 8 9 10 11 12]
);

/// AVX-512 BF16: `vdpbf16ps` adds two products of bf16 numbers to each f32 sum.
pub(super) struct Bf16PairLanes;

/// Int8 for AVX2 without VNNI. `vpmaddubsw` adds two products in 16 bits, which saturate from 2 · 129 · 127
/// on. The lowest seven bits and the highest bit of the left values are therefore multiplied separately: at
/// most 2 · 127 · 127 and 2 · 128 · 127.
pub(super) struct SplitLanes;

/// Int8 for AVX-VNNI: `vpdpbusd` on 256 bits.
pub(super) struct Vnni256Lanes;

/// Int8 for AVX-512 VNNI: `vpdpbusd` on 512 bits.
pub(super) struct Vnni512Lanes;

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables AVX-512 BF16"
)]
impl Lanes for Bf16PairLanes {
    type Group = [u16; 2];
    type Row = [[u16; 2]; PANEL];
    type Sum = f32;
    type Sums = __m512;
    type Weights = __m512bh;
    type Broadcast = __m512bh;
    const LANES: usize = 16;
    const TILE_WIDTH: usize = 2;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(row: &[[u16; 2]; PANEL], column: usize) -> __m512bh {
        debug_assert!(column + Self::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves 16 pairs in the row.
        // Both types are 512 bits for which every pattern is valid.
        unsafe {
            std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(row.as_ptr().add(column).cast()))
        }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const [u16; 2], _count: usize) -> __m512bh {
        // SAFETY: the caller guarantees the instruction set and a readable pair. Both types are 512 bits
        // for which every pattern is valid.
        unsafe {
            std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(from.cast::<i32>().read_unaligned()))
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512, left: __m512bh, weights: __m512bh) -> __m512 {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm512_dpbf16_ps(sums, left, weights) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512, to: *mut f32) {
        // SAFETY: the caller guarantees the instruction set and 16 writable numbers.
        unsafe { _mm512_storeu_ps(to, sums) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables AVX2"
)]
impl Lanes for SplitLanes {
    type Group = [u8; QUAD];
    type Row = [[i8; QUAD]; PANEL];
    type Sum = i32;
    type Sums = __m256i;
    type Weights = __m256i;
    type Broadcast = [__m256i; 2];
    const LANES: usize = 8;
    const TILE_WIDTH: usize = 2;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(row: &[[i8; QUAD]; PANEL], column: usize) -> __m256i {
        debug_assert!(column + Self::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves 8 groups in the row.
        unsafe { _mm256_loadu_si256(row.as_ptr().add(column).cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const [u8; QUAD], _count: usize) -> [__m256i; 2] {
        // SAFETY: the caller guarantees the instruction set and a readable group.
        unsafe {
            let values = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            [
                _mm256_and_si256(values, _mm256_set1_epi8(0x7f)),
                _mm256_and_si256(values, _mm256_set1_epi8(i8::MIN)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, left: [__m256i; 2], weights: __m256i) -> __m256i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let [low, high] = left.map(|part| _mm256_madd_epi16(_mm256_maddubs_epi16(part, weights), ones));
            _mm256_add_epi32(sums, _mm256_add_epi32(low, high))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256i, to: *mut i32) {
        // SAFETY: the caller guarantees the instruction set and 8 writable sums.
        unsafe { _mm256_storeu_si256(to.cast(), sums) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables AVX-VNNI"
)]
impl Lanes for Vnni256Lanes {
    type Group = [u8; QUAD];
    type Row = [[i8; QUAD]; PANEL];
    type Sum = i32;
    type Sums = __m256i;
    type Weights = __m256i;
    type Broadcast = __m256i;
    const LANES: usize = 8;
    const TILE_WIDTH: usize = 2;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(row: &[[i8; QUAD]; PANEL], column: usize) -> __m256i {
        debug_assert!(column + Self::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves 8 groups in the row.
        unsafe { _mm256_loadu_si256(row.as_ptr().add(column).cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const [u8; QUAD], _count: usize) -> __m256i {
        // SAFETY: the caller guarantees the instruction set and a readable group.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m256i, left: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm256_dpbusd_avx_epi32(sums, left, weights) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m256i, to: *mut i32) {
        // SAFETY: the caller guarantees the instruction set and 8 writable sums.
        unsafe { _mm256_storeu_si256(to.cast(), sums) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables AVX-512 VNNI"
)]
impl Lanes for Vnni512Lanes {
    type Group = [u8; QUAD];
    type Row = [[i8; QUAD]; PANEL];
    type Sum = i32;
    type Sums = __m512i;
    type Weights = __m512i;
    type Broadcast = __m512i;
    const LANES: usize = 16;
    const TILE_WIDTH: usize = 2;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(row: &[[i8; QUAD]; PANEL], column: usize) -> __m512i {
        debug_assert!(column + Self::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves 16 groups in the row.
        unsafe { _mm512_loadu_si512(row.as_ptr().add(column).cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const [u8; QUAD], _count: usize) -> __m512i {
        // SAFETY: the caller guarantees the instruction set and a readable group.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: __m512i, left: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { _mm512_dpbusd_epi32(sums, left, weights) }
    }

    #[inline(always)]
    unsafe fn store(sums: __m512i, to: *mut i32) {
        // SAFETY: the caller guarantees the instruction set and 16 writable sums.
        unsafe { _mm512_storeu_si512(to.cast(), sums) }
    }
}
