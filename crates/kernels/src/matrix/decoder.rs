//! Operations of decoders between products: RMS norm, `SwiGLU`, rotary position embedding.

use super::elementwise::{exp, sum};
use crate::Kernel;
use crate::multiversion::multiversion;

impl Kernel {
    /// RMS norm in place: `x / √(mean of squares + epsilon) · weight`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn rms_norm(self, row: &mut [f32], weight: &[f32], epsilon: f32) {
        assert_eq!(row.len(), weight.len(), "rows of different lengths");
        rms_norm(self, row, weight, epsilon);
    }

    /// The element-wise part of `SwiGLU`: `gate · σ(gate) · up`, into `gate`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn swiglu(self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len(), "rows of different lengths");
        swiglu(self, gate, up);
    }

    /// Rotary position embedding in place: rotates the pair of element `i` of the first half of `row` and
    /// element `i` of the second half by the angle with cosine `cosines[i]` and sine `sines[i]`.
    ///
    /// # Panics
    /// Unless `row` is twice as long as `cosines` and as `sines`.
    pub fn apply_rotary(self, row: &mut [f32], cosines: &[f32], sines: &[f32]) {
        assert!(
            row.len() == 2 * cosines.len() && cosines.len() == sines.len(),
            "one angle per pair"
        );
        apply_rotary(self, row, cosines, sines);
    }
}

multiversion! {
    fn rms_norm(row: &mut [f32], weight: &[f32], epsilon: f32) = rms_norm_body;
    fn swiglu(gate: &mut [f32], up: &[f32]) = swiglu_body;
    fn apply_rotary(row: &mut [f32], cosines: &[f32], sines: &[f32]) = apply_rotary_body;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn rms_norm_body(row: &mut [f32], weight: &[f32], epsilon: f32) {
    let scale = 1.0 / (sum(row, |x| x * x) / row.len() as f32 + epsilon).sqrt();
    for (x, weight) in row.iter_mut().zip(weight) {
        *x = *x * scale * weight;
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn swiglu_body(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn apply_rotary_body(row: &mut [f32], cosines: &[f32], sines: &[f32]) {
    let (first, second) = row.split_at_mut(cosines.len());
    let pairs = first.iter_mut().zip(second).zip(cosines.iter().zip(sines));
    for ((x, y), (cosine, sine)) in pairs {
        (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
    }
}
