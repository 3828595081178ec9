//! The convolutional image tower, as tools/golden/convolutional.py has it.

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::Activation;

use super::transformer::{Projection, activate};
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{ConvolutionalConfig, ProjectionKind};

/// The image tower (`vision_model.*` and `visual_projection`).
pub struct ConvolutionalTower {
    stem: Convolution,
    blocks: Vec<Block>,
    head: Convolution,
    projection: Projection,
    activation: Activation,
    device: Device,
}

struct Block {
    first: Convolution,
    second: Convolution,
    shortcut: Option<Convolution>,
}

/// Outputs × inputs × rows × columns, and a bias for each output.
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
}

impl ConvolutionalTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &ConvolutionalConfig,
        dimension: usize,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let mut load = |name: &str, [outputs, inputs, kernel]: [usize; 3], stride| {
            let weight = weights.take(
                &format!("vision_model.{name}.weight"),
                &[outputs, inputs, kernel, kernel],
            )?;
            let bias = weights.take(&format!("vision_model.{name}.bias"), &[outputs])?;
            let bias = bias.reshape((1, outputs, 1, 1))?;
            Ok::<_, LoadError>(Convolution { weight, bias, stride })
        };
        let stem = load("stem", [config.stem, 3, 3], 2)?;
        let mut blocks = Vec::new();
        let mut inputs = config.stem;
        for (stage, &(width, depth)) in config.stages.iter().enumerate() {
            for number in 0..depth {
                let name = format!("stages.{stage}.blocks.{number}");
                let halves = number == 0;
                blocks.push(Block {
                    first: load(
                        &format!("{name}.conv1"),
                        [width, inputs, 3],
                        1 + usize::from(halves),
                    )?,
                    second: load(&format!("{name}.conv2"), [width, width, 3], 1)?,
                    shortcut: halves
                        .then(|| load(&format!("{name}.shortcut"), [width, inputs, 1], 1))
                        .transpose()?,
                });
                inputs = width;
            }
        }
        Ok(Self {
            stem,
            blocks,
            head: load("head", [config.hidden, inputs, 1], 1)?,
            projection: Projection::load(
                weights,
                "visual_projection",
                ProjectionKind::Plain,
                [dimension, config.hidden],
            )?,
            activation: config.activation,
            device: device.clone(),
        })
    }

    /// Rows that an image counts for when batches are cut.
    #[expect(clippy::unused_self, reason = "every tower has it")]
    pub const fn length(&self) -> usize {
        128
    }

    /// Embeddings before scaling to unit length, images × dimension. All images have the model's size.
    pub fn forward(&self, images: &[Pixels]) -> EngineResult<Tensor> {
        let mut values = self.activated(&self.stem.forward(&planes(images, &self.device)?)?)?;
        for block in &self.blocks {
            let inner = self.activated(&block.first.forward(&values)?)?;
            let inner = block.second.forward(&inner)?;
            if let Some(shortcut) = &block.shortcut {
                values = shortcut.forward(&values.avg_pool2d(2)?)?;
            }
            values = self.activated(&(inner + values)?)?;
        }
        let values = self.activated(&self.head.forward(&values)?)?;
        self.projection.forward(values.mean((2, 3))?)
    }

    fn activated(&self, values: &Tensor) -> EngineResult<Tensor> {
        activate(values, self.activation)
    }
}

impl Convolution {
    fn forward(&self, values: &Tensor) -> EngineResult<Tensor> {
        let around = self.weight.dim(2)? / 2;
        let sums = values
            .contiguous()?
            .conv2d(&self.weight, around, self.stride, 1, 1)?;
        sums.broadcast_add(&self.bias)
    }
}

/// Images × 3 × rows × columns. All images have the same size.
pub(super) fn planes(images: &[Pixels], device: &Device) -> EngineResult<Tensor> {
    let (height, width) = images.first().map_or((0, 0), |p| (p.height, p.width));
    let values: Vec<f32> = images.iter().flat_map(|p| p.values.iter().copied()).collect();
    Tensor::from_vec(values, (images.len(), 3, height, width), device)
}
