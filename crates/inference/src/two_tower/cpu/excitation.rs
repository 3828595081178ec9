//! Squeeze and excitation: each channel of a map times a factor that two dense layers make of all channels' means.

use eidetic_kernels::Kernel;
use eidetic_kernels::dot;
use eidetic_kernels::matrix::Activation;

use crate::layers::matrix::Matrix;
use crate::two_tower::fastvit_weights::{self, Folded};

/// The two layers; one row a picture is too little for packed products.
pub struct Excitation {
    narrow: Layer,
    wide: Layer,
}

/// A dense layer, a row an output.
struct Layer {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Excitation {
    /// Takes layers whose channels stand at `places` of the map.
    pub fn pack(folded: &fastvit_weights::Excitation, places: &[usize]) -> Self {
        Self {
            narrow: Layer::of(&folded.narrow.with_inputs_at(places)),
            wide: Layer::of(&folded.wide.with_outputs_at(places)),
        }
    }

    /// Scales the maps of `pictures` pictures, then applies gelu.
    pub fn apply(&self, kernel: Kernel, map: &mut Matrix, pictures: usize) {
        let positions = map.count() / pictures.max(1);
        let mut means = Matrix::default();
        means.reshape(1, map.width());
        for picture in 0..pictures {
            let rows = picture * positions..(picture + 1) * positions;
            means.set_mean(0, map, rows.clone());
            let mut narrow = self.narrow.forward(means.row(0));
            for x in &mut narrow {
                *x = x.max(0.0);
            }
            let mut factors = self.wide.forward(&narrow);
            for x in &mut factors {
                *x = 1.0 / (1.0 + (-*x).exp());
            }
            for row in rows {
                kernel.activate_scaled(map.row_mut(row), &factors, Activation::Gelu);
            }
        }
    }
}

impl Layer {
    fn of(folded: &Folded) -> Self {
        Self {
            weight: folded.weight.clone(),
            bias: folded.bias.clone(),
        }
    }

    fn forward(&self, row: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(row.len());
        rows.zip(&self.bias)
            .map(|(weight, bias)| dot(weight, row) + bias)
            .collect()
    }
}

/// Applies gelu to all numbers.
pub fn activate(kernel: Kernel, map: &mut Matrix) {
    let ones = vec![1.0; map.width()];
    for row in 0..map.count() {
        kernel.activate_scaled(map.row_mut(row), &ones, Activation::Gelu);
    }
}
