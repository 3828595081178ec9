//! Attention of one learned query over all rows of an image: the pooling of SigLIP's vision tower.

use eidetic_kernels::matrix::{EpilogueOp, Heads, Mask};

use super::transformer::{Mlp, Norm, Sequence};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::{Linear, ProductScratch};
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;
use crate::two_tower::config::TowerConfig;

/// The head (`vision_model.head.*`).
pub struct AttentionPool {
    /// The learned query.
    probe: Vec<f32>,
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    norm: Norm,
    mlp: Mlp,
    heads: Heads,
}

impl AttentionPool {
    pub fn load(weights: &mut Weights<PackedTensor>, config: &TowerConfig) -> Result<Self, LoadError> {
        let width = config.hidden;
        let mut square = |name: &str| {
            let name = format!("vision_model.head.attention.{name}");
            Linear::load(weights, &name, [width, width])
        };
        Ok(Self {
            queries: square("q_proj")?,
            keys: square("k_proj")?,
            values: square("v_proj")?,
            output: square("out_proj")?,
            probe: weights.values("vision_model.head.probe", &[1, 1, width])?,
            norm: Norm::load(weights, "vision_model.head.layernorm", config)?,
            mlp: Mlp::load(weights, "vision_model.head.mlp", config)?,
            heads: config.heads(),
        })
    }

    /// Leaves one row a sequence of `workspace.normed` in `workspace.hidden`.
    pub fn forward(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let w = workspace;
        let ProductScratch { codes, half } = &mut w.products;
        let input = self.keys.input(w.kernel, &w.normed, codes);
        self.keys
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.keys, half);
        self.values
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.values, half);
        w.pooled.reshape(1, self.probe.len());
        w.pooled.row_mut(0).copy_from_slice(&self.probe);
        let input = self.queries.input(w.kernel, &w.pooled, codes);
        self.queries
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.queries, half);
        w.attended.reshape(sequences.len(), self.probe.len());
        for (number, sequence) in sequences.iter().enumerate() {
            let (first, length) = (sequence.rows.start, sequence.rows.len());
            w.kernel.attention(
                self.heads,
                Mask::None,
                w.queries.rows(0, 1),
                w.keys.rows(first, length),
                w.values.rows(first, length),
                w.attended.rows_mut(number, 1),
                &mut w.attention,
            );
        }
        let input = self.output.input(w.kernel, &w.attended, codes);
        self.output
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.hidden, half);
        self.norm.forward(w.kernel, &w.hidden, &mut w.normed);
        self.mlp.add(w);
    }
}
