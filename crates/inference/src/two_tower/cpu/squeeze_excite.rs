//! Squeeze-and-excitation: each channel of a map times a factor that two linear layers compute from all channels' means.

use eidetic_kernels::Kernel;
use eidetic_kernels::dot;
use eidetic_kernels::matrix::Activation;

use crate::layers::matrix::Matrix;
use crate::two_tower::fastvit_weights::SqueezeExciteWeights;
use crate::two_tower::fused_conv::FusedConv;

/// The two layers; one row per image is too little for packed products.
pub struct SqueezeExcite {
    fc1: Layer,
    fc2: Layer,
}

/// A dense layer, a row an output.
struct Layer {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl SqueezeExcite {
    /// Packs layers for a map whose channels are at `places`.
    pub fn pack(fused: &SqueezeExciteWeights, places: &[usize]) -> Self {
        Self {
            fc1: Layer::of(&fused.fc1.with_inputs_at(places)),
            fc2: Layer::of(&fused.fc2.with_outputs_at(places)),
        }
    }

    /// Scales the maps of `images` images, then applies gelu.
    pub fn apply(&self, kernel: Kernel, map: &mut Matrix, images: usize) {
        let positions = map.count() / images.max(1);
        let mut means = Matrix::default();
        means.reshape(1, map.width());
        for image in 0..images {
            let rows = image * positions..(image + 1) * positions;
            means.set_mean(0, map, rows.clone());
            let mut inner = self.fc1.forward(means.row(0));
            for x in &mut inner {
                *x = x.max(0.0);
            }
            let mut factors = self.fc2.forward(&inner);
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
    fn of(fused: &FusedConv) -> Self {
        Self {
            weight: fused.weight.clone(),
            bias: fused.bias.clone(),
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
