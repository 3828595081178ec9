//! NEON on 64-bit Arm.

use std::arch::aarch64::{
    float32x4_t, int8x8_t, int8x16_t, int32x4_t, uint8x8_t, vaddq_s32, vcreate_u8, vdupq_n_f32, vdupq_n_s32,
    vfmaq_f32, vget_high_s8, vget_low_s8, vld1q_dup_f32, vld1q_f32, vld1q_s8, vmull_s8, vpaddlq_s16,
    vpaddq_s32, vreinterpret_s8_u8, vst1q_f32, vst1q_s32,
};

use super::Rows;
use super::epilogue::Target;
use super::f32_tiles::{self, Lanes, Sums};
use super::int8_tiles::{self, QuadLanes};
use super::kernel_macros::{float_kernel, integer_kernel};
use super::packed_weights::{F32Panel, F32PanelRow, Int8Panel, Int8PanelRow};
use super::prefetch::Prefetch;
use super::quantized_rows::QuantizedRows;

// 6 · 4 sums, 4 of weights and 1 number of 32 registers.
float_kernel!(float_panel, float_tile, float32x4_t, "neon", [1 2 3 4 5 6]);
integer_kernel!(integer_panel, integer_tile, Widening, "neon", [1 2 3 4]);

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables NEON"
)]
impl Lanes for float32x4_t {
    const LANES: usize = 4;
    const WIDE: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for 4 numbers at `from`.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for a number at `from`.
        unsafe { vld1q_dup_f32(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vfmaq_f32(self, a, b) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for room for 4 numbers at `to`.
        unsafe { vst1q_f32(to, self) }
    }
}

/// Products of signed bytes in 16 bits, added in 32. Codes less 128 are signed bytes.
struct Widening;

#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables NEON"
)]
impl QuadLanes for Widening {
    type Sums = int32x4_t;
    type Weights = int8x16_t;
    type Values = int8x8_t;
    const LANES: usize = 4;
    const WIDE: usize = 4;
    const OFFSET: i32 = 128;

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i8) -> int8x16_t {
        // SAFETY: the caller vouches for the instruction set and for 16 weights at `from`.
        unsafe { vld1q_s8(from) }
    }

    #[inline(always)]
    unsafe fn repeat(from: *const u8) -> int8x8_t {
        // SAFETY: the caller vouches for the instruction set and for four codes at `from`.
        unsafe {
            let four = u64::from(from.cast::<u32>().read_unaligned() ^ 0x8080_8080);
            let codes: uint8x8_t = vcreate_u8(four << 32 | four);
            vreinterpret_s8_u8(codes)
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: int32x4_t, codes: int8x8_t, weights: int8x16_t) -> int32x4_t {
        // SAFETY: the caller vouches for the instruction set. No product exceeds 128 · 127.
        unsafe {
            let low = vpaddlq_s16(vmull_s8(codes, vget_low_s8(weights)));
            let high = vpaddlq_s16(vmull_s8(codes, vget_high_s8(weights)));
            vaddq_s32(sums, vpaddq_s32(low, high))
        }
    }

    #[inline(always)]
    unsafe fn store(sums: int32x4_t, to: *mut i32) {
        // SAFETY: the caller vouches for the instruction set and for room for 4 sums at `to`.
        unsafe { vst1q_s32(to, sums) }
    }
}
