//! Products in plain Rust: what every other kernel is tested against.

use super::epilogue::Target;
use super::int8_tiles::to_floats;
use super::packed_weights::{F32Panel, Int8Panel, QUAD};
use super::quantized_rows::QuantizedRows;
use super::{PANEL, Rows};

pub(crate) fn float_panel(rows: Rows<'_>, panel: &F32Panel<'_>, target: &mut Target<'_>) {
    for row in 0..rows.count {
        let left = &rows.values[row * rows.stride..][..panel.steps.len()];
        let mut sums = [0.0; PANEL];
        for (x, step) in left.iter().zip(panel.steps) {
            for (sum, weight) in sums.iter_mut().zip(&step.0) {
                *sum += x * weight;
            }
        }
        target.write(row, &sums);
    }
}

pub(crate) fn integer_panel(codes: &QuantizedRows, panel: &Int8Panel<'_>, target: &mut Target<'_>) {
    for row in 0..codes.count() {
        let left = &codes.codes()[row * codes.stride()..][..codes.stride()];
        let mut sums = [0_i32; PANEL];
        for (quad, step) in left.as_chunks::<QUAD>().0.iter().zip(panel.steps) {
            for (sum, weights) in sums.iter_mut().zip(step.0.as_chunks::<QUAD>().0) {
                for (code, weight) in quad.iter().zip(weights) {
                    *sum += i32::from(*code) * i32::from(*weight);
                }
            }
        }
        target.write(row, &to_floats(&sums, 0, codes.scale(row), panel).0);
    }
}
