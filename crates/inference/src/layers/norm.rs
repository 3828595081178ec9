//! Normalization of rows, and passes over rows, on all threads of the current pool.

use eidetic_kernels::Kernel;
use rayon::prelude::*;

use crate::error::LoadError;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// Normalization of rows before a product.
pub enum Norm {
    /// Mean 0 and variance 1, then scaled and shifted.
    Layer {
        weight: Vec<f32>,
        bias: Vec<f32>,
        epsilon: f32,
    },
    /// Mean square 1, then scaled.
    Rms { weight: Vec<f32>, epsilon: f32 },
}

impl Norm {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn layer(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        width: usize,
        epsilon: f32,
    ) -> Result<Self, LoadError> {
        Ok(Self::Layer {
            weight: weights.values(&format!("{name}.weight"), &[width])?,
            bias: weights.values(&format!("{name}.bias"), &[width])?,
            epsilon,
        })
    }

    /// Takes `NAME.weight`.
    pub fn rms(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        width: usize,
        epsilon: f32,
    ) -> Result<Self, LoadError> {
        Ok(Self::Rms {
            weight: weights.values(&format!("{name}.weight"), &[width])?,
            epsilon,
        })
    }

    /// Each row of `rows`, normalized, into `out`.
    pub fn apply(&self, kernel: Kernel, rows: &Matrix, out: &mut Matrix) {
        out.reshape(rows.count(), rows.width());
        each_row(out, |number, out| match self {
            Self::Layer {
                weight,
                bias,
                epsilon,
            } => {
                kernel.layer_norm(rows.row(number), weight, bias, *epsilon, out);
            }
            Self::Rms { weight, epsilon } => {
                out.copy_from_slice(rows.row(number));
                kernel.rms_norm(out, weight, *epsilon);
            }
        });
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Layer { weight, bias, .. } => 4 * (weight.len() + bias.len()),
            Self::Rms { weight, .. } => 4 * weight.len(),
        }
    }

    /// Each stretch of the norm's width within each row, in place.
    pub fn apply_to_heads(&self, kernel: Kernel, rows: &mut Matrix) {
        if let Self::Rms { weight, epsilon } = self {
            each_row(rows, |_, row| {
                for head in row.chunks_exact_mut(weight.len()) {
                    kernel.rms_norm(head, weight, *epsilon);
                }
            });
        }
    }
}

/// Runs `pass` on each row with its number, on all threads of the current pool.
pub fn each_row(rows: &mut Matrix, pass: impl Fn(usize, &mut [f32]) + Sync) {
    let width = rows.width().max(1);
    let all = rows.values_mut().par_chunks_mut(width).with_min_len(32);
    all.enumerate().for_each(|(number, row)| pass(number, row));
}
