//! The FastViT image tower, convolution by convolution.

use candle_core::{D, Device, Result as EngineResult, Tensor};
use candle_nn::ops::{sigmoid, softmax_last_dim};
use eidetic_encoder::Pixels;

use super::convolutional::planes;
use super::transformer::Projection;
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{FastVitConfig, ProjectionKind};
use crate::two_tower::fastvit_weights::{
    AttentionWeights, BlockWeights, Downsampling, FastVitWeights, IntoValues, MixerWeights,
    SqueezeExciteWeights, StageWeights,
};
use crate::two_tower::fused_conv::{ChannelGroups, FusedConv};

impl IntoValues for Tensor {
    fn into_values(self) -> Result<Vec<f32>, LoadError> {
        Ok(self.flatten_all()?.to_vec1()?)
    }
}

/// The image tower (`visual.trunk.*` of OpenCLIP's layout).
pub struct FastVitTower {
    weights: FastVitWeights,
    projection: Projection,
    device: Device,
}

impl FastVitTower {
    pub fn load(
        weights: &mut Weights<Tensor>,
        config: &FastVitConfig,
        dimension: usize,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let fused = FastVitWeights::load(weights, config)?;
        let shape = [dimension, fused.last.shape.outputs];
        Ok(Self {
            weights: fused,
            projection: Projection::load(weights, "visual_projection", ProjectionKind::Biased, shape)?,
            device: device.clone(),
        })
    }

    /// Rows that an image counts for when batches are cut.
    #[expect(clippy::unused_self, reason = "every tower has it")]
    pub const fn length(&self) -> usize {
        256
    }

    /// Embeddings before scaling to unit length, images × dimension. All images have the model's size.
    pub fn forward(&self, images: &[Pixels]) -> EngineResult<Tensor> {
        let mut map = planes(images, &self.device)?;
        for convolution in &self.weights.stem {
            map = convolve(&map, convolution)?.gelu_erf()?;
        }
        for stage in &self.weights.stages {
            map = forward_stage(&map, stage)?;
        }
        map = excite(&convolve(&map, &self.weights.last)?, &self.weights.last_excite)?;
        self.projection.forward(map.gelu_erf()?.mean((2, 3))?)
    }
}

fn forward_stage(map: &Tensor, stage: &StageWeights) -> EngineResult<Tensor> {
    let mut map = map.clone();
    if let Some(downsampling) = &stage.downsampling {
        map = downsample(&map, downsampling)?;
    }
    if let Some(positions) = &stage.positions {
        map = convolve(&map, positions)?;
    }
    for block in &stage.blocks {
        map = forward_block(&map, block)?;
    }
    Ok(map)
}

fn downsample(map: &Tensor, downsampling: &Downsampling) -> EngineResult<Tensor> {
    let mut map = convolve(map, &downsampling.large)?;
    if let Some(weights) = &downsampling.excite {
        map = excite(&map, weights)?;
    }
    convolve(&map.gelu_erf()?, &downsampling.point)?.gelu_erf()
}

fn forward_block(map: &Tensor, block: &BlockWeights) -> EngineResult<Tensor> {
    let map = match &block.mixer {
        MixerWeights::Convolution(mixer) => convolve(map, mixer)?,
        MixerWeights::Attention(attention) => (attend(map, attention)? + map)?,
    };
    let inner = convolve(&convolve(&map, &block.dw_conv)?, &block.fc1)?.gelu_erf()?;
    convolve(&inner, &block.fc2)? + map
}

/// Attention among all positions of an image.
fn attend(map: &Tensor, attention: &AttentionWeights) -> EngineResult<Tensor> {
    let (images, channels, rows, columns) = map.dims4()?;
    let (head, positions) = (FastVitConfig::HEAD, rows * columns);
    let split = |fused: &FusedConv| {
        convolve(map, fused)?
            .reshape((images, channels / head, head, positions))?
            .transpose(2, 3)?
            .contiguous()
    };
    let (queries, keys) = (split(&attention.queries)?, split(&attention.keys)?);
    let values = split(&attention.values)?;
    let logits = (queries.matmul(&keys.transpose(D::Minus1, D::Minus2)?)? * (head as f64).sqrt().recip())?;
    let mixed = softmax_last_dim(&logits)?
        .matmul(&values)?
        .transpose(2, 3)?
        .reshape((images, channels, rows, columns))?;
    convolve(&mixed, &attention.output)
}

fn excite(map: &Tensor, weights: &SqueezeExciteWeights) -> EngineResult<Tensor> {
    let means = map.mean_keepdim(3)?.mean_keepdim(2)?;
    let inner = convolve(&means, &weights.fc1)?.relu()?;
    map.broadcast_mul(&sigmoid(&convolve(&inner, &weights.fc2)?)?)
}

fn convolve(map: &Tensor, fused: &FusedConv) -> EngineResult<Tensor> {
    let shape = fused.shape;
    let weight = (shape.outputs, shape.inputs_seen(), shape.kernel, shape.kernel);
    let weight = Tensor::from_slice(&fused.weight, weight, map.device())?;
    let bias = Tensor::from_slice(&fused.bias, (1, shape.outputs, 1, 1), map.device())?;
    let groups = match shape.groups {
        ChannelGroups::One => 1,
        ChannelGroups::Each => shape.inputs,
    };
    map.contiguous()?
        .conv2d(&weight, shape.kernel / 2, shape.stride, 1, groups)?
        .broadcast_add(&bias)
}
