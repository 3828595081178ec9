//! Attention from one learnt vector over all rows of a picture: what ends SigLIP's vision tower.

use eidetic_kernels::matrix::{Attention, Heads, Mask};

use super::transformer::{Layers, Norm, Sequence};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Dense;
use crate::layers::packing::Stored;
use crate::layers::products::Products;
use crate::layers::weights::Weights;
use crate::two_tower::config::TowerConfig;

/// The head (`vision_model.head.*`).
pub struct AttentionPool {
    /// Asks all rows.
    probe: Vec<f32>,
    queries: Dense,
    keys: Dense,
    values: Dense,
    output: Dense,
    norm: Norm,
    layers: Layers,
    heads: Heads,
}

impl AttentionPool {
    pub fn load(weights: &mut Weights<Stored>, config: &TowerConfig) -> Result<Self, LoadError> {
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
            probe: weights.values("vision_model.head.probe", &[1, 1, width])?,
            norm: Norm::load(weights, "vision_model.head.layernorm", config)?,
            layers: Layers::load(weights, "vision_model.head.mlp", config)?,
            heads: config.heads(),
        })
    }

    /// Leaves one row a sequence of `workspace.normed` in `workspace.hidden`.
    pub fn forward(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.normed.count();
        let input = self.keys.input(w.kernel, &w.normed, &mut w.codes);
        self.keys.fill(w.kernel, input, count, &mut w.keys);
        self.values.fill(w.kernel, input, count, &mut w.values);
        w.pooled.reshape(1, self.probe.len());
        w.pooled.row_mut(0).copy_from_slice(&self.probe);
        let input = self.queries.input(w.kernel, &w.pooled, &mut w.codes);
        self.queries.fill(w.kernel, input, 1, &mut w.queries);
        w.mixed.reshape(sequences.len(), self.probe.len());
        for (number, sequence) in sequences.iter().enumerate() {
            let (first, length) = (sequence.rows.start, sequence.rows.len());
            let attention = Attention {
                heads: self.heads,
                mask: Mask::None,
                queries: w.queries.rows(0, 1),
                keys: w.keys.rows(first, length),
                values: w.values.rows(first, length),
            };
            w.kernel
                .attention(attention, w.mixed.rows_mut(number, 1), &mut w.attention);
        }
        let input = self.output.input(w.kernel, &w.mixed, &mut w.codes);
        self.output.fill(w.kernel, input, sequences.len(), &mut w.hidden);
        self.norm.forward(w.kernel, &w.hidden, &mut w.normed);
        self.layers.add(w);
    }

    /// Nothing but the products of `rows` rows in `sequences` sequences.
    pub fn products(&self, sequences: usize, rows: usize, products: &mut Products) {
        products.run(rows, self.keys.factor());
        products.run(rows, self.values.factor());
        products.run(1, self.queries.factor());
        products.run(sequences, self.output.factor());
        self.layers.products(sequences, products);
    }
}
