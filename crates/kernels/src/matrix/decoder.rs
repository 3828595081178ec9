//! What stands between the products of a decoder: RMS norm, gated units, rotary positions.

use super::elementwise::{exp, for_each_isa, sum};
use crate::{Isa, Kernel};

impl Kernel {
    /// Scales `row` to a mean square of 1, then by `weight`. `epsilon` is added to the mean square.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn rms_norm(self, row: &mut [f32], weight: &[f32], epsilon: f32) {
        assert_eq!(row.len(), weight.len(), "rows of different lengths");
        rms_norm(self.isa(), row, weight, epsilon);
    }

    /// `gate · σ(gate) · up` into `gate`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gate(self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len(), "rows of different lengths");
        gated(self.isa(), gate, up);
    }

    /// Turns each pair of numbers, one from either half of `row`, by the angle of this cosine and sine.
    ///
    /// # Panics
    /// If `row` has not twice as many numbers as `cosines` and `sines`.
    pub fn rotate(self, row: &mut [f32], cosines: &[f32], sines: &[f32]) {
        assert!(
            row.len() == 2 * cosines.len() && cosines.len() == sines.len(),
            "one angle a pair"
        );
        rotate(self.isa(), row, cosines, sines);
    }
}

for_each_isa! {
    /// See [`Kernel::rms_norm`].
    fn rms_norm(row: &mut [f32], weight: &[f32], epsilon: f32) = rms_norm_of;
    /// See [`Kernel::gate`].
    fn gated(gate: &mut [f32], up: &[f32]) = gate_of;
    /// See [`Kernel::rotate`].
    fn rotate(row: &mut [f32], cosines: &[f32], sines: &[f32]) = rotate_of;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn rms_norm_of(row: &mut [f32], weight: &[f32], epsilon: f32) {
    let scale = 1.0 / (sum(row, |x| x * x) / row.len() as f32 + epsilon).sqrt();
    for (x, weight) in row.iter_mut().zip(weight) {
        *x = *x * scale * weight;
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn gate_of(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn rotate_of(row: &mut [f32], cosines: &[f32], sines: &[f32]) {
    let (first, second) = row.split_at_mut(cosines.len());
    let pairs = first.iter_mut().zip(second).zip(cosines.iter().zip(sines));
    for ((x, y), (cosine, sine)) in pairs {
        (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
    }
}
