//! NEON on 64-bit Arm.

use std::arch::aarch64::{
    float32x4_t, int8x8_t, int8x16_t, int32x4_t, uint8x8_t, vaddq_s32, vcreate_u8, vdupq_n_s32, vget_high_s8,
    vget_low_s8, vld1q_s8, vmull_s8, vpaddlq_s16, vpaddq_s32, vreinterpret_s8_u8, vst1q_s32,
};

use super::PANEL;
use super::lanes::{Bf16Lanes, F16Lanes, F32Lanes};
use super::packed_weights::{Panel, QUAD};
use super::panel_kernel::panel_kernel;
use super::prefetch::PanelPrefetch;
use super::tiles::{self, Lanes, Left, TileOutput, TileSums};

// 6 · 4 sums, 4 registers of weights and 1 of the left operand are 29 of 32 registers.
panel_kernel!(f32, F32Lanes<float32x4_t>, "neon", [1 2 3 4 5 6]);
panel_kernel!(bf16, Bf16Lanes<float32x4_t>, "neon", [1 2 3 4 5 6]);
panel_kernel!(f16, F16Lanes<float32x4_t>, "neon", [1 2 3 4 5 6]);
panel_kernel!(int8, Int8Lanes, "neon", [1 2 3 4]);

/// What [`Int8Lanes`] subtracts from each left value, to make it a signed byte.
pub(super) const INT8_OFFSET: i32 = 128;

/// Int8: products of signed bytes in 16 bits, added in 32.
pub(super) struct Int8Lanes;

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables NEON"
)]
impl Lanes for Int8Lanes {
    type Group = [u8; QUAD];
    type Row = [[i8; QUAD]; PANEL];
    type Sum = i32;
    type Sums = int32x4_t;
    type Weights = int8x16_t;
    type Broadcast = int8x8_t;
    const LANES: usize = 4;
    const TILE_WIDTH: usize = 4;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn load(row: &[[i8; QUAD]; PANEL], column: usize) -> int8x16_t {
        debug_assert!(column + Self::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves 4 groups in the row.
        unsafe { vld1q_s8(row.as_ptr().add(column).cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const [u8; QUAD], _count: usize) -> int8x8_t {
        // SAFETY: the caller guarantees the instruction set and a readable group.
        unsafe {
            let group = u64::from(from.cast::<u32>().read_unaligned() ^ 0x8080_8080);
            let bytes: uint8x8_t = vcreate_u8(group << 32 | group);
            vreinterpret_s8_u8(bytes)
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: int32x4_t, left: int8x8_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: the caller guarantees the instruction set. No product exceeds 128 · 127.
        unsafe {
            let low = vpaddlq_s16(vmull_s8(left, vget_low_s8(weights)));
            let high = vpaddlq_s16(vmull_s8(left, vget_high_s8(weights)));
            vaddq_s32(sums, vpaddq_s32(low, high))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: int32x4_t, to: *mut i32) {
        // SAFETY: the caller guarantees the instruction set and 4 writable sums.
        unsafe { vst1q_s32(to, sums) }
    }
}
