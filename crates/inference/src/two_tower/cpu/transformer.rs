//! The transformer that both towers share: sequences of any lengths, their rows one after another.

use std::ops::Range;

use eidetic_kernels::matrix::{Activation, Attention, Heads, Mask};

use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Dense;
use crate::layers::matrix::Matrix;
use crate::layers::packing::Stored;
use crate::layers::products::Products;
use crate::layers::weights::Weights;
use crate::two_tower::config::{Norms, TowerConfig};

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
    norms: Norms,
    /// Before attention or after it.
    first_norm: Norm,
    queries: Dense,
    keys: Dense,
    values: Dense,
    output: Dense,
    /// Before the dense layers or after them.
    second_norm: Norm,
    layers: Layers,
    heads: Heads,
    mask: Mask,
}

/// Two dense layers with an activation between them.
pub struct Layers {
    wide: Dense,
    narrow: Dense,
    activation: Activation,
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
            block.forward(sequences, workspace);
        }
        last.attend_pooled(sequences, &pooled, workspace);
        last.transform(workspace);
        std::mem::swap(&mut workspace.hidden, &mut workspace.pooled);
    }

    /// Runs all layers on all rows of `workspace.hidden`.
    pub fn forward_all(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        for block in &self.blocks {
            block.forward(sequences, workspace);
        }
    }

    /// Nothing but the products that these layers make of `rows` rows, of which the last layer is asked for `pooled`.
    pub fn products(&self, pooled: usize, rows: usize, products: &mut Products) {
        let last = self.blocks.len().saturating_sub(1);
        for (layer, block) in self.blocks.iter().enumerate() {
            let asked = if layer == last { pooled } else { rows };
            for dense in [&block.keys, &block.values] {
                products.run(rows, dense.factor());
            }
            for dense in [&block.queries, &block.output] {
                products.run(asked, dense.factor());
            }
            block.layers.products(asked, products);
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
    pub fn forward(&self, kernel: eidetic_kernels::Kernel, rows: &Matrix, out: &mut Matrix) {
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
        let hidden = config.hidden;
        let mut square =
            |name: &str| Dense::load(weights, &format!("{prefix}.self_attn.{name}"), hidden, hidden);
        Ok(Self {
            queries: square("q_proj")?,
            keys: square("k_proj")?,
            values: square("v_proj")?,
            output: square("out_proj")?,
            layers: Layers::load(weights, &format!("{prefix}.mlp"), config)?,
            first_norm: Norm::load(weights, &format!("{prefix}.layer_norm1"), config)?,
            second_norm: Norm::load(weights, &format!("{prefix}.layer_norm2"), config)?,
            norms: config.norms,
            heads: config.heads(),
            mask,
        })
    }

    fn forward(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        self.attend(sequences, workspace);
        self.transform(workspace);
    }

    /// Leaves in `normed` what the next part of the block reads: `hidden`, normed where norms come before.
    fn source(&self, norm: &Norm, workspace: &mut Workspace) {
        let w = workspace;
        match self.norms {
            Norms::Before => norm.forward(w.kernel, &w.hidden, &mut w.normed),
            Norms::After => w.normed.copy(&w.hidden),
        }
    }

    /// Norms `hidden` in place where norms come after.
    fn finish(&self, norm: &Norm, workspace: &mut Workspace) {
        if self.norms == Norms::After {
            let w = workspace;
            norm.forward(w.kernel, &w.hidden, &mut w.normed);
            std::mem::swap(&mut w.hidden, &mut w.normed);
        }
    }

    /// Adds to `hidden` what attention makes of the rows of the same sequence.
    fn attend(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.source(&self.first_norm, w);
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
        self.finish(&self.first_norm, w);
    }

    /// As [`attend`](Self::attend), for the pooled rows alone, which replace all others.
    fn attend_pooled(&self, sequences: &[Sequence], pooled: &[usize], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.source(&self.first_norm, w);
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
        self.finish(&self.first_norm, w);
    }

    /// Weighted means of one sequence's values, for the queries in the rows `asking`.
    fn mix(&self, sequence: &Sequence, asking: Range<usize>, w: &mut Workspace) {
        let (first, length) = (sequence.rows.start, sequence.rows.len());
        let attention = Attention {
            heads: self.heads,
            mask: self.mask,
            queries: w.queries.rows(asking.start, asking.len()),
            keys: w.keys.rows(first, length),
            values: w.values.rows(first, length),
        };
        w.kernel.attention(
            attention,
            w.mixed.rows_mut(asking.start, asking.len()),
            &mut w.attention,
        );
    }

    /// Adds to `hidden` what the dense layers make of each row.
    fn transform(&self, workspace: &mut Workspace) {
        self.source(&self.second_norm, workspace);
        self.layers.add(workspace);
        self.finish(&self.second_norm, workspace);
    }
}

impl Layers {
    /// Takes `NAME.fc1` and `NAME.fc2`.
    pub fn load(weights: &mut Weights<Stored>, name: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        Ok(Self {
            wide: Dense::load(weights, &format!("{name}.fc1"), hidden, intermediate)?,
            narrow: Dense::load(weights, &format!("{name}.fc2"), intermediate, hidden)?,
            activation: config.activation,
        })
    }

    /// Adds to `hidden` what the layers make of each row of `normed`.
    pub fn add(&self, workspace: &mut Workspace) {
        let w = workspace;
        let count = w.normed.count();
        let input = self.wide.input(w.kernel, &w.normed, &mut w.codes);
        self.wide
            .fill_activated(w.kernel, input, count, self.activation, &mut w.wide);
        let input = self.narrow.input(w.kernel, &w.wide, &mut w.codes);
        self.narrow.add_to(w.kernel, input, &mut w.hidden);
    }

    /// Nothing but the products of `rows` rows.
    pub fn products(&self, rows: usize, products: &mut Products) {
        products.run(rows, self.wide.factor());
        products.run(rows, self.narrow.factor());
    }
}

impl TowerConfig {
    /// How columns are shared among heads.
    pub const fn heads(&self) -> Heads {
        Heads {
            count: self.heads,
            width: self.hidden / self.heads,
        }
    }
}
