//! The FastViT image tower: convolutions of single channels, products between them, attention in the last stage.

use eidetic_encoder::Pixels;
use eidetic_kernels::matrix::{self, Activation, EpilogueOp, Heads, Mask};

use super::convolution::{Convolution, Scratch, Shape};
use super::convolutional::channels_last;
use super::depthwise::{ChannelConvolution, places};
use super::projection::Projection;
use super::squeeze_excite::{SqueezeExcite, activate};
use super::workspace::Workspace;
use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::linear_format::LinearFormat;
use crate::layers::packing::{LinearWeights, PackOptions, PackedTensor};
use crate::layers::tensor_data::{TensorData, TensorValues};
use crate::layers::weights::Weights;
use crate::two_tower::config::{FastVitConfig, ProjectionKind};
use crate::two_tower::fastvit_weights::{self, BlockWeights, FastVitWeights, MixerWeights, StageWeights};
use crate::two_tower::fused_conv::FusedConv;

/// Positions that go through a block's MLP at a time: the rows between its layers stay in a core's own cache.
const POSITIONS: usize = 256;
const GELU: Activation = Activation::Gelu;

/// The image tower (`visual.trunk.*` of OpenCLIP's layout).
pub struct FastVitTower {
    side: usize,
    stem: Convolution,
    stem_channels: ChannelConvolution,
    stem_point: Linear,
    stages: Vec<Stage>,
    last: ChannelConvolution,
    last_excite: SqueezeExcite,
    /// The places of the last map's channels.
    last_places: Vec<usize>,
    projection: Projection,
}

struct Stage {
    downsampling: Option<Downsampling>,
    positions: Option<ChannelConvolution>,
    blocks: Vec<Block>,
}

struct Downsampling {
    large: ChannelConvolution,
    excite: Option<SqueezeExcite>,
    point: Linear,
}

struct Block {
    mixer: Mixer,
    dw_conv: ChannelConvolution,
    fc1: Linear,
    fc2: Linear,
}

enum Mixer {
    Convolution(ChannelConvolution),
    Attention(Box<Attention>),
}

struct Attention {
    queries: Linear,
    keys: Linear,
    values: Linear,
    output: Linear,
    heads: Heads,
}

impl FastVitTower {
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        config: &FastVitConfig,
        dimension: usize,
        options: &PackOptions,
    ) -> Result<Self, LoadError> {
        let fused = FastVitWeights::load(weights, config)?;
        let last_places = places(&fused.last);
        let shape = [dimension, fused.last.shape.outputs];
        let [stem, channels, point] = &fused.stem;
        Ok(Self {
            side: config.side,
            stem: stem_convolution(stem, options)?,
            stem_channels: ChannelConvolution::pack(channels),
            stem_point: linear(point, options)?,
            stages: fused
                .stages
                .iter()
                .map(|stage| Stage::pack(stage, options))
                .collect::<Result<_, LoadError>>()?,
            last: ChannelConvolution::pack(&fused.last),
            last_excite: SqueezeExcite::pack(&fused.last_excite, &last_places),
            last_places,
            projection: Projection::load(weights, "visual_projection", ProjectionKind::Biased, shape)?,
        })
    }

    /// Rows that an image counts for when batches are cut.
    #[expect(clippy::unused_self, reason = "every tower has it")]
    pub const fn length(&self) -> usize {
        256
    }

    /// Embeddings before scaling to unit length. All images have the model's size.
    pub fn forward(&self, images: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        let w = workspace;
        let mut side = self.enter(images, w);
        for stage in &self.stages {
            side = stage.forward(side, w);
        }
        self.last
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        self.last_excite.apply(w.kernel, &mut w.maps.inner, images.len());
        self.pool(images.len(), w);
        self.projection
            .forward(w.kernel, &w.pooled, &mut w.products, &mut w.attended)
    }

    /// The stem: leaves the first maps in `current` and gives their side.
    fn enter(&self, images: &[Pixels], w: &mut Workspace) -> usize {
        let maps = &mut w.maps;
        channels_last(images, &mut maps.inner);
        let mut scratch = Scratch {
            kernel: w.kernel,
            columns: &mut maps.columns,
            products: &mut w.products,
        };
        let activated = EpilogueOp::Activate(GELU);
        self.stem
            .apply(&maps.inner, self.side, &mut scratch, activated, &mut maps.current);
        let side = self
            .stem_channels
            .apply(w.kernel, &maps.current, self.side / 2, &mut maps.inner);
        activate(w.kernel, &mut maps.inner);
        replace_activated(&self.stem_point, w);
        side
    }

    /// The mean of each image's last map, in the order of the file.
    fn pool(&self, images: usize, w: &mut Workspace) {
        let positions = w.maps.inner.count() / images.max(1);
        w.attended.reshape(images, self.last_places.len());
        w.pooled.reshape(images, self.last_places.len());
        for image in 0..images {
            let rows = image * positions..(image + 1) * positions;
            w.attended.set_mean(image, &w.maps.inner, rows);
            let means = w.pooled.row_mut(image).iter_mut().zip(&self.last_places);
            for (mean, &place) in means {
                *mean = w.attended.row(image)[place];
            }
        }
    }
}

impl Stage {
    fn pack(fused: &StageWeights, options: &PackOptions) -> Result<Self, LoadError> {
        let downsampling = fused
            .downsampling
            .as_ref()
            .map(|fused| Downsampling::pack(fused, options));
        let blocks = fused.blocks.iter().map(|block| Block::pack(block, options));
        Ok(Self {
            downsampling: downsampling.transpose()?,
            positions: fused.positions.as_ref().map(ChannelConvolution::pack),
            blocks: blocks.collect::<Result<_, LoadError>>()?,
        })
    }

    /// Replaces the current maps of `side` × `side` positions and gives their new side.
    fn forward(&self, side: usize, w: &mut Workspace) -> usize {
        let mut side = side;
        if let Some(downsampling) = &self.downsampling {
            side = downsampling.forward(side, w);
        }
        if let Some(positions) = &self.positions {
            positions.apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
            std::mem::swap(&mut w.maps.current, &mut w.maps.inner);
        }
        for block in &self.blocks {
            block.forward(side, w);
        }
        side
    }
}

impl Downsampling {
    fn pack(fused: &fastvit_weights::Downsampling, options: &PackOptions) -> Result<Self, LoadError> {
        let places = places(&fused.large);
        let excite = fused.excite.as_ref();
        Ok(Self {
            large: ChannelConvolution::pack(&fused.large),
            excite: excite.map(|excite| SqueezeExcite::pack(excite, &places)),
            point: linear(&fused.point.with_inputs_at(&places), options)?,
        })
    }

    fn forward(&self, side: usize, w: &mut Workspace) -> usize {
        let images = w.maps.current.count() / (side * side);
        let side = self
            .large
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        match &self.excite {
            Some(excite) => excite.apply(w.kernel, &mut w.maps.inner, images),
            None => activate(w.kernel, &mut w.maps.inner),
        }
        replace_activated(&self.point, w);
        side
    }
}

impl Block {
    fn pack(fused: &BlockWeights, options: &PackOptions) -> Result<Self, LoadError> {
        let mixer = match &fused.mixer {
            MixerWeights::Convolution(mixer) => Mixer::Convolution(ChannelConvolution::pack(mixer)),
            MixerWeights::Attention(fused) => Mixer::Attention(Box::new(Attention::pack(fused, options)?)),
        };
        Ok(Self {
            mixer,
            dw_conv: ChannelConvolution::pack(&fused.dw_conv),
            fc1: linear(&fused.fc1, options)?,
            fc2: linear(&fused.fc2, options)?,
        })
    }

    fn forward(&self, side: usize, w: &mut Workspace) {
        match &self.mixer {
            Mixer::Convolution(mixer) => {
                mixer.apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
                std::mem::swap(&mut w.maps.current, &mut w.maps.inner);
            }
            Mixer::Attention(attention) => attention.add(side, w),
        }
        self.dw_conv
            .apply(w.kernel, &w.maps.current, side, &mut w.maps.inner);
        self.add_mlp(w);
    }

    /// Adds to `current` the MLP's output for each position of `inner`.
    fn add_mlp(&self, w: &mut Workspace) {
        let count = w.maps.inner.count();
        for first in (0..count).step_by(POSITIONS) {
            let rows = POSITIONS.min(count - first);
            let range = first..first + rows;
            let input = self
                .fc1
                .input_rows(w.kernel, &w.maps.inner, range, &mut w.products);
            let op = EpilogueOp::Activate(GELU);
            self.fc1.forward(w.kernel, input, op, &mut w.inner);
            let input = self.fc2.input(w.kernel, &w.inner, &mut w.products);
            let out = w.maps.current.span_mut(first, rows);
            self.fc2
                .forward_rows(w.kernel, input, EpilogueOp::Accumulate, out);
        }
    }
}

impl Attention {
    fn pack(fused: &fastvit_weights::AttentionWeights, options: &PackOptions) -> Result<Self, LoadError> {
        Ok(Self {
            queries: linear(&fused.queries, options)?,
            keys: linear(&fused.keys, options)?,
            values: linear(&fused.values, options)?,
            output: linear(&fused.output, options)?,
            heads: Heads {
                count: fused.output.shape.outputs / FastVitConfig::HEAD,
                width: FastVitConfig::HEAD,
            },
        })
    }

    /// Adds to `current` the attention over each image's positions.
    fn add(&self, side: usize, w: &mut Workspace) {
        let (map, length) = (&mut w.maps.current, side * side);
        let count = map.count();
        let input = self.queries.input(w.kernel, map, &mut w.products);
        for (linear, out) in [
            (&self.queries, &mut w.queries),
            (&self.keys, &mut w.keys),
            (&self.values, &mut w.values),
        ] {
            linear.forward(w.kernel, input, EpilogueOp::Store, out);
        }
        w.attended.reshape(count, map.width());
        for first in (0..count).step_by(length) {
            let attention = matrix::Attention {
                heads: self.heads,
                mask: Mask::None,
                bias: None,
                queries: w.queries.rows(first, length),
                keys: w.keys.rows(first, length),
                values: w.values.rows(first, length),
            };
            let out = w.attended.rows_mut(first, length);
            w.kernel.attention(attention, out, &mut w.attention);
        }
        let input = self.output.input(w.kernel, &w.attended, &mut w.products);
        self.output.forward(w.kernel, input, EpilogueOp::Accumulate, map);
    }
}

/// Replaces `current` by what a linear layer makes of each position of `inner`.
fn replace_activated(linear: &Linear, w: &mut Workspace) {
    let input = linear.input(w.kernel, &w.maps.inner, &mut w.products);
    let op = EpilogueOp::Activate(GELU);
    linear.forward(w.kernel, input, op, &mut w.maps.current);
}

/// Packs a fused layer whose kernel is a single position.
fn linear(fused: &FusedConv, options: &PackOptions) -> Result<Linear, LoadError> {
    pack(&fused.weight, &fused.bias, options.linear_format(), options.part)
}

fn pack(weight: &[f32], bias: &[f32], format: LinearFormat, part: usize) -> Result<Linear, LoadError> {
    let data = TensorData {
        shape: vec![bias.len(), weight.len() / bias.len()],
        values: TensorValues::F32(weight.to_vec()),
    };
    let weights = LinearWeights::pack(data, format, part).map_err(|error| error.in_tensor("visual.trunk"))?;
    Ok(Linear::new(weights, Some(bias.to_vec())))
}

/// In f32 whatever the precision of the rest: three channels of pixels cost little, and rounding them would cost most.
fn stem_convolution(fused: &FusedConv, options: &PackOptions) -> Result<Convolution, LoadError> {
    let shape = fused.shape;
    let taps = shape.kernel * shape.kernel;
    // As unfolded: all channels of a position side by side.
    let mut weight = Vec::with_capacity(fused.weight.len());
    for output in fused.weight.chunks_exact(shape.inputs * taps) {
        weight
            .extend((0..taps).flat_map(|tap| (0..shape.inputs).map(move |input| output[input * taps + tap])));
    }
    let shape = Shape {
        inputs: shape.inputs,
        outputs: shape.outputs,
        kernel: shape.kernel,
        stride: shape.stride,
    };
    let linear = pack(&weight, &fused.bias, LinearFormat::F32, options.part)?;
    Ok(Convolution::new(linear, shape))
}
