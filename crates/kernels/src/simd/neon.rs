//! NEON on 64-bit Arm.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_f32, vandq_u32, vcgeq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1_u16,
    vld1q_dup_f32, vld1q_f32, vld1q_u16, vmovl_u16, vmulq_f32, vorrq_u32, vreinterpretq_f32_u32,
    vreinterpretq_u32_f32, vreinterpretq_u32_u16, vshlq_n_u32, vst1q_f32,
};

use super::F32Simd;

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables NEON"
)]
impl F32Simd for float32x4_t {
    const LANES: usize = 4;
    const TILE_WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller guarantees the instruction set and one readable number.
        unsafe { vld1q_dup_f32(from) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees the instruction set and 4 readable numbers.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, count: usize) -> Self {
        debug_assert!(count < Self::LANES);
        let mut lanes = [0.0; 4];
        // SAFETY: the caller guarantees the instruction set and `count` readable numbers, fewer than the
        // array holds; a new array does not overlap them.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            vld1q_f32(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn load_bf16_first(from: *const [u16; 2]) -> Self {
        // SAFETY: the caller guarantees the instruction set and 4 readable pairs, which are 16 bytes.
        unsafe {
            let pairs = vreinterpretq_u32_u16(vld1q_u16(from.cast()));
            vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16_second(from: *const [u16; 2]) -> Self {
        // SAFETY: the caller guarantees the instruction set and 4 readable pairs, which are 16 bytes.
        unsafe {
            let pairs = vreinterpretq_u32_u16(vld1q_u16(from.cast()));
            vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff_0000)))
        }
    }

    /// As `HalfFormat::to_f32`; the conversion instruction needs a type that is not stable yet.
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller guarantees the instruction set and 4 readable numbers of 2 bytes.
        unsafe {
            let bits = vmovl_u16(vld1_u16(from));
            let unscaled = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
            let scale = vreinterpretq_f32_u32(vdupq_n_u32((127 + 112) << 23));
            let magnitude = vmulq_f32(vreinterpretq_f32_u32(unscaled), scale);
            let overflow = vcgeq_f32(magnitude, vdupq_n_f32(65_536.0));
            let special = vandq_u32(overflow, vdupq_n_u32(0xff << 23));
            let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
            let magnitude = vorrq_u32(vreinterpretq_u32_f32(magnitude), special);
            vreinterpretq_f32_u32(vorrq_u32(magnitude, sign))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller guarantees the instruction set and 4 writable numbers.
        unsafe { vst1q_f32(to, self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { vaddq_f32(self, other) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { vfmaq_f32(self, a, b) }
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { vaddvq_f32(self) }
    }
}
