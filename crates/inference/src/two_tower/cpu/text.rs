//! The text tower: tokens, the transformer, one vector a text.

use eidetic_encoder::EncodeError;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::Mask;

use super::projection::Projection;
use super::transformer::{Norm, Sequence, Transformer};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::embedding_table::EmbeddingTable;
use crate::layers::file_rows::RowError;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;
use crate::two_tower::config::{ModelConfig, Pooling, TextConfig, TextKind};

/// The text tower (`text_model.*` and `text_projection`).
pub struct TextTower {
    /// Vocabulary × width.
    tokens: EmbeddingTable,
    vocabulary: usize,
    /// Longest text × width; the first segment is added already.
    positions: Vec<f32>,
    width: usize,
    /// After the embeddings: BERT.
    before: Option<Norm>,
    transformer: Transformer,
    /// After the layers: CLIP.
    after: Option<Norm>,
    projection: Projection,
    pooling: Pooling,
    mask: Mask,
}

impl TextTower {
    pub fn load(weights: &mut Weights<PackedTensor>, config: &ModelConfig) -> Result<Self, LoadError> {
        let text = &config.text;
        let (tower, width) = (&text.tower, text.tower.hidden);
        let (before, after) = match text.kind {
            TextKind::Clip => (None, Some("text_model.final_layer_norm")),
            TextKind::Bert { .. } => (Some("text_model.embeddings.layer_norm"), None),
        };
        let mut norm = |name: Option<&str>| name.map(|name| Norm::load(weights, name, tower)).transpose();
        Ok(Self {
            before: norm(before)?,
            after: norm(after)?,
            tokens: weights.table(
                "text_model.embeddings.token_embedding.weight",
                [text.vocabulary, width],
            )?,
            vocabulary: text.vocabulary,
            positions: positions(weights, text)?,
            width,
            transformer: Transformer::load(weights, "text_model.encoder.layers", tower, text.mask)?,
            projection: Projection::load(
                weights,
                "text_projection",
                text.projection,
                [config.dimension, width],
            )?,
            pooling: text.pooling,
            mask: text.mask,
        })
    }

    pub const fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Most tokens of a text.
    pub fn longest(&self) -> usize {
        self.positions.len() / self.width
    }

    /// The tokens that the pooled one attends to: under a causal mask, none after itself.
    pub fn seen<'a>(&self, ids: &'a [u32]) -> &'a [u32] {
        match self.mask {
            Mask::Causal => &ids[..=self.pooling.position(ids)],
            Mask::None => ids,
        }
    }

    /// Embeddings before scaling to unit length, of texts of which all is [`seen`](Self::seen).
    pub fn forward(&self, texts: &[&[u32]], workspace: &mut Workspace) -> Result<Vec<Vec<f32>>, EncodeError> {
        let w = workspace;
        let sequences = self.sequences(texts);
        w.hidden
            .reshape(texts.iter().map(|ids| ids.len()).sum(), self.width);
        for (sequence, ids) in sequences.iter().zip(texts) {
            for (row, (position, &id)) in sequence.rows.clone().zip(ids.iter().enumerate()) {
                self.embed(w.kernel, id, position, w.hidden.row_mut(row))?;
            }
        }
        if let Some(norm) = &self.before {
            norm.forward(w.kernel, &w.hidden, &mut w.normed);
            std::mem::swap(&mut w.hidden, &mut w.normed);
        }
        self.transformer.forward(&sequences, w);
        let rows = match &self.after {
            None => &w.pooled,
            Some(norm) => {
                norm.forward(w.kernel, &w.pooled, &mut w.normed);
                &w.normed
            }
        };
        Ok(self
            .projection
            .forward(w.kernel, rows, &mut w.products, &mut w.attended))
    }

    fn embed(&self, kernel: Kernel, id: u32, position: usize, row: &mut [f32]) -> Result<(), RowError> {
        self.tokens.read(kernel, id as usize, row)?;
        let position = &self.positions[position * self.width..][..self.width];
        for (x, position) in row.iter_mut().zip(position) {
            *x += position;
        }
        Ok(())
    }

    /// The texts one after another.
    fn sequences(&self, texts: &[&[u32]]) -> Vec<Sequence> {
        let mut start = 0;
        texts
            .iter()
            .map(|ids| {
                let rows = start..start + ids.len();
                start = rows.end;
                Sequence {
                    pooled: rows.start + self.pooling.position(ids),
                    rows,
                }
            })
            .collect()
    }
}

/// Positions, to each of which the first segment is added where there are segments.
fn positions(weights: &mut Weights<PackedTensor>, text: &TextConfig) -> Result<Vec<f32>, LoadError> {
    let width = text.tower.hidden;
    let mut positions = weights.values(
        "text_model.embeddings.position_embedding.weight",
        &[text.longest, width],
    )?;
    if let TextKind::Bert { segments } = text.kind {
        let name = "text_model.embeddings.segment_embedding.weight";
        let segments = weights.values(name, &[segments.max(1), width])?;
        for row in positions.chunks_exact_mut(width) {
            for (x, segment) in row.iter_mut().zip(&segments) {
                *x += segment;
            }
        }
    }
    Ok(positions)
}
