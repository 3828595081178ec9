//! The decoder of Qwen2, Qwen2.5, Qwen2-VL and Qwen3-VL: transformers' `modeling_qwen2.py`, `modeling_qwen2_vl.py`,
//! `modeling_qwen3_vl.py`.

use std::ops::Range;

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{EpilogueOp, Mask};

use super::family::Details;
use super::rotary::{Angles, frequencies};
use super::shapes::DecoderConfig;
use crate::error::LoadError;
use crate::layers::attention::{Columns, GqaHeads, Scoring, attention};
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::norm::{Norm, each_row};
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// All layers and the norm after them.
pub struct Decoder {
    layers: Vec<Layer>,
    norm: Norm,
    heads: GqaHeads,
    axes: Vec<u8>,
    frequencies: Vec<f32>,
}

/// Sequences on their way in, one after another.
#[derive(Default)]
pub struct Batch {
    /// A row for each token.
    pub hidden: Matrix,
    /// The rows of each sequence.
    pub sequences: Vec<Range<usize>>,
    /// Time, row and column of each token.
    pub positions: Vec<[u32; 3]>,
    /// Deepstack features, added after the first layers.
    pub added: Vec<Added>,
}

/// What is added to some rows: matrix `n` after layer `n`, from its first row on.
pub struct Added {
    pub rows: Range<usize>,
    pub by_layer: Vec<Matrix>,
}

struct Layer {
    input_norm: Norm,
    queries: Linear,
    keys: Linear,
    values: Linear,
    /// Norms of each head of queries and of keys.
    head_norms: Option<(Norm, Norm)>,
    output: Linear,
    mlp_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// What a layer computes between its input and its output, in memory that the next layer uses again.
#[derive(Default)]
struct Activations {
    normed: Matrix,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    attended: Matrix,
    gate: Matrix,
    up: Matrix,
}

impl Decoder {
    /// Takes `layers.*` and `norm`.
    pub fn load(weights: &mut Weights<PackedTensor>, config: &DecoderConfig) -> Result<Self, LoadError> {
        let layers =
            (0..config.layers).map(|number| Layer::load(weights, &format!("layers.{number}"), config));
        Ok(Self {
            layers: layers.collect::<Result<_, LoadError>>()?,
            norm: Norm::rms(weights, "norm", config.hidden, config.epsilon)?,
            heads: GqaHeads {
                heads: config.heads,
                shared: config.shared_heads,
                width: config.head_width,
            },
            axes: config.axes.clone(),
            frequencies: frequencies(config.theta, config.head_width / 2),
        })
    }

    /// The last hidden states, normalized, a row for each token.
    pub fn forward(&self, kernel: Kernel, batch: Batch) -> Matrix {
        let Batch {
            mut hidden,
            sequences,
            positions,
            added,
        } = batch;
        let angles = Angles::new(&positions, &self.axes, &self.frequencies);
        let mut activations = Activations::default();
        for (number, layer) in self.layers.iter().enumerate() {
            layer.attend(
                kernel,
                self.heads,
                &sequences,
                &angles,
                &mut hidden,
                &mut activations,
            );
            layer.mlp(kernel, &mut hidden, &mut activations);
            for added in &added {
                added.to(number, &mut hidden);
            }
        }
        self.norm.apply(kernel, &hidden, &mut activations.normed);
        activations.normed
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum::<usize>() + self.norm.bytes()
    }
}

impl Added {
    fn to(&self, layer: usize, hidden: &mut Matrix) {
        let Some(added) = self.by_layer.get(layer) else {
            return;
        };
        for (number, row) in self.rows.clone().enumerate() {
            let row = hidden.row_mut(row);
            row.iter_mut()
                .zip(added.row(number))
                .for_each(|(x, added)| *x += added);
        }
    }
}

impl Layer {
    fn load(
        weights: &mut Weights<PackedTensor>,
        prefix: &str,
        config: &DecoderConfig,
    ) -> Result<Self, LoadError> {
        let (hidden, inner) = (config.hidden, config.intermediate);
        let (all, shared) = (
            config.heads * config.head_width,
            config.shared_heads * config.head_width,
        );
        let name = |part: &str| format!("{prefix}.{part}");
        let mut into_heads = |part: &str, outputs: usize| match config.details {
            Details::Biases => Linear::load(weights, &name(part), [outputs, hidden]),
            Details::HeadNorms => Linear::load_unbiased(weights, &name(part), [outputs, hidden]),
        };
        let queries = into_heads("self_attn.q_proj", all)?;
        let keys = into_heads("self_attn.k_proj", shared)?;
        let values = into_heads("self_attn.v_proj", shared)?;
        let mut norm = |part: &str, width: usize| Norm::rms(weights, &name(part), width, config.epsilon);
        let head_norms = match config.details {
            Details::Biases => None,
            Details::HeadNorms => Some((
                norm("self_attn.q_norm", config.head_width)?,
                norm("self_attn.k_norm", config.head_width)?,
            )),
        };
        Ok(Self {
            input_norm: norm("input_layernorm", hidden)?,
            mlp_norm: norm("post_attention_layernorm", hidden)?,
            queries,
            keys,
            values,
            head_norms,
            output: Linear::load_unbiased(weights, &name("self_attn.o_proj"), [hidden, all])?,
            gate: Linear::load_unbiased(weights, &name("mlp.gate_proj"), [inner, hidden])?,
            up: Linear::load_unbiased(weights, &name("mlp.up_proj"), [inner, hidden])?,
            down: Linear::load_unbiased(weights, &name("mlp.down_proj"), [hidden, inner])?,
        })
    }

    fn attend(
        &self,
        kernel: Kernel,
        heads: GqaHeads,
        sequences: &[Range<usize>],
        angles: &Angles,
        hidden: &mut Matrix,
        b: &mut Activations,
    ) {
        self.input_norm.apply(kernel, hidden, &mut b.normed);
        self.queries
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.queries);
        self.keys
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.keys);
        self.values
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.values);
        if let Some((queries, keys)) = &self.head_norms {
            queries.apply_to_heads(kernel, &mut b.queries);
            keys.apply_to_heads(kernel, &mut b.keys);
        }
        angles.turn(kernel, &mut b.queries, 0, heads.heads);
        angles.turn(kernel, &mut b.keys, 0, heads.shared);
        let sides = [&b.queries, &b.keys, &b.values].map(|rows| Columns { rows, first: 0 });
        attention(
            kernel,
            heads,
            Scoring::masked(Mask::Causal),
            sequences,
            sides,
            &mut b.attended,
        );
        self.output
            .forward_parallel(kernel, &b.attended, EpilogueOp::Accumulate, hidden);
    }

    fn mlp(&self, kernel: Kernel, hidden: &mut Matrix, b: &mut Activations) {
        self.mlp_norm.apply(kernel, hidden, &mut b.normed);
        self.gate
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.gate);
        self.up
            .forward_parallel(kernel, &b.normed, EpilogueOp::Store, &mut b.up);
        each_row(&mut b.gate, |row, gate| kernel.swiglu(gate, b.up.row(row)));
        self.down
            .forward_parallel(kernel, &b.gate, EpilogueOp::Accumulate, hidden);
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        let into = [&self.queries, &self.keys, &self.values, &self.gate, &self.up];
        let linears = into
            .into_iter()
            .chain([&self.output, &self.down])
            .map(Linear::bytes);
        let heads = self.head_norms.iter().flat_map(|(queries, keys)| [queries, keys]);
        let norms = heads.chain([&self.input_norm, &self.mlp_norm]).map(Norm::bytes);
        linears.chain(norms).sum()
    }
}
