//! The transformer that both towers share: sequences of any lengths, their rows one after another.

use std::ops::Range;

use eidetic_kernels::matrix::{Activation, Heads, Mask};

use super::dense::Dense;
use super::matrix::Matrix;
use super::products::Products;
use super::store::Stored;
use super::workspace::Workspace;
use crate::config::TowerConfig;
use crate::error::LoadError;
use crate::weights::Weights;

/// The layers of one tower.
pub struct Transformer {
    blocks: Vec<Block>,
}

/// Scale and shift after bringing rows to mean 0 and variance 1.
pub struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

/// The rows of one sequence, and the one among them that is asked for at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    pub rows: Range<usize>,
    pub pooled: usize,
}

struct Block {
    before_attention: Norm,
    queries: Dense,
    keys: Dense,
    values: Dense,
    output: Dense,
    before_layers: Norm,
    wide: Dense,
    narrow: Dense,
    activation: Activation,
    heads: Heads,
    mask: Mask,
}

impl Transformer {
    /// Takes the layers under `prefix`, such as `vision_model.encoder.layers`.
    pub fn load(
        weights: &mut Weights<Stored>,
        prefix: &str,
        config: &TowerConfig,
        mask: Mask,
    ) -> Result<Self, LoadError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{prefix}.{layer}"), config, mask))
            .collect::<Result<_, LoadError>>()?;
        Ok(Self { blocks })
    }

    /// Runs all layers on `workspace.hidden` and leaves the pooled rows, one a sequence, in `workspace.pooled`. The last
    /// layer computes no others. Under a causal mask the pooled row must be its sequence's last.
    pub fn forward(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let pooled: Vec<usize> = sequences.iter().map(|sequence| sequence.pooled).collect();
        let Some((last, others)) = self.blocks.split_last() else {
            workspace.pooled.gather(&workspace.hidden, &pooled);
            return;
        };
        for block in others {
            block.attend(sequences, workspace);
            block.transform(workspace);
        }
        last.attend_pooled(sequences, &pooled, workspace);
        last.transform(workspace);
        std::mem::swap(&mut workspace.hidden, &mut workspace.pooled);
    }
}

impl Transformer {
    /// Nothing but the products that [`forward`](Self::forward) makes of `rows` rows in `sequences` sequences.
    pub fn products(&self, sequences: usize, rows: usize, products: &mut Products) {
        let last = self.blocks.len().saturating_sub(1);
        for (layer, block) in self.blocks.iter().enumerate() {
            let asked = if layer == last { sequences } else { rows };
            for dense in [&block.keys, &block.values] {
                products.run(rows, dense.factor());
            }
            for dense in [&block.queries, &block.output, &block.wide, &block.narrow] {
                products.run(asked, dense.factor());
            }
        }
    }
}

impl Norm {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(weights: &mut Weights<Stored>, name: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        Ok(Self {
            weight: weights.values(&format!("{name}.weight"), &[config.hidden])?,
            bias: weights.values(&format!("{name}.bias"), &[config.hidden])?,
            epsilon: config.epsilon,
        })
    }

    /// Normalises each row into `out`.
    pub fn forward(&self, kernel: eidetic_kernels::matrix::MatrixKernel, rows: &Matrix, out: &mut Matrix) {
        out.reshape(rows.count(), rows.width());
        for row in 0..rows.count() {
            kernel.layer_norm(
                rows.row(row),
                &self.weight,
                &self.bias,
                self.epsilon,
                out.row_mut(row),
            );
        }
    }
}

impl Block {
    fn load(
        weights: &mut Weights<Stored>,
        prefix: &str,
        config: &TowerConfig,
        mask: Mask,
    ) -> Result<Self, LoadError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let mut dense =
            |name: &str, inputs, outputs| Dense::load(weights, &format!("{prefix}.{name}"), inputs, outputs);
        Ok(Self {
            queries: dense("self_attn.q_proj", hidden, hidden)?,
            keys: dense("self_attn.k_proj", hidden, hidden)?,
            values: dense("self_attn.v_proj", hidden, hidden)?,
            output: dense("self_attn.out_proj", hidden, hidden)?,
            wide: dense("mlp.fc1", hidden, intermediate)?,
            narrow: dense("mlp.fc2", intermediate, hidden)?,
            before_attention: Norm::load(weights, &format!("{prefix}.layer_norm1"), config)?,
            before_layers: Norm::load(weights, &format!("{prefix}.layer_norm2"), config)?,
            activation: config.activation,
            heads: Heads {
                count: config.heads,
                width: hidden / config.heads,
            },
            mask,
        })
    }

    /// Adds to `hidden` what attention makes of the normalised rows of the same sequence.
    fn attend(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.before_attention.forward(w.kernel, &w.hidden, &mut w.normed);
        let input = self.queries.input(w.kernel, &w.normed, &mut w.codes);
        self.queries.fill(w.kernel, input, count, &mut w.queries);
        self.keys.fill(w.kernel, input, count, &mut w.keys);
        self.values.fill(w.kernel, input, count, &mut w.values);
        w.mixed.reshape(count, w.hidden.width());
        for sequence in sequences {
            self.mix(sequence, sequence.rows.clone(), w);
        }
        let input = self.output.input(w.kernel, &w.mixed, &mut w.codes);
        self.output.add_to(w.kernel, input, &mut w.hidden);
    }

    /// As [`attend`](Self::attend), for the pooled rows alone, which replace all others.
    fn attend_pooled(&self, sequences: &[Sequence], pooled: &[usize], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.before_attention.forward(w.kernel, &w.hidden, &mut w.normed);
        let input = self.keys.input(w.kernel, &w.normed, &mut w.codes);
        self.keys.fill(w.kernel, input, count, &mut w.keys);
        self.values.fill(w.kernel, input, count, &mut w.values);
        w.pooled.gather(&w.normed, pooled);
        let input = self.queries.input(w.kernel, &w.pooled, &mut w.codes);
        self.queries.fill(w.kernel, input, pooled.len(), &mut w.queries);
        w.mixed.reshape(pooled.len(), w.hidden.width());
        for (row, sequence) in sequences.iter().enumerate() {
            self.mix(sequence, row..row + 1, w);
        }
        w.pooled.gather(&w.hidden, pooled);
        std::mem::swap(&mut w.hidden, &mut w.pooled);
        let input = self.output.input(w.kernel, &w.mixed, &mut w.codes);
        self.output.add_to(w.kernel, input, &mut w.hidden);
    }

    /// Weighted means of one sequence's values, for the queries in the rows `asking`.
    fn mix(&self, sequence: &Sequence, asking: Range<usize>, w: &mut Workspace) {
        let (first, length) = (sequence.rows.start, sequence.rows.len());
        w.kernel.attention(
            self.heads,
            self.mask,
            w.queries.rows(asking.start, asking.len()),
            w.keys.rows(first, length),
            w.values.rows(first, length),
            w.mixed.rows_mut(asking.start, asking.len()),
            &mut w.attention,
        );
    }

    /// Adds to `hidden` what the two dense layers make of each normalised row.
    fn transform(&self, workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.before_layers.forward(w.kernel, &w.hidden, &mut w.normed);
        let input = self.wide.input(w.kernel, &w.normed, &mut w.codes);
        self.wide
            .fill_activated(w.kernel, input, count, self.activation, &mut w.wide);
        let input = self.narrow.input(w.kernel, &w.wide, &mut w.codes);
        self.narrow.add_to(w.kernel, input, &mut w.hidden);
    }
}
