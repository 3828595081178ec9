//! What a product does to its sums before it writes them: bias, activation, accumulation.
//!
//! This is portable Rust that is vectorized for the instruction set of the function it is inlined into.
//! Additions and multiplications are not fused, so all instruction sets round alike.

use super::tiles::TileOutput;
use super::{Activation, PANEL, RowsMut};

/// What happens to a product, panel by panel while it is in the cache, before it is written.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One number per output, added first.
    bias: Option<&'a [f32]>,
    op: EpilogueOp,
}

/// The last step of an [`Epilogue`], after the bias was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpilogueOp {
    /// Replaces the output.
    Store,
    /// Applies the function, then replaces the output.
    Activate(Activation),
    /// Adds to the output, as a residual connection does.
    Accumulate,
    /// Adds to the output, then applies the function to the sum.
    AccumulateActivate(Activation),
}

impl<'a> Epilogue<'a> {
    /// The product alone replaces the output.
    pub const fn none() -> Self {
        Self::new(None, EpilogueOp::Store)
    }

    /// Adds `bias`, if any, which has one number per output; then applies `op`.
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

    pub(super) fn check(self, outputs: usize) {
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), outputs, "one bias per output");
        }
    }
}

/// One row of a panel of the result. Aligned, so that a vector load of what was just stored does not cross
/// a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct TileRow(pub(super) [f32; PANEL]);

/// The columns of the output that one panel computes.
pub(super) struct Target<'a> {
    values: &'a mut [f32],
    stride: usize,
    column: usize,
    /// Columns that the output has; further ones of the panel are discarded.
    count: usize,
    bias: TileRow,
    op: EpilogueOp,
}

impl<'a> Target<'a> {
    pub(super) fn new(
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
}

impl TileOutput<f32> for Target<'_> {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must be inlined into a function that enables the instruction set"
    )]
    fn write(&mut self, row: usize, sums: &[f32; PANEL]) {
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

/// Adds the previous numbers of the output. A whole panel has a constant length, which keeps it in registers.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
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
