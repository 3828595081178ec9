//! The text tower: tokens, the transformer with a causal mask, one vector a text.

use candle_core::{Device, Result as EngineResult, Tensor};

use super::transformer::{Batch, Norm, Transformer};
use crate::config::{ClipConfig, Pooling};
use crate::error::LoadError;
use crate::weights::Weights;

/// The text tower (`text_model.*` and `text_projection`).
pub struct TextTower {
    /// Vocabulary × width.
    tokens: Tensor,
    /// Longest text × width.
    positions: Tensor,
    transformer: Transformer,
    after: Norm,
    /// Width × dimension.
    projection: Tensor,
    pooling: Pooling,
    device: Device,
}

impl TextTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &ClipConfig,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let tower = config.text.tower()?;
        let hidden = tower.hidden;
        Ok(Self {
            tokens: weights.take(
                "text_model.embeddings.token_embedding.weight",
                &[config.text.vocab_size, hidden],
            )?,
            positions: weights.take(
                "text_model.embeddings.position_embedding.weight",
                &[config.text.max_position_embeddings, hidden],
            )?,
            transformer: Transformer::load(weights, "text_model.encoder.layers", &tower)?,
            after: Norm::load(weights, "text_model.final_layer_norm", &tower)?,
            projection: weights
                .take("text_projection.weight", &[config.projection, hidden])?
                .t()?,
            pooling: config.text.pooling(),
            device: device.clone(),
        })
    }

    pub fn vocabulary(&self) -> usize {
        self.tokens.dims()[0]
    }

    /// Most tokens of a text.
    pub fn longest(&self) -> usize {
        self.positions.dims()[0]
    }

    /// Embeddings before scaling to unit length, texts × dimension. All texts have equally many tokens.
    pub fn forward(&self, texts: &[&[u32]]) -> EngineResult<Tensor> {
        let length = texts.first().map_or(0, |ids| ids.len());
        let batch = Batch {
            sequences: texts.len(),
            length,
        };
        let width = self.tokens.dim(1)?;
        let ids = Tensor::from_vec(texts.concat(), texts.len() * length, &self.device)?;
        let hidden = self
            .tokens
            .index_select(&ids, 0)?
            .reshape((texts.len(), length, width))?
            .broadcast_add(&self.positions.narrow(0, 0, length)?)?
            .reshape((texts.len() * length, width))?;
        let ends = Tensor::new(self.end_rows(texts), &self.device)?;
        let pooled = self
            .transformer
            .forward(hidden, batch, Some(&self.causal_mask(length)?), &ends)?;
        self.after.forward(&pooled)?.matmul(&self.projection)
    }

    /// The number of each text's row at which it is pooled. Found here rather than on the device, where an argmax
    /// among equals may give any of them.
    fn end_rows(&self, texts: &[&[u32]]) -> Vec<u32> {
        let row = |(text, ids): (usize, &&[u32])| (text * ids.len() + self.pooling.position(ids)) as u32;
        texts.iter().enumerate().map(row).collect()
    }

    /// Minus infinity where a position would look at a later one, length × length.
    fn causal_mask(&self, length: usize) -> EngineResult<Tensor> {
        let entry = |i: usize| {
            if i % length > i / length {
                f32::NEG_INFINITY
            } else {
                0.0
            }
        };
        Tensor::from_vec(
            (0..length * length).map(entry).collect::<Vec<f32>>(),
            (length, length),
            &self.device,
        )
    }
}
