//! Attention of one learned query over all rows of an image: the pooling of SigLIP's vision tower.

use eidetic_kernels::matrix::{Attention, EpilogueOp, Heads, Mask};

use super::transformer::{Mlp, Norm, Sequence};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Linear;
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
        let input = self.keys.input(w.kernel, &w.normed, &mut w.products);
        self.keys.forward(w.kernel, input, EpilogueOp::Store, &mut w.keys);
        self.values
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.values);
        w.pooled.reshape(1, self.probe.len());
        w.pooled.row_mut(0).copy_from_slice(&self.probe);
        let input = self.queries.input(w.kernel, &w.pooled, &mut w.products);
        self.queries
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.queries);
        w.attended.reshape(sequences.len(), self.probe.len());
        for (number, sequence) in sequences.iter().enumerate() {
            let (first, length) = (sequence.rows.start, sequence.rows.len());
            let attention = Attention {
                heads: self.heads,
                mask: Mask::None,
                bias: None,
                queries: w.queries.rows(0, 1),
                keys: w.keys.rows(first, length),
                values: w.values.rows(first, length),
            };
            let out = w.attended.rows_mut(number, 1);
            w.kernel.attention(attention, out, &mut w.attention);
        }
        let input = self.output.input(w.kernel, &w.attended, &mut w.products);
        self.output
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.hidden);
        self.norm.forward(w.kernel, &w.hidden, &mut w.normed);
        self.mlp.add(w);
    }
}
