//! Matrix products with packed weights, and what stands between them in a neural network.
//!
//! A product here is rows times a [`Factor`]: weights that were laid out once, when a model was loaded, in the order in
//! which the innermost loop reads them. The sums of a small tile of the result stay in registers for the whole depth of
//! the product; what follows a product in a network (bias, activation, residual; see [`Epilogue`]) is done to each tile
//! while it lies in the innermost cache.
//!
//! There are three kinds of factor. [`PackedF32`] holds f32. [`PackedHalf`] holds bf16 or f16, widened while they are
//! multiplied. [`PackedInt8`] holds whole numbers from −127 to 127 with
//! one scale an output; its left side are [`QuantizedRows`], rows brought to 0 … 255 with one scale and one zero a row. Its sums
//! are exact, so that every instruction set gives the same result to the last bit.
//!
//! Threads are the caller's business: rows of a product do not depend on each other.

mod attention;
mod decoder;
mod depthwise;
mod elementwise;
mod epilogue;
mod f32_tiles;
mod half;
mod int8_tiles;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod kernel_macros;
#[cfg(target_arch = "aarch64")]
mod neon;
mod packed_weights;
mod prefetch;
mod quantized_rows;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use attention::{AttentionScratch, Heads, Mask};
pub use depthwise::{Depthwise, SquareMap};
pub use epilogue::{Activation, Epilogue, EpilogueOp};
pub use half::{HalfFormat, HalfScratch, PackedHalf};
pub use packed_weights::{PackedF32, PackedInt8};
pub use quantized_rows::QuantizedRows;

use crate::{Isa, Kernel};
use epilogue::Target;

/// Outputs that lie side by side in a packed factor.
pub(crate) const PANEL: usize = 32;

/// Rows that follow each other at a distance in a slice.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

/// Rows to be written; see [`Rows`].
#[derive(Debug)]
pub struct RowsMut<'a> {
    values: &'a mut [f32],
    stride: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows, each `stride` numbers after the one before.
    pub const fn new(values: &'a [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }

    fn check(&self, width: usize) {
        check_rows(self.values.len(), self.stride, self.count, width);
    }
}

impl<'a> RowsMut<'a> {
    /// `count` rows, each `stride` numbers after the one before.
    pub const fn new(values: &'a mut [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }
}

/// Panics unless rows of `width` numbers fit.
fn check_rows(length: usize, stride: usize, count: usize, width: usize) {
    if count == 0 {
        return;
    }
    let end = (count - 1)
        .checked_mul(stride)
        .and_then(|start| start.checked_add(width));
    assert!(
        end.is_some_and(|end| end <= length) && width <= stride,
        "{count} rows of {width} at a distance of {stride} do not fit {length} numbers"
    );
}

impl Kernel {
    /// `rows` (n × inputs) times `factor` (inputs × outputs), finished, into `out` (n × outputs).
    ///
    /// # Panics
    /// If `out` has another number of rows, or either slice is too short.
    pub fn product(self, rows: Rows<'_>, factor: &PackedF32, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        rows.check(factor.inputs());
        check_out(&out, rows.count, factor.outputs(), epilogue);
        let mut out = out;
        for number in 0..factor.panel_count() {
            let mut target = Target::new(&mut out, epilogue, number, factor.outputs());
            f32_tiles::panel(self.isa(), rows, &factor.panel(number), &mut target);
        }
    }

    /// `codes` (n × inputs) times `factor` (inputs × outputs), brought back to f32, finished, into `out` (n × outputs).
    ///
    /// # Panics
    /// If `out` has another number of rows or is too short, or `codes` another width.
    pub fn int8_product(
        self,
        codes: &QuantizedRows,
        factor: &PackedInt8,
        epilogue: Epilogue<'_>,
        out: RowsMut<'_>,
    ) {
        assert_eq!(codes.width(), factor.inputs(), "codes of another width");
        check_out(&out, codes.count(), factor.outputs(), epilogue);
        let mut out = out;
        for number in 0..factor.panel_count() {
            let mut target = Target::new(&mut out, epilogue, number, factor.outputs());
            int8_tiles::panel(self.isa(), codes, &factor.panel(number), &mut target);
        }
    }
}

fn check_out(out: &RowsMut<'_>, rows: usize, outputs: usize, epilogue: Epilogue<'_>) {
    assert_eq!(out.count, rows, "as many rows out as in");
    check_rows(out.values.len(), out.stride, out.count, outputs);
    epilogue.check(outputs);
}
