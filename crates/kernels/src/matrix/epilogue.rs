//! What follows a product: bias, activation, residual, on tiles that are still in the innermost cache.
//!
//! Everything here is plain Rust that compilers vectorise for the instruction set of the function it is inlined into.
//! Nothing is fused, so all instruction sets round alike.

use super::elementwise::exp;
use super::{PANEL, RowsMut};

/// An activation function of neural networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(1.702 x)`.
    QuickGelu,
    /// `x · Φ(x)` with the exact normal distribution.
    Gelu,
    /// Gelu by its approximation through tanh.
    GeluTanh,
    /// `x` where it is positive, else 0.
    Relu,
}

/// What happens to the numbers of a product before they are written.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One number an output, added first.
    bias: Option<&'a [f32]>,
    op: EpilogueOp,
}

/// The last part of an [`Epilogue`]: what becomes of the product and its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpilogueOp {
    /// It replaces the output.
    Store,
    /// The function is applied to it, and the result replaces the output.
    Activate(Activation),
    /// It is added to the output.
    Accumulate,
    /// It is added to the output, then the function is applied to the sum.
    AccumulateActivate(Activation),
}

impl<'a> Epilogue<'a> {
    /// The product replaces the output.
    pub const fn none() -> Self {
        Self::new(None, EpilogueOp::Store)
    }

    /// `bias` (one number an output) is added where there is one; then `op` follows.
    pub const fn new(bias: Option<&'a [f32]>, op: EpilogueOp) -> Self {
        Self { bias, op }
    }

    /// [`EpilogueOp::Store`] with a bias.
    pub const fn bias(bias: &'a [f32]) -> Self {
        Self::new(Some(bias), EpilogueOp::Store)
    }

    /// [`EpilogueOp::Activate`] with a bias.
    pub const fn activate(bias: &'a [f32], activation: Activation) -> Self {
        Self::new(Some(bias), EpilogueOp::Activate(activation))
    }

    /// [`EpilogueOp::Accumulate`] with a bias.
    pub const fn accumulate(bias: &'a [f32]) -> Self {
        Self::new(Some(bias), EpilogueOp::Accumulate)
    }

    /// [`EpilogueOp::AccumulateActivate`] with a bias.
    pub const fn accumulate_activate(bias: &'a [f32], activation: Activation) -> Self {
        Self::new(Some(bias), EpilogueOp::AccumulateActivate(activation))
    }

    pub(crate) fn check(self, outputs: usize) {
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), outputs, "one bias an output");
        }
    }
}

/// One row of a tile, aligned so that it is stored and loaded again without a detour through the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct TileRow(pub(crate) [f32; PANEL]);

/// The columns of the output that one panel fills.
pub(crate) struct Target<'a> {
    values: &'a mut [f32],
    stride: usize,
    column: usize,
    /// Columns in use; the rest of the tile is thrown away.
    count: usize,
    bias: TileRow,
    op: EpilogueOp,
}

impl<'a> Target<'a> {
    pub(crate) fn new(
        out: &'a mut RowsMut<'_>,
        epilogue: Epilogue<'_>,
        panel: usize,
        outputs: usize,
    ) -> Self {
        let column = panel * PANEL;
        let count = PANEL.min(outputs - column);
        let mut bias = TileRow([0.0; PANEL]);
        if let Some(all) = epilogue.bias {
            bias.0[..count].copy_from_slice(&all[column..][..count]);
        }
        Self {
            values: &mut *out.values,
            stride: out.stride,
            column,
            count,
            bias,
            op: epilogue.op,
        }
    }

    /// Finishes the sums of one row and writes them.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must become part of a function that enables an instruction set"
    )]
    pub(crate) fn write(&mut self, row: usize, sums: &[f32; PANEL]) {
        let mut row_values = TileRow(*sums);
        let values = &mut row_values.0;
        let start = row * self.stride + self.column;
        let out = &mut self.values[start..start + self.count];
        for (value, bias) in values.iter_mut().zip(&self.bias.0) {
            *value += bias;
        }
        match self.op {
            EpilogueOp::Store => {}
            EpilogueOp::Activate(activation) => activation.apply(values),
            EpilogueOp::Accumulate => add(values, out),
            EpilogueOp::AccumulateActivate(activation) => {
                add(values, out);
                activation.apply(values);
            }
        }
        match <&mut [f32; PANEL]>::try_from(&mut *out) {
            Ok(out) => *out = *values,
            Err(_) => out.copy_from_slice(&values[..self.count]),
        }
    }
}

/// Adds what stands in the output; a whole row by its fixed length, which compilers turn into registers.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn add(values: &mut [f32; PANEL], out: &[f32]) {
    if let Ok(out) = <&[f32; PANEL]>::try_from(out) {
        for (value, old) in values.iter_mut().zip(out) {
            *value += old;
        }
    } else {
        for (value, old) in values.iter_mut().zip(out) {
            *value += old;
        }
    }
}

impl Activation {
    /// Applies the function to each number.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must become part of a function that enables an instruction set"
    )]
    pub(crate) fn apply<const N: usize>(self, values: &mut [f32; N]) {
        match self {
            Self::QuickGelu => {
                for x in values {
                    *x *= sigmoid(1.702 * *x);
                }
            }
            Self::Gelu => {
                for x in values {
                    *x *= normal(*x);
                }
            }
            Self::GeluTanh => {
                for x in values {
                    *x = gelu_tanh(*x);
                }
            }
            Self::Relu => {
                for x in values {
                    *x = x.max(0.0);
                }
            }
        }
    }
}

/// `½ x (1 + tanh u)` with `u = √(2/π) (x + 0.044715 x³)`, and `½ (1 + tanh u) = σ(2u)`.
#[inline]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 1.595_769;
    x * sigmoid(TWICE_ROOT * (x + 0.044_715 * x * x * x))
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The normal distribution's Φ, within 1e-7: Abramowitz and Stegun 7.1.26 for the error function.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> impl Iterator<Item = f32> {
        (-9000..=9000).map(|i| i as f32 / 1000.0)
    }

    fn applied(activation: Activation, x: f32) -> f64 {
        let mut row = [x];
        activation.apply(&mut row);
        f64::from(row[0])
    }

    #[test]
    fn activations_agree_with_their_definitions() {
        for x in range() {
            let wide = f64::from(x);
            let quick = wide / (1.0 + (-1.702 * wide).exp());
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            let tanh = 0.5 * wide * (1.0 + inner.tanh());
            assert!(
                (applied(Activation::QuickGelu, x) - quick).abs() < 2e-6,
                "quick_gelu({x})"
            );
            assert!(
                (applied(Activation::GeluTanh, x) - tanh).abs() < 2e-6,
                "gelu_new({x})"
            );
        }
    }

    #[test]
    fn gelu_agrees_with_tabulated_values() {
        for (x, phi) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-1.0, 0.158_655_254),
            (2.5, 0.993_790_335),
            (-3.0, 0.001_349_898),
        ] {
            let got = applied(Activation::Gelu, x);
            assert!((got - f64::from(x) * phi).abs() < 1e-6, "gelu({x}) is {got}");
        }
    }
}
