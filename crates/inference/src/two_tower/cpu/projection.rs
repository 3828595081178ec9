//! The product that ends a tower.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{EpilogueOp, InputScratch};

use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;
use crate::two_tower::config::ProjectionKind;

/// From a tower's width to the embedding's dimension, in models that have it.
pub struct Projection(Option<Linear>);

impl Projection {
    /// Takes `NAME.weight`, and `NAME.bias` where there is one. `shape` is dimension × width.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        kind: ProjectionKind,
        shape: [usize; 2],
    ) -> Result<Self, LoadError> {
        Ok(Self(match kind {
            ProjectionKind::None => None,
            ProjectionKind::Plain => Some(Linear::load_unbiased(weights, name, shape)?),
            ProjectionKind::Biased => Some(Linear::load(weights, name, shape)?),
        }))
    }

    /// The embedding of each of `rows`; `out` is overwritten.
    pub fn forward(
        &self,
        kernel: Kernel,
        rows: &Matrix,
        scratch: &mut InputScratch,
        out: &mut Matrix,
    ) -> Vec<Vec<f32>> {
        let Some(linear) = &self.0 else {
            return rows.to_vectors();
        };
        let input = linear.input(kernel, rows, scratch);
        linear.forward(kernel, input, EpilogueOp::Store, out);
        out.to_vectors()
    }
}
