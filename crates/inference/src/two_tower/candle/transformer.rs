//! The transformer that both towers share. Rows are positions: a batch of `b` sequences of `t` is `b · t` rows.

use candle_core::{D, Result as EngineResult, Tensor};
use candle_nn::ops::softmax_last_dim;
use eidetic_kernels::matrix::Activation;

use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{Norms, ProjectionKind, TowerConfig};

/// The layers of one tower.
pub struct Transformer {
    blocks: Vec<Block>,
}

/// How many sequences the rows hold, and of which length.
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
    norms: Norms,
    /// Before attention or after it.
    first_norm: Norm,
    attention: Attention,
    /// Before the dense layers or after them.
    second_norm: Norm,
    mlp: Mlp,
}

/// Two linear layers with an activation between them.
pub struct Mlp {
    fc1: Dense,
    fc2: Dense,
    activation: Activation,
}

/// The product that ends a tower, where it has one: width × dimension, and a bias where there is one.
pub struct Projection(Option<(Tensor, Option<Tensor>)>);

struct Attention {
    /// Queries, keys and values in one product; queries come scaled by 1/√(width of a head).
    inputs: Dense,
    output: Dense,
    heads: usize,
}

/// A product and what is added to it.
pub struct Dense {
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
            hidden = block.forward(&hidden, batch, mask)?;
        }
        hidden = last.attend(&hidden, batch, mask)?;
        last.add_mlp(&hidden.index_select(pooled, 0)?)
    }

    /// Runs all layers on `hidden` and gives all rows.
    pub fn forward_all(&self, hidden: Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
        let mut hidden = hidden;
        for block in &self.blocks {
            hidden = block.forward(&hidden, batch, mask)?;
        }
        Ok(hidden)
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
        Ok(Self {
            norms: config.norms,
            first_norm: Norm::load(weights, &format!("{prefix}.layer_norm1"), config)?,
            attention: Attention::load(weights, &format!("{prefix}.self_attn"), config)?,
            second_norm: Norm::load(weights, &format!("{prefix}.layer_norm2"), config)?,
            mlp: Mlp::load(weights, &format!("{prefix}.mlp"), config)?,
        })
    }

    fn forward(&self, hidden: &Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
        self.add_mlp(&self.attend(hidden, batch, mask)?)
    }

    /// `hidden` plus attention over the rows of the same sequence.
    fn attend(&self, hidden: &Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
        self.added(hidden, &self.first_norm, |rows| {
            self.attention
                .output
                .forward(&self.attention.attention(rows, batch, mask)?)
        })
    }

    /// `hidden` plus what the dense layers make of each row.
    fn add_mlp(&self, hidden: &Tensor) -> EngineResult<Tensor> {
        self.added(hidden, &self.second_norm, |rows| self.mlp.forward(rows))
    }

    /// `hidden` plus what `part` makes of it, with the norm where this block has it.
    fn added(
        &self,
        hidden: &Tensor,
        norm: &Norm,
        part: impl Fn(&Tensor) -> EngineResult<Tensor>,
    ) -> EngineResult<Tensor> {
        match self.norms {
            Norms::Before => part(&norm.forward(hidden)?)? + hidden,
            Norms::After => norm.forward(&(part(hidden)? + hidden)?),
        }
    }
}

impl Mlp {
    /// Takes `NAME.fc1` and `NAME.fc2`.
    pub fn load(weights: &mut Weights<Tensor>, name: &str, config: &TowerConfig) -> Result<Self, LoadError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        Ok(Self {
            fc1: Dense::load(weights, &format!("{name}.fc1"), hidden, intermediate)?,
            fc2: Dense::load(weights, &format!("{name}.fc2"), intermediate, hidden)?,
            activation: config.activation,
        })
    }

    pub fn forward(&self, rows: &Tensor) -> EngineResult<Tensor> {
        self.fc2
            .forward(&activate(&self.fc1.forward(rows)?, self.activation)?)
    }
}

impl Projection {
    /// Takes `NAME.weight`, and `NAME.bias` where there is one.
    pub fn load(
        weights: &mut Weights<Tensor>,
        name: &str,
        kind: ProjectionKind,
        shape: [usize; 2],
    ) -> Result<Self, LoadError> {
        if kind == ProjectionKind::None {
            return Ok(Self(None));
        }
        let weight = weights.take(&format!("{name}.weight"), &shape)?.t()?;
        let bias = (kind == ProjectionKind::Biased)
            .then(|| weights.take(&format!("{name}.bias"), &shape[..1]))
            .transpose()?;
        Ok(Self(Some((weight, bias))))
    }

    pub fn forward(&self, rows: Tensor) -> EngineResult<Tensor> {
        match &self.0 {
            None => Ok(rows),
            Some((weight, None)) => rows.matmul(weight),
            Some((weight, Some(bias))) => rows.matmul(weight)?.broadcast_add(bias),
        }
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
    fn attention(&self, rows: &Tensor, batch: Batch, mask: Option<&Tensor>) -> EngineResult<Tensor> {
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
    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(
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

    pub fn forward(&self, rows: &Tensor) -> EngineResult<Tensor> {
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
