//! The transformer that both towers share: sequences of any lengths, their rows one after another.

use std::ops::Range;

use eidetic_kernels::matrix::{Activation, Attention, EpilogueOp, Heads, Mask};

use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
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

/// The rows of one sequence, and the one among them that becomes its embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    pub rows: Range<usize>,
    pub pooled: usize,
}

struct Block {
    norms: Norms,
    /// Before attention or after it.
    first_norm: Norm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    /// Before the MLP or after it.
    second_norm: Norm,
    mlp: Mlp,
    heads: Heads,
    mask: Mask,
}

/// Two linear layers with an activation between them.
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Transformer {
    /// Takes the layers under `prefix`, such as `vision_model.encoder.layers`.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
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
        last.add_mlp(workspace);
        std::mem::swap(&mut workspace.hidden, &mut workspace.pooled);
    }

    /// Runs all layers on all rows of `workspace.hidden`.
    pub fn forward_all(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        for block in &self.blocks {
            block.forward(sequences, workspace);
        }
    }
}

impl Norm {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        config: &TowerConfig,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            weight: weights.values(&format!("{name}.weight"), &[config.hidden])?,
            bias: weights.values(&format!("{name}.bias"), &[config.hidden])?,
            epsilon: config.epsilon,
        })
    }

    /// Normalizes each row into `out`.
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
        weights: &mut Weights<PackedTensor>,
        prefix: &str,
        config: &TowerConfig,
        mask: Mask,
    ) -> Result<Self, LoadError> {
        let hidden = config.hidden;
        let mut square =
            |name: &str| Linear::load(weights, &format!("{prefix}.self_attn.{name}"), [hidden, hidden]);
        Ok(Self {
            queries: square("q_proj")?,
            keys: square("k_proj")?,
            values: square("v_proj")?,
            output: square("out_proj")?,
            mlp: Mlp::load(weights, &format!("{prefix}.mlp"), config)?,
            first_norm: Norm::load(weights, &format!("{prefix}.layer_norm1"), config)?,
            second_norm: Norm::load(weights, &format!("{prefix}.layer_norm2"), config)?,
            norms: config.norms,
            heads: config.heads(),
            mask,
        })
    }

    fn forward(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        self.attend(sequences, workspace);
        self.add_mlp(workspace);
    }

    /// Leaves in `normed` the input of the next part of the block: `hidden`, normalized where norms come before.
    fn source(&self, norm: &Norm, workspace: &mut Workspace) {
        let w = workspace;
        match self.norms {
            Norms::Before => norm.forward(w.kernel, &w.hidden, &mut w.normed),
            Norms::After => w.normed.copy(&w.hidden),
        }
    }

    /// Normalizes `hidden` in place where norms come after.
    fn finish(&self, norm: &Norm, workspace: &mut Workspace) {
        if self.norms == Norms::After {
            let w = workspace;
            norm.forward(w.kernel, &w.hidden, &mut w.normed);
            std::mem::swap(&mut w.hidden, &mut w.normed);
        }
    }

    /// Adds to `hidden` the attention over the rows of the same sequence.
    fn attend(&self, sequences: &[Sequence], workspace: &mut Workspace) {
        let w = workspace;
        let count = w.hidden.count();
        self.source(&self.first_norm, w);
        let input = self.queries.input(w.kernel, &w.normed, &mut w.products);
        for (linear, out) in [
            (&self.queries, &mut w.queries),
            (&self.keys, &mut w.keys),
            (&self.values, &mut w.values),
        ] {
            linear.forward(w.kernel, input, EpilogueOp::Store, out);
        }
        w.attended.reshape(count, w.hidden.width());
        for sequence in sequences {
            self.attention(sequence, sequence.rows.clone(), w);
        }
        let input = self.output.input(w.kernel, &w.attended, &mut w.products);
        self.output
            .forward(w.kernel, input, EpilogueOp::Accumulate, &mut w.hidden);
        self.finish(&self.first_norm, w);
    }

    /// As [`attend`](Self::attend), for the pooled rows alone, which replace all others.
    fn attend_pooled(&self, sequences: &[Sequence], pooled: &[usize], workspace: &mut Workspace) {
        let w = workspace;
        self.source(&self.first_norm, w);
        let input = self.keys.input(w.kernel, &w.normed, &mut w.products);
        self.keys.forward(w.kernel, input, EpilogueOp::Store, &mut w.keys);
        self.values
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.values);
        w.pooled.gather(&w.normed, pooled);
        let input = self.queries.input(w.kernel, &w.pooled, &mut w.products);
        self.queries
            .forward(w.kernel, input, EpilogueOp::Store, &mut w.queries);
        w.attended.reshape(pooled.len(), w.hidden.width());
        for (row, sequence) in sequences.iter().enumerate() {
            self.attention(sequence, row..row + 1, w);
        }
        w.pooled.gather(&w.hidden, pooled);
        std::mem::swap(&mut w.hidden, &mut w.pooled);
        let input = self.output.input(w.kernel, &w.attended, &mut w.products);
        self.output
            .forward(w.kernel, input, EpilogueOp::Accumulate, &mut w.hidden);
        self.finish(&self.first_norm, w);
    }

    /// Weighted means of one sequence's values, for the queries in these rows.
    fn attention(&self, sequence: &Sequence, queries: Range<usize>, w: &mut Workspace) {
        let (first, length) = (sequence.rows.start, sequence.rows.len());
        let attention = Attention {
            heads: self.heads,
            mask: self.mask,
            bias: None,
            queries: w.queries.rows(queries.start, queries.len()),
            keys: w.keys.rows(first, length),
            values: w.values.rows(first, length),
        };
        let out = w.attended.rows_mut(queries.start, queries.len());
        w.kernel.attention(attention, out, &mut w.attention);
    }

    /// Adds the MLP's output to `hidden`.
    fn add_mlp(&self, workspace: &mut Workspace) {
        self.source(&self.second_norm, workspace);
        self.mlp.add(workspace);
        self.finish(&self.second_norm, workspace);
    }
}

impl Mlp {
    /// Takes `NAME.fc1` and `NAME.fc2`.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        config: &TowerConfig,
    ) -> Result<Self, LoadError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        Ok(Self {
            fc1: Linear::load(weights, &format!("{name}.fc1"), [intermediate, hidden])?,
            fc2: Linear::load(weights, &format!("{name}.fc2"), [hidden, intermediate])?,
            activation: config.activation,
        })
    }

    /// Adds to `hidden` the output for each row of `normed`.
    pub fn add(&self, workspace: &mut Workspace) {
        let w = workspace;
        let input = self.fc1.input(w.kernel, &w.normed, &mut w.products);
        let op = EpilogueOp::Activate(self.activation);
        self.fc1.forward(w.kernel, input, op, &mut w.inner);
        let input = self.fc2.input(w.kernel, &w.inner, &mut w.products);
        self.fc2
            .forward(w.kernel, input, EpilogueOp::Accumulate, &mut w.hidden);
    }
}

impl TowerConfig {
    /// The heads of a row.
    pub const fn heads(&self) -> Heads {
        Heads {
            count: self.heads,
            width: self.hidden / self.heads,
        }
    }
}
