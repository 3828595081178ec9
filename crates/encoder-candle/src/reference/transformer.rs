//! The transformer that both towers share. Rows are positions: a batch of `b` sequences of `t` is `b · t` rows.

use candle_core::{D, Result as EngineResult, Tensor};
use candle_nn::ops::softmax_last_dim;
use eidetic_kernels::matrix::Activation;

use crate::config::TowerConfig;
use crate::error::LoadError;
use crate::weights::Weights;

/// The layers of one tower.
pub struct Transformer {
    blocks: Vec<Block>,
}

/// How many sequences of which length stand in the rows.
#[derive(Clone, Copy)]
pub struct Batch {
    pub sequences: usize,
    pub length: usize,
}

/// Scale and shift after bringing rows to mean 0 and variance 1.
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

struct Block {
    before_attention: Norm,
    attention: Attention,
    before_layers: Norm,
    wide: Dense,
    narrow: Dense,
    activation: Activation,
}

struct Attention {
    /// Queries, keys and values in one product; queries come scaled by 1/√(width of a head).
    inputs: Dense,
    output: Dense,
    heads: usize,
}

struct Dense {
    /// Inputs × outputs, a view of what the file holds the other way round.
    weight: Tensor,
    bias: Tensor,
}

impl Transformer {
    /// Takes the layers under `prefix`, such as `vision_model.encoder.layers`.
    pub fn load(
        weights: &mut Weights<Tensor>,
        prefix: &str,
        config: &TowerConfig,
    ) -> Result<Self, LoadError> {
        let blocks = (0..config.layers)
            .map(|layer| Block::load(weights, &format!("{prefix}.{layer}"), config))
            .collect::<Result<_, LoadError>>()?;
        Ok(Self { blocks })
    }

    /// Runs all layers on `hidden` (sequences · length × width) and gives the rows numbered `pooled` alone, which
    /// spares the last layer most of its work. `mask` (length × length) is added to attention's logits.
    pub fn forward(
        &self,
        hidden: Tensor,
        batch: Batch,
        mask: Option<&Tensor>,
        pooled: &Tensor,
    ) -> EngineResult<Tensor> {
        let Some((last, others)) = self.blocks.split_last() else {
            return hidden.index_select(pooled, 0);
        };
        let mut hidden = hidden;
        for block in others {
            hidden = block.attend(&hidden, batch, mask)?;
            hidden = block.transform(&hidden)?;
        }
        hidden = last.attend(&hidden, batch, mask)?;
        last.transform(&hidden.index_select(pooled, 0)?)
    }
}

impl Norm {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(weights: &mut Weights<Tensor>, name: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[config.hidden])?,
            bias: weights.take(&format!("{name}.bias"), &[config.hidden])?,
            epsilon: config.epsilon,
        })
    }

    /// Normalises each row of `rows` (n × width). Mean and variance take two passes, so that rows far from zero lose no
    /// digits.
    pub fn forward(&self, rows: &Tensor) -> EngineResult<Tensor> {
        let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        centred
            .broadcast_div(&(variance + f64::from(self.epsilon))?.sqrt()?)?
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }
}

impl Block {
    fn load(weights: &mut Weights<Tensor>, prefix: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        Ok(Self {
            before_attention: Norm::load(weights, &format!("{prefix}.layer_norm1"), config)?,
            attention: Attention::load(weights, &format!("{prefix}.self_attn"), config)?,
            before_layers: Norm::load(weights, &format!("{prefix}.layer_norm2"), config)?,
            wide: Dense::load(weights, &format!("{prefix}.mlp.fc1"), hidden, intermediate)?,
            narrow: Dense::load(weights, &format!("{prefix}.mlp.fc2"), intermediate, hidden)?,
            activation: config.activation,
        })
    }

    /// `hidden` plus attention over the normalised rows of the same sequence.
    fn attend(&self, hidden: &Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
        let mixed = self
            .attention
            .mix(&self.before_attention.forward(hidden)?, batch, mask)?;
        self.attention.output.forward(&mixed)? + hidden
    }

    /// `hidden` plus what the two dense layers make of each normalised row.
    fn transform(&self, hidden: &Tensor) -> EngineResult<Tensor> {
        let wide = self.wide.forward(&self.before_layers.forward(hidden)?)?;
        self.narrow.forward(&activate(&wide, self.activation)?)? + hidden
    }
}

impl Attention {
    fn load(weights: &mut Weights<Tensor>, prefix: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        let hidden = config.hidden;
        let scale = ((hidden / config.heads) as f64).sqrt().recip();
        let mut matrices = Vec::with_capacity(3);
        let mut biases = Vec::with_capacity(3);
        for (name, factor) in [("q_proj", scale), ("k_proj", 1.0), ("v_proj", 1.0)] {
            let weight = weights.take(&format!("{prefix}.{name}.weight"), &[hidden, hidden])?;
            let bias = weights.take(&format!("{prefix}.{name}.bias"), &[hidden])?;
            matrices.push((weight * factor)?);
            biases.push((bias * factor)?);
        }
        Ok(Self {
            inputs: Dense {
                weight: Tensor::cat(&matrices, 0)?.t()?,
                bias: Tensor::cat(&biases, 0)?,
            },
            output: Dense::load(weights, &format!("{prefix}.out_proj"), hidden, hidden)?,
            heads: config.heads,
        })
    }

    /// Weighted means of values, before the output's product: n × width from n × width.
    fn mix(&self, rows: &Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
        let (count, width) = rows.dims2()?;
        let Batch { sequences, length } = batch;
        let inputs = self.inputs.forward(rows)?;
        let split = inputs
            .reshape((sequences, length, 3, self.heads, width / self.heads))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?;
        let (queries, keys, values) = (split.get(0)?, split.get(1)?, split.get(2)?);
        let mut logits = queries.matmul(&keys.transpose(D::Minus1, D::Minus2)?)?;
        if let Some(mask) = mask {
            logits = logits.broadcast_add(mask)?;
        }
        softmax_last_dim(&logits)?
            .matmul(&values)?
            .transpose(1, 2)?
            .reshape((count, width))
    }
}

impl Dense {
    fn load(
        weights: &mut Weights<Tensor>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[outputs, inputs])?.t()?,
            bias: weights.take(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn forward(&self, rows: &Tensor) -> EngineResult<Tensor> {
        rows.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

pub(super) fn activate(rows: &Tensor, activation: Activation) -> EngineResult<Tensor> {
    match activation {
        Activation::QuickGelu => rows * candle_nn::ops::sigmoid(&(rows * 1.702)?)?,
        Activation::Gelu => rows.gelu_erf(),
        Activation::GeluTanh => rows.gelu(),
        Activation::Relu => rows.relu(),
    }
}
