//! The encoder: transformers' `modeling_bert.py`, `modeling_xlm_roberta.py` and `modeling_mpnet.py`.

use std::ops::Range;

use eidetic_encoder::EncodeError;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, EpilogueOp};

use super::config::{EncoderConfig, Numbering};
use super::relative::bucket;
use crate::error::LoadError;
use crate::layers::attention::{Columns, GqaHeads, RelativeBias, Scoring, attention};
use crate::layers::embedding_table::EmbeddingTable;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::norm::Norm;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// Embeddings of tokens and positions, and the layers.
pub struct Encoder {
    /// Vocabulary × width.
    tokens: EmbeddingTable,
    /// Positions × width; the first segment is added already.
    positions: Vec<f32>,
    numbering: Numbering,
    norm: Norm,
    layers: Vec<Layer>,
    heads: GqaHeads,
    bias: Option<RelativeBias>,
    hidden: usize,
}

/// The last hidden states of some texts, without padding.
pub struct States {
    /// A row for each token.
    pub rows: Matrix,
    /// The rows of each text.
    pub texts: Vec<Range<usize>>,
}

struct Layer {
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    attention_norm: Norm,
    inner: Linear,
    outer: Linear,
    norm: Norm,
    activation: Activation,
}

/// What a layer computes between its input and its output, in memory that the next layer uses again.
#[derive(Default)]
struct Activations {
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    attended: Matrix,
    inner: Matrix,
    normed: Matrix,
}

impl Encoder {
    /// Takes `embeddings.*` and `encoder.*`.
    pub fn load(weights: &mut Weights<PackedTensor>, config: &EncoderConfig) -> Result<Self, LoadError> {
        let width = config.hidden;
        let layers =
            (0..config.layers).map(|number| Layer::load(weights, &format!("encoder.layer.{number}"), config));
        Ok(Self {
            layers: layers.collect::<Result<_, LoadError>>()?,
            tokens: weights.table("embeddings.word_embeddings.weight", [config.vocabulary, width])?,
            positions: positions(weights, config)?,
            numbering: config.numbering,
            norm: Norm::layer(weights, "embeddings.LayerNorm", width, config.epsilon)?,
            heads: GqaHeads {
                heads: config.heads,
                shared: config.heads,
                width: width / config.heads,
            },
            bias: relative_bias(weights, config)?,
            hidden: width,
        })
    }

    /// The last hidden states of texts with at most as many tokens as there are positions for.
    pub fn forward(&self, kernel: Kernel, texts: &[&[u32]]) -> Result<States, EncodeError> {
        let (mut hidden, texts) = self.embed(kernel, texts)?;
        let mut activations = Activations::default();
        for layer in &self.layers {
            layer.attend(
                kernel,
                self.heads,
                Scoring::biased(self.bias.as_ref()),
                &texts,
                &mut hidden,
                &mut activations,
            );
            layer.mlp(kernel, &mut hidden, &mut activations);
        }
        Ok(States { rows: hidden, texts })
    }

    fn embed(&self, kernel: Kernel, texts: &[&[u32]]) -> Result<(Matrix, Vec<Range<usize>>), EncodeError> {
        let mut rows = Matrix::default();
        rows.reshape(texts.iter().map(|ids| ids.len()).sum(), self.hidden);
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        for ids in texts {
            let first = ranges.last().map_or(0, |range| range.end);
            ranges.push(first..first + ids.len());
            let positions = self.numbering.positions(ids);
            for (number, (id, position)) in ids.iter().zip(positions).enumerate() {
                let row = rows.row_mut(first + number);
                self.tokens.read(kernel, *id as usize, row)?;
                let position = &self.positions[position * self.hidden..][..self.hidden];
                row.iter_mut()
                    .zip(position)
                    .for_each(|(x, position)| *x += position);
            }
        }
        let mut normed = Matrix::default();
        self.norm.apply(kernel, &rows, &mut normed);
        Ok((normed, ranges))
    }
}

impl Layer {
    fn load(
        weights: &mut Weights<PackedTensor>,
        prefix: &str,
        config: &EncoderConfig,
    ) -> Result<Self, LoadError> {
        let (hidden, inner, names) = (config.hidden, config.intermediate, config.names);
        let name = |part: &str| format!("{prefix}.{part}");
        let mut linear = |part: &str, shape| Linear::load(weights, &name(part), shape);
        let square = [hidden, hidden];
        let [queries, keys, values, output] = [
            linear(names.queries, square)?,
            linear(names.keys, square)?,
            linear(names.values, square)?,
            linear(names.attention_output, square)?,
        ];
        let inner = linear("intermediate.dense", [inner, hidden])?;
        let outer = linear("output.dense", [hidden, config.intermediate])?;
        let mut norm = |part: &str| Norm::layer(weights, &name(part), hidden, config.epsilon);
        Ok(Self {
            attention_norm: norm(names.attention_norm)?,
            norm: norm("output.LayerNorm")?,
            queries,
            keys,
            values,
            output,
            inner,
            outer,
            activation: config.activation,
        })
    }

    fn attend(
        &self,
        kernel: Kernel,
        heads: GqaHeads,
        scoring: Scoring<'_>,
        texts: &[Range<usize>],
        hidden: &mut Matrix,
        a: &mut Activations,
    ) {
        for (linear, out) in [
            (&self.queries, &mut a.queries),
            (&self.keys, &mut a.keys),
            (&self.values, &mut a.values),
        ] {
            linear.forward_parallel(kernel, hidden, EpilogueOp::Store, out);
        }
        let sides = [&a.queries, &a.keys, &a.values].map(|rows| Columns { rows, first: 0 });
        attention(kernel, heads, scoring, texts, sides, &mut a.attended);
        self.output
            .forward_parallel(kernel, &a.attended, EpilogueOp::Accumulate, hidden);
        self.attention_norm.apply(kernel, hidden, &mut a.normed);
        std::mem::swap(hidden, &mut a.normed);
    }

    fn mlp(&self, kernel: Kernel, hidden: &mut Matrix, a: &mut Activations) {
        let op = EpilogueOp::Activate(self.activation);
        self.inner.forward_parallel(kernel, hidden, op, &mut a.inner);
        self.outer
            .forward_parallel(kernel, &a.inner, EpilogueOp::Accumulate, hidden);
        self.norm.apply(kernel, hidden, &mut a.normed);
        std::mem::swap(hidden, &mut a.normed);
    }
}

/// Positions, to each of which the first segment is added where there are segments.
fn positions(weights: &mut Weights<PackedTensor>, config: &EncoderConfig) -> Result<Vec<f32>, LoadError> {
    let width = config.hidden;
    let name = "embeddings.position_embeddings.weight";
    let mut positions = weights.values(name, &[config.positions, width])?;
    if config.segments > 0 {
        let name = "embeddings.token_type_embeddings.weight";
        let segments = weights.values(name, &[config.segments, width])?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut()
                .zip(&segments)
                .for_each(|(x, segment)| *x += segment);
        }
    }
    Ok(positions)
}

/// The table of buckets × heads, as one number for each head and distance.
fn relative_bias(
    weights: &mut Weights<PackedTensor>,
    config: &EncoderConfig,
) -> Result<Option<RelativeBias>, LoadError> {
    let Some(buckets) = config.distances else {
        return Ok(None);
    };
    let heads = config.heads;
    let table = weights.values("encoder.relative_attention_bias.weight", &[buckets, heads])?;
    let value = |head, distance| table[bucket(distance) * heads + head];
    Ok(Some(RelativeBias::new(heads, config.longest(), value)))
}
