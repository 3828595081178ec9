//! The weights of a FastViT image tower, fused: each block of branches that training needs becomes the one convolution
//! that computes the same, after timm's `fastvit.py` (MobileOne and RepLK re-parameterization).
//!
//! Files hold either form. Fused, a tower is convolutions with a bias, and between them activations,
//! squeeze-and-excitation and attention.

use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{FastVitConfig, Mixer, Stage};
use crate::two_tower::fused_conv::{ChannelGroups, ChannelNorm, ConvolutionShape, FusedConv, dense, shape};

/// How names of a FastViT's tensors begin.
pub const PREFIX: &str = "visual.trunk.";
/// What torch's batch norms add to a variance.
const EPSILON: f32 = 1e-5;
/// Squeeze-and-excitation of a downsampling has a quarter of its channels between its layers, in steps of this many.
const SQUEEZE_STEP: usize = 8;

/// A whole tower up to its head.
pub struct FastVitWeights {
    pub stem: [FusedConv; 3],
    pub stages: Vec<StageWeights>,
    pub last: FusedConv,
    pub last_excite: SqueezeExciteWeights,
}

pub struct StageWeights {
    pub downsampling: Option<Downsampling>,
    /// A convolution that encodes positions.
    pub positions: Option<FusedConv>,
    pub blocks: Vec<BlockWeights>,
}

pub struct Downsampling {
    pub large: FusedConv,
    pub excite: Option<SqueezeExciteWeights>,
    pub point: FusedConv,
}

pub struct BlockWeights {
    pub mixer: MixerWeights,
    pub dw_conv: FusedConv,
    pub fc1: FusedConv,
    pub fc2: FusedConv,
}

pub enum MixerWeights {
    /// Replaces its input.
    Convolution(FusedConv),
    /// Is added to its input.
    Attention(Box<AttentionWeights>),
}

pub struct AttentionWeights {
    pub queries: FusedConv,
    pub keys: FusedConv,
    pub values: FusedConv,
    pub output: FusedConv,
}

/// Two linear layers from the means of all channels to a factor for each.
pub struct SqueezeExciteWeights {
    pub fc1: FusedConv,
    pub fc2: FusedConv,
}

/// A packed tensor that can be read as plain values, in the order of the file.
pub trait IntoValues {
    fn into_values(self) -> Result<Vec<f32>, LoadError>;
}

impl FastVitWeights {
    pub fn load<T: IntoValues>(weights: &mut Weights<T>, config: &FastVitConfig) -> Result<Self, LoadError> {
        let mut reader = Reader(weights);
        let first = config.stages[0].channels;
        let stem = [
            reader.branches("stem.0", shape(3, first, 3, 2, ChannelGroups::One))?,
            reader.branches("stem.1", shape(first, first, 3, 2, ChannelGroups::Each))?,
            reader.branches("stem.2", shape(first, first, 1, 1, ChannelGroups::One))?,
        ];
        let mut stages = Vec::with_capacity(config.stages.len());
        let mut inputs = first;
        for (number, stage) in config.stages.iter().enumerate() {
            stages.push(reader.stage(number, inputs, stage)?);
            inputs = stage.channels;
        }
        let outputs = inputs * FastVitConfig::LAST_WIDENING;
        Ok(Self {
            stem,
            stages,
            last: reader.branches("final_conv", shape(inputs, outputs, 3, 1, ChannelGroups::Each))?,
            last_excite: reader.excite("final_conv.se", outputs, (outputs / 16).max(1))?,
        })
    }
}

struct Reader<'a, T>(&'a mut Weights<T>);

impl<T: IntoValues> Reader<'_, T> {
    fn stage(&mut self, number: usize, inputs: usize, stage: &Stage) -> Result<StageWeights, LoadError> {
        let (name, channels) = (format!("stages.{number}"), stage.channels);
        let downsampling = (number > 0)
            .then(|| self.downsampling(&format!("{name}.downsample.proj"), inputs, stage))
            .transpose()?;
        let positions = (stage.mixer == Mixer::Attention)
            .then(|| self.positions(&format!("{name}.pos_emb"), channels))
            .transpose()?;
        let blocks = (0..stage.blocks)
            .map(|block| self.block(&format!("{name}.blocks.{block}"), stage))
            .collect::<Result<_, LoadError>>()?;
        Ok(StageWeights {
            downsampling,
            positions,
            blocks,
        })
    }

    fn downsampling(&mut self, name: &str, inputs: usize, stage: &Stage) -> Result<Downsampling, LoadError> {
        let channels = stage.channels;
        let shape_of = |kernel| shape(inputs, channels, kernel, 2, ChannelGroups::Each);
        let large = if let Some(whole) = self.whole(&format!("{name}.0.reparam_conv"), shape_of(7))? {
            whole
        } else {
            let mut large = self.normed(&format!("{name}.0.large_conv"), shape_of(7))?;
            large.add(&self.normed(&format!("{name}.0.small_conv"), shape_of(3))?);
            large
        };
        let inner = ((channels / 4 + SQUEEZE_STEP / 2) / SQUEEZE_STEP).max(1) * SQUEEZE_STEP;
        let excite = stage
            .excites
            .then(|| self.excite(&format!("{name}.0.se"), channels, inner))
            .transpose()?;
        Ok(Downsampling {
            large,
            excite,
            point: self.branches(&format!("{name}.1"), dense(channels, channels))?,
        })
    }

    fn positions(&mut self, name: &str, channels: usize) -> Result<FusedConv, LoadError> {
        let shape = shape(channels, channels, 7, 1, ChannelGroups::Each);
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(whole);
        }
        let mut positions = self.plain(&format!("{name}.pos_enc"), shape)?;
        positions.add(&FusedConv::identity(shape));
        Ok(positions)
    }

    fn block(&mut self, name: &str, stage: &Stage) -> Result<BlockWeights, LoadError> {
        let channels = stage.channels;
        let (mixer, scale) = match stage.mixer {
            Mixer::Convolution => (self.convolution(name, channels)?, "layer_scale"),
            Mixer::Attention => (self.attention(name, channels)?, "layer_scale_2"),
        };
        let inner = channels * FastVitConfig::WIDENING;
        let dw_conv = shape(channels, channels, 7, 1, ChannelGroups::Each);
        let mut fc2 = self.plain(&format!("{name}.mlp.fc2"), dense(inner, channels))?;
        fc2.scale(&self.factors(&format!("{name}.{scale}"), channels)?);
        Ok(BlockWeights {
            mixer,
            dw_conv: self.normed(&format!("{name}.mlp.conv"), dw_conv)?,
            fc1: self.plain(&format!("{name}.mlp.fc1"), dense(channels, inner))?,
            fc2,
        })
    }

    /// `x + scale · (mixer(x) − norm(x))` as one convolution.
    fn convolution(&mut self, name: &str, channels: usize) -> Result<MixerWeights, LoadError> {
        let shape = shape(channels, channels, 3, 1, ChannelGroups::Each);
        let name = format!("{name}.token_mixer");
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(MixerWeights::Convolution(whole));
        }
        let mut mixed = self.branches(&format!("{name}.mixer"), shape)?;
        let mut norm = FusedConv::identity(shape);
        norm.normalize(&self.norm(&format!("{name}.norm.identity"), channels)?);
        norm.scale(&vec![-1.0; channels]);
        mixed.add(&norm);
        mixed.scale(&self.factors(&format!("{name}.layer_scale"), channels)?);
        mixed.add(&FusedConv::identity(shape));
        Ok(MixerWeights::Convolution(mixed))
    }

    /// Attention with the norm before and the scale after it in its dense layers.
    fn attention(&mut self, name: &str, channels: usize) -> Result<MixerWeights, LoadError> {
        let norm = self.norm(&format!("{name}.norm"), channels)?;
        let weight = format!("{PREFIX}{name}.token_mixer.qkv.weight");
        let all = self.0.take(&weight, &[3 * channels, channels])?.into_values()?;
        let mut parts = all
            .chunks_exact(channels * channels)
            .map(|weight| norm.before(weight, channels));
        let mut next = || {
            parts
                .next()
                .ok_or_else(|| LoadError::Weights(format!("{weight} is empty")))
        };
        let (queries, keys, values) = (next()?, next()?, next()?);
        let projection = format!("{name}.token_mixer.proj");
        let mut output = self.linear(&projection, channels, channels)?;
        output.scale(&self.factors(&format!("{name}.layer_scale_1"), channels)?);
        Ok(MixerWeights::Attention(Box::new(AttentionWeights {
            queries,
            keys,
            values,
            output,
        })))
    }

    fn excite(
        &mut self,
        name: &str,
        channels: usize,
        inner: usize,
    ) -> Result<SqueezeExciteWeights, LoadError> {
        Ok(SqueezeExciteWeights {
            fc1: self.plain(&format!("{name}.fc1"), dense(channels, inner))?,
            fc2: self.plain(&format!("{name}.fc2"), dense(inner, channels))?,
        })
    }

    /// A block of MobileOne: the sum of a convolution, one of a single pixel where the kernel is larger, and the image
    /// itself where its shape allows, each normed.
    fn branches(&mut self, name: &str, shape: ConvolutionShape) -> Result<FusedConv, LoadError> {
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(whole);
        }
        let mut sum = self.normed(&format!("{name}.conv_kxk.0"), shape)?;
        if shape.kernel > 1 {
            let point = ConvolutionShape { kernel: 1, ..shape };
            sum.add(&self.normed(&format!("{name}.conv_scale"), point)?);
        }
        if shape.inputs == shape.outputs && shape.stride == 1 {
            let mut identity = FusedConv::identity(shape);
            identity.normalize(&self.norm(&format!("{name}.identity"), shape.outputs)?);
            sum.add(&identity);
        }
        Ok(sum)
    }

    /// A convolution that was fused before the file was written, where the file has it.
    fn whole(&mut self, name: &str, shape: ConvolutionShape) -> Result<Option<FusedConv>, LoadError> {
        let there = self.0.has(&format!("{PREFIX}{name}.weight"));
        there.then(|| self.plain(name, shape)).transpose()
    }

    /// A convolution and the norm after it.
    fn normed(&mut self, name: &str, shape: ConvolutionShape) -> Result<FusedConv, LoadError> {
        let weight = self.values(&format!("{name}.conv.weight"), &shape.weight())?;
        let mut fused = FusedConv {
            weight,
            bias: vec![0.0; shape.outputs],
            shape,
        };
        fused.normalize(&self.norm(&format!("{name}.bn"), shape.outputs)?);
        Ok(fused)
    }

    fn plain(&mut self, name: &str, shape: ConvolutionShape) -> Result<FusedConv, LoadError> {
        Ok(FusedConv {
            weight: self.values(&format!("{name}.weight"), &shape.weight())?,
            bias: self.values(&format!("{name}.bias"), &[shape.outputs])?,
            shape,
        })
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<FusedConv, LoadError> {
        Ok(FusedConv {
            weight: self.values(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.values(&format!("{name}.bias"), &[outputs])?,
            shape: dense(inputs, outputs),
        })
    }

    fn norm(&mut self, name: &str, channels: usize) -> Result<ChannelNorm, LoadError> {
        let mut values = |part: &str| self.values(&format!("{name}.{part}"), &[channels]);
        let (weight, bias) = (values("weight")?, values("bias")?);
        let (mean, variance) = (values("running_mean")?, values("running_var")?);
        let factor: Vec<f32> = weight
            .iter()
            .zip(&variance)
            .map(|(weight, variance)| weight / (variance + EPSILON).sqrt())
            .collect();
        let shift = bias.iter().zip(&mean).zip(&factor);
        Ok(ChannelNorm {
            shift: shift.map(|((bias, mean), factor)| bias - mean * factor).collect(),
            factor,
        })
    }

    fn factors(&mut self, name: &str, channels: usize) -> Result<Vec<f32>, LoadError> {
        self.values(&format!("{name}.gamma"), &[channels, 1, 1])
    }

    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        self.0.take(&format!("{PREFIX}{name}"), shape)?.into_values()
    }
}
