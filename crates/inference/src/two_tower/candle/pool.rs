//! Attention from one learnt vector over all rows of a picture: what ends SigLIP's vision tower.

use candle_core::{D, Result as EngineResult, Tensor};
use candle_nn::ops::softmax_last_dim;

use super::transformer::{Batch, Dense, Layers, Norm};
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::TowerConfig;

/// The head (`vision_model.head.*`).
pub struct AttentionPool {
    /// Asks all rows, 1 × width.
    probe: Tensor,
    queries: Dense,
    keys: Dense,
    values: Dense,
    output: Dense,
    norm: Norm,
    layers: Layers,
    heads: usize,
}

impl AttentionPool {
    pub fn load(weights: &mut Weights<Tensor>, config: &TowerConfig) -> Result<Self, LoadError> {
        let width = config.hidden;
        let mut square = |name: &str| {
            let name = format!("vision_model.head.attention.{name}");
            Dense::load(weights, &name, width, width)
        };
        Ok(Self {
            queries: square("q_proj")?,
            keys: square("k_proj")?,
            values: square("v_proj")?,
            output: square("out_proj")?,
            probe: weights
                .take("vision_model.head.probe", &[1, 1, width])?
                .squeeze(0)?,
            norm: Norm::load(weights, "vision_model.head.layernorm", config)?,
            layers: Layers::load(weights, "vision_model.head.mlp", config)?,
            heads: config.heads,
        })
    }

    /// One row a sequence, of normed rows.
    pub fn forward(&self, rows: &Tensor, batch: Batch) -> EngineResult<Tensor> {
        let width = self.probe.dim(1)?;
        let head = width / self.heads;
        let split = |rows: Tensor, sequences: usize, length: usize| {
            rows.reshape((sequences, length, self.heads, head))?
                .transpose(1, 2)?
                .contiguous()
        };
        let queries = split(self.queries.forward(&self.probe)?, 1, 1)?;
        let keys = split(self.keys.forward(rows)?, batch.sequences, batch.length)?;
        let values = split(self.values.forward(rows)?, batch.sequences, batch.length)?;
        let queries = (queries * (head as f64).sqrt().recip())?;
        let queries = queries
            .broadcast_as((batch.sequences, self.heads, 1, head))?
            .contiguous()?;
        let weights = softmax_last_dim(&queries.matmul(&keys.transpose(D::Minus1, D::Minus2)?)?)?;
        let mixed = weights.matmul(&values)?.reshape((batch.sequences, width))?;
        let hidden = self.output.forward(&mixed)?;
        self.layers.forward(&self.norm.forward(&hidden)?)? + hidden
    }
}
