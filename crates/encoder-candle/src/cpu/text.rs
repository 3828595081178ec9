//! The text tower: tokens, the transformer with a causal mask, one vector a text.

use eidetic_kernels::matrix::{Finish, Mask};

use super::dense::Factor;
use super::store::Stored;
use super::transformer::{Norm, Sequence, Transformer};
use super::workspace::Workspace;
use crate::config::{ClipConfig, Pooling};
use crate::error::LoadError;
use crate::weights::Weights;

/// The text tower (`text_model.*` and `text_projection`).
pub struct TextTower {
    /// Vocabulary × width.
    tokens: Vec<f32>,
    /// Longest text × width.
    positions: Vec<f32>,
    width: usize,
    transformer: Transformer,
    after: Norm,
    projection: Factor,
    dimension: usize,
    pooling: Pooling,
}

impl TextTower {
    pub fn load(weights: &mut Weights<Stored>, config: &ClipConfig) -> Result<Self, LoadError> {
        let tower = config.text.tower()?;
        let width = tower.hidden;
        let longest = config.text.max_position_embeddings;
        Ok(Self {
            tokens: weights.values(
                "text_model.embeddings.token_embedding.weight",
                &[config.text.vocab_size, width],
            )?,
            positions: weights.values(
                "text_model.embeddings.position_embedding.weight",
                &[longest, width],
            )?,
            width,
            transformer: Transformer::load(weights, "text_model.encoder.layers", &tower, Mask::Causal)?,
            after: Norm::load(weights, "text_model.final_layer_norm", &tower)?,
            projection: weights.factor("text_projection.weight", &[config.projection, width])?,
            dimension: config.projection,
            pooling: config.text.pooling(),
        })
    }

    pub fn vocabulary(&self) -> usize {
        self.tokens.len() / self.width
    }

    /// Most tokens of a text.
    pub fn longest(&self) -> usize {
        self.positions.len() / self.width
    }

    /// The text up to the token at which it is pooled.
    pub fn trimmed<'a>(&self, ids: &'a [u32]) -> &'a [u32] {
        &ids[..=self.pooling.position(ids)]
    }

    /// Embeddings before scaling to unit length. Each text is pooled at its last token.
    pub fn forward(&self, texts: &[&[u32]], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        let sequences = sequences(texts.iter().map(|ids| ids.len()));
        w.hidden
            .reshape(texts.iter().map(|ids| ids.len()).sum(), self.width);
        for (sequence, ids) in sequences.iter().zip(texts) {
            for (row, (position, &id)) in sequence.rows.clone().zip(ids.iter().enumerate()) {
                self.embed(id, position, w.hidden.row_mut(row));
            }
        }
        self.transformer.forward(&sequences, w);
        self.after.forward(w.kernel, &w.pooled, &mut w.normed);
        let input = self.projection.input(w.kernel, &w.normed, &mut w.codes);
        w.mixed.reshape(texts.len(), self.dimension);
        self.projection
            .apply(w.kernel, input, Finish::Plain, w.mixed.all_mut());
        w.mixed.to_vectors()
    }

    fn embed(&self, id: u32, position: usize, row: &mut [f32]) {
        let token = &self.tokens[id as usize * self.width..][..self.width];
        let place = &self.positions[position * self.width..][..self.width];
        for ((x, token), place) in row.iter_mut().zip(token).zip(place) {
            *x = token + place;
        }
    }
}

/// Sequences of these lengths, one after another, each pooled at its last row.
fn sequences(lengths: impl Iterator<Item = usize>) -> Vec<Sequence> {
    let mut start = 0;
    lengths
        .map(|length| {
            let rows = start..start + length;
            start = rows.end;
            Sequence {
                pooled: rows.end - 1,
                rows,
            }
        })
        .collect()
}
