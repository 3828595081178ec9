//! Products in portable Rust, which the other kernels are tested against.

use super::PANEL;
use super::half_format::{bf16_to_f32, f16_to_f32};
use super::packed_weights::{Panel, QUAD};
use super::tiles::{Left, TileOutput};

pub(super) fn f32_panel(
    left: &Left<'_, f32>,
    panel: Panel<'_, [f32; PANEL]>,
    out: &mut impl TileOutput<f32>,
) {
    f32_sums(left, panel.depth, out, |step, column| panel.rows[step].0[column]);
}

pub(super) fn bf16_panel(
    left: &Left<'_, f32>,
    panel: Panel<'_, [[u16; 2]; PANEL]>,
    out: &mut impl TileOutput<f32>,
) {
    f32_sums(left, panel.depth, out, |step, column| {
        bf16_to_f32(panel.rows[step / 2].0[column][step % 2])
    });
}

pub(super) fn f16_panel(
    left: &Left<'_, f32>,
    panel: Panel<'_, [u16; PANEL]>,
    out: &mut impl TileOutput<f32>,
) {
    f32_sums(left, panel.depth, out, |step, column| {
        f16_to_f32(panel.rows[step].0[column])
    });
}

/// `weight(step, column)` is a weight of the panel.
#[inline]
fn f32_sums(
    left: &Left<'_, f32>,
    depth: usize,
    out: &mut impl TileOutput<f32>,
    weight: impl Fn(usize, usize) -> f32,
) {
    for row in 0..left.count() {
        let mut sums = [0.0; PANEL];
        for (step, x) in left.row(row, depth).iter().enumerate() {
            for (column, sum) in sums.iter_mut().enumerate() {
                *sum += x * weight(step, column);
            }
        }
        out.write(row, &sums);
    }
}

/// Products of bf16 numbers are exact in f32; sums are rounded after each of them.
pub(super) fn bf16_pair_panel(
    left: &Left<'_, [u16; 2]>,
    panel: Panel<'_, [[u16; 2]; PANEL]>,
    out: &mut impl TileOutput<f32>,
) {
    for row in 0..left.count() {
        let mut sums = [0.0; PANEL];
        for (pair, weights) in left.row(row, panel.depth).iter().zip(panel.rows) {
            let [x, y] = pair.map(bf16_to_f32);
            for (sum, weights) in sums.iter_mut().zip(&weights.0) {
                let [v, w] = weights.map(bf16_to_f32);
                *sum += x * v;
                *sum += y * w;
            }
        }
        out.write(row, &sums);
    }
}

pub(super) fn int8_panel(
    left: &Left<'_, [u8; QUAD]>,
    panel: Panel<'_, [[i8; QUAD]; PANEL]>,
    out: &mut impl TileOutput<i32>,
) {
    for row in 0..left.count() {
        let mut sums = [0_i32; PANEL];
        for (quad, weights) in left.row(row, panel.depth).iter().zip(panel.rows) {
            for (sum, weights) in sums.iter_mut().zip(&weights.0) {
                for (code, weight) in quad.iter().zip(weights) {
                    *sum += i32::from(*code) * i32::from(*weight);
                }
            }
        }
        out.write(row, &sums);
    }
}
