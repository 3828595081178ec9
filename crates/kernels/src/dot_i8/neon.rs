//! NEON on 64-bit Arm.

use std::arch::aarch64::{
    vaddvq_s32, vdupq_n_s32, vget_low_s8, vld1q_s8, vmull_high_s8, vmull_s8, vpadalq_s16,
};

use super::scalar;

/// # Safety
/// The processor has NEON, and `b` is as long as `a`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn dot(a: &[i8], b: &[i8]) -> i32 {
    const STEP: usize = 16;
    let whole = a.len() - a.len() % STEP;
    let (mut low, mut high) = (vdupq_n_s32(0), vdupq_n_s32(0));
    for at in (0..whole).step_by(STEP) {
        // SAFETY: both slices have at least 16 bytes from `at` on.
        let (a, b) = unsafe { (vld1q_s8(a.as_ptr().add(at)), vld1q_s8(b.as_ptr().add(at))) };
        low = vpadalq_s16(low, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
        high = vpadalq_s16(high, vmull_high_s8(a, b));
    }
    let sums = vaddvq_s32(low).wrapping_add(vaddvq_s32(high));
    sums.wrapping_add(scalar::dot(&a[whole..], &b[whole..]))
}
