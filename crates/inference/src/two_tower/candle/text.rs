//! The text tower: tokens, the transformer, one vector a text.

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_kernels::matrix::Mask;

use super::transformer::{Batch, Norm, Projection, Transformer};
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{ModelConfig, Pooling, TextConfig, TextKind};

/// The text tower (`text_model.*` and `text_projection`).
pub struct TextTower {
    /// Vocabulary × width.
    tokens: Tensor,
    /// Longest text × width; the first segment is added already.
    positions: Tensor,
    /// After the embeddings: BERT.
    before: Option<Norm>,
    transformer: Transformer,
    /// After the layers: CLIP.
    after: Option<Norm>,
    projection: Projection,
    pooling: Pooling,
    mask: Mask,
    device: Device,
}

impl TextTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &ModelConfig,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let text = &config.text;
        let (tower, hidden) = (&text.tower, text.tower.hidden);
        let (before, after) = match text.kind {
            TextKind::Clip => (None, Some("text_model.final_layer_norm")),
            TextKind::Bert { .. } => (Some("text_model.embeddings.layer_norm"), None),
        };
        let mut norm = |name: Option<&str>| name.map(|name| Norm::load(weights, name, tower)).transpose();
        Ok(Self {
            before: norm(before)?,
            after: norm(after)?,
            tokens: weights.take(
                "text_model.embeddings.token_embedding.weight",
                &[text.vocabulary, hidden],
            )?,
            positions: positions(weights, text)?,
            transformer: Transformer::load(weights, "text_model.encoder.layers", tower)?,
            projection: Projection::load(
                weights,
                "text_projection",
                text.projection,
                [config.dimension, hidden],
            )?,
            pooling: text.pooling,
            mask: text.mask,
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
        let mask = match self.mask {
            Mask::None => None,
            Mask::Causal => Some(self.causal_mask(length)?),
        };
        let mut hidden = self.embed(texts, batch)?;
        if let Some(norm) = &self.before {
            hidden = norm.forward(&hidden)?;
        }
        let ends = Tensor::new(self.end_rows(texts), &self.device)?;
        let mut pooled = self.transformer.forward(hidden, batch, mask.as_ref(), &ends)?;
        if let Some(norm) = &self.after {
            pooled = norm.forward(&pooled)?;
        }
        self.projection.forward(pooled)
    }

    fn embed(&self, texts: &[&[u32]], batch: Batch) -> EngineResult<Tensor> {
        let Batch { sequences, length } = batch;
        let width = self.tokens.dim(1)?;
        let ids = Tensor::from_vec(texts.concat(), sequences * length, &self.device)?;
        self.tokens
            .index_select(&ids, 0)?
            .reshape((sequences, length, width))?
            .broadcast_add(&self.positions.narrow(0, 0, length)?)?
            .reshape((sequences * length, width))
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

/// Positions, to each of which the first segment is added where there are segments.
fn positions(weights: &mut Weights<Tensor>, text: &TextConfig) -> Result<Tensor, LoadError> {
    let hidden = text.tower.hidden;
    let positions = weights.take(
        "text_model.embeddings.position_embedding.weight",
        &[text.longest, hidden],
    )?;
    let TextKind::Bert { segments } = text.kind else {
        return Ok(positions);
    };
    let name = "text_model.embeddings.segment_embedding.weight";
    let first = weights.take(name, &[segments.max(1), hidden])?.narrow(0, 0, 1)?;
    Ok(positions.broadcast_add(&first)?)
}
