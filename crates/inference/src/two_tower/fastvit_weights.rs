//! The weights of a FastViT picture tower, folded: each block of branches that training needs becomes the one convolution
//! that computes the same, after timm's `fastvit.py` (MobileOne and RepLK re-parameterisation).
//!
//! Files hold either form. What is left after folding is convolutions with a bias, and nothing between them but
//! activations, excitation and attention.

use candle_core::Tensor;

use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{FastVitConfig, Mixer, Stage};

/// How names of a FastViT's tensors begin.
pub const PREFIX: &str = "visual.trunk.";
/// What torch's batch norms add to a variance.
const EPSILON: f32 = 1e-5;
/// A downsampling's excitation has a quarter of its channels between its layers, in steps of so many.
const EXCITATION_STEP: usize = 8;

/// A whole tower up to its head.
pub struct FastVitWeights {
    pub stem: [Folded; 3],
    pub stages: Vec<StageWeights>,
    pub last: Folded,
    pub last_excitation: Excitation,
}

pub struct StageWeights {
    pub downsampling: Option<Downsampling>,
    /// A convolution that stands for positions.
    pub positions: Option<Folded>,
    pub blocks: Vec<BlockWeights>,
}

pub struct Downsampling {
    pub large: Folded,
    pub excitation: Option<Excitation>,
    pub point: Folded,
}

pub struct BlockWeights {
    pub mixer: MixerWeights,
    pub spread: Folded,
    pub wide: Folded,
    pub narrow: Folded,
}

pub enum MixerWeights {
    /// In place of what it sees.
    Convolution(Folded),
    /// Added to what it sees.
    Attention(Box<AttentionWeights>),
}

pub struct AttentionWeights {
    pub queries: Folded,
    pub keys: Folded,
    pub values: Folded,
    pub output: Folded,
}

/// Two dense layers from the means of all channels to a factor for each.
pub struct Excitation {
    pub narrow: Folded,
    pub wide: Folded,
}

/// A convolution with a bias, zeros around.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// Outputs × inputs of a group × rows × columns.
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub shape: ConvolutionShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionShape {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub groups: Groups,
}

/// What each output sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Every input.
    One,
    /// One input.
    Each,
}

/// A tensor that can be read as plain numbers, in the order of the file.
pub trait Numbers {
    fn numbers(self) -> Result<Vec<f32>, LoadError>;
}

impl Numbers for Tensor {
    fn numbers(self) -> Result<Vec<f32>, LoadError> {
        Ok(self.flatten_all()?.to_vec1()?)
    }
}

impl FastVitWeights {
    pub fn load<T: Numbers>(weights: &mut Weights<T>, config: &FastVitConfig) -> Result<Self, LoadError> {
        let mut reader = Reader(weights);
        let first = config.stages[0].channels;
        let stem = [
            reader.branches("stem.0", shape(3, first, 3, 2, Groups::One))?,
            reader.branches("stem.1", shape(first, first, 3, 2, Groups::Each))?,
            reader.branches("stem.2", shape(first, first, 1, 1, Groups::One))?,
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
            last: reader.branches("final_conv", shape(inputs, outputs, 3, 1, Groups::Each))?,
            last_excitation: reader.excitation("final_conv.se", outputs, (outputs / 16).max(1))?,
        })
    }
}

struct Reader<'a, T>(&'a mut Weights<T>);

impl<T: Numbers> Reader<'_, T> {
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
        let shape_of = |kernel| shape(inputs, channels, kernel, 2, Groups::Each);
        let large = if let Some(whole) = self.whole(&format!("{name}.0.reparam_conv"), shape_of(7))? {
            whole
        } else {
            let mut large = self.normed(&format!("{name}.0.large_conv"), shape_of(7))?;
            large.add(&self.normed(&format!("{name}.0.small_conv"), shape_of(3))?);
            large
        };
        let narrow = ((channels / 4 + EXCITATION_STEP / 2) / EXCITATION_STEP).max(1) * EXCITATION_STEP;
        let excitation = stage
            .excites
            .then(|| self.excitation(&format!("{name}.0.se"), channels, narrow))
            .transpose()?;
        Ok(Downsampling {
            large,
            excitation,
            point: self.branches(&format!("{name}.1"), dense(channels, channels))?,
        })
    }

    fn positions(&mut self, name: &str, channels: usize) -> Result<Folded, LoadError> {
        let shape = shape(channels, channels, 7, 1, Groups::Each);
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(whole);
        }
        let mut positions = self.plain(&format!("{name}.pos_enc"), shape)?;
        positions.add(&Folded::identity(shape));
        Ok(positions)
    }

    fn block(&mut self, name: &str, stage: &Stage) -> Result<BlockWeights, LoadError> {
        let channels = stage.channels;
        let (mixer, scale) = match stage.mixer {
            Mixer::Convolution => (self.convolution(name, channels)?, "layer_scale"),
            Mixer::Attention => (self.attention(name, channels)?, "layer_scale_2"),
        };
        let wide = channels * FastVitConfig::WIDENING;
        let spread = shape(channels, channels, 7, 1, Groups::Each);
        let mut narrow = self.plain(&format!("{name}.mlp.fc2"), dense(wide, channels))?;
        narrow.scale(&self.factors(&format!("{name}.{scale}"), channels)?);
        Ok(BlockWeights {
            mixer,
            spread: self.normed(&format!("{name}.mlp.conv"), spread)?,
            wide: self.plain(&format!("{name}.mlp.fc1"), dense(channels, wide))?,
            narrow,
        })
    }

    /// `x + scale · (mixer(x) − norm(x))` as one convolution.
    fn convolution(&mut self, name: &str, channels: usize) -> Result<MixerWeights, LoadError> {
        let shape = shape(channels, channels, 3, 1, Groups::Each);
        let name = format!("{name}.token_mixer");
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(MixerWeights::Convolution(whole));
        }
        let mut mixed = self.branches(&format!("{name}.mixer"), shape)?;
        let mut norm = Folded::identity(shape);
        norm.normalise(&self.norm(&format!("{name}.norm.identity"), channels)?);
        norm.scale(&vec![-1.0; channels]);
        mixed.add(&norm);
        mixed.scale(&self.factors(&format!("{name}.layer_scale"), channels)?);
        mixed.add(&Folded::identity(shape));
        Ok(MixerWeights::Convolution(mixed))
    }

    /// Attention with the norm before and the scale after it in its dense layers.
    fn attention(&mut self, name: &str, channels: usize) -> Result<MixerWeights, LoadError> {
        let norm = self.norm(&format!("{name}.norm"), channels)?;
        let weight = format!("{PREFIX}{name}.token_mixer.qkv.weight");
        let all = self.0.take(&weight, &[3 * channels, channels])?.numbers()?;
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

    fn excitation(&mut self, name: &str, channels: usize, narrow: usize) -> Result<Excitation, LoadError> {
        Ok(Excitation {
            narrow: self.plain(&format!("{name}.fc1"), dense(channels, narrow))?,
            wide: self.plain(&format!("{name}.fc2"), dense(narrow, channels))?,
        })
    }

    /// A block of MobileOne: the sum of a convolution, one of a single pixel where the kernel is larger, and the picture
    /// itself where its shape allows, each normed.
    fn branches(&mut self, name: &str, shape: ConvolutionShape) -> Result<Folded, LoadError> {
        if let Some(whole) = self.whole(&format!("{name}.reparam_conv"), shape)? {
            return Ok(whole);
        }
        let mut sum = self.normed(&format!("{name}.conv_kxk.0"), shape)?;
        if shape.kernel > 1 {
            let point = ConvolutionShape { kernel: 1, ..shape };
            sum.add(&self.normed(&format!("{name}.conv_scale"), point)?);
        }
        if shape.inputs == shape.outputs && shape.stride == 1 {
            let mut identity = Folded::identity(shape);
            identity.normalise(&self.norm(&format!("{name}.identity"), shape.outputs)?);
            sum.add(&identity);
        }
        Ok(sum)
    }

    /// A convolution that was folded before the file was written, where the file has it.
    fn whole(&mut self, name: &str, shape: ConvolutionShape) -> Result<Option<Folded>, LoadError> {
        let there = self.0.has(&format!("{PREFIX}{name}.weight"));
        there.then(|| self.plain(name, shape)).transpose()
    }

    /// A convolution and the norm behind it.
    fn normed(&mut self, name: &str, shape: ConvolutionShape) -> Result<Folded, LoadError> {
        let weight = self.values(&format!("{name}.conv.weight"), &shape.weight())?;
        let mut folded = Folded {
            weight,
            bias: vec![0.0; shape.outputs],
            shape,
        };
        folded.normalise(&self.norm(&format!("{name}.bn"), shape.outputs)?);
        Ok(folded)
    }

    fn plain(&mut self, name: &str, shape: ConvolutionShape) -> Result<Folded, LoadError> {
        Ok(Folded {
            weight: self.values(&format!("{name}.weight"), &shape.weight())?,
            bias: self.values(&format!("{name}.bias"), &[shape.outputs])?,
            shape,
        })
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Folded, LoadError> {
        Ok(Folded {
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
        self.0.take(&format!("{PREFIX}{name}"), shape)?.numbers()
    }
}

/// What a batch norm does to each channel after training.
struct ChannelNorm {
    factor: Vec<f32>,
    shift: Vec<f32>,
}

impl ChannelNorm {
    /// A dense layer without a bias (outputs × inputs) behind this norm.
    fn before(&self, weight: &[f32], inputs: usize) -> Folded {
        let shift = |row: &[f32]| row.iter().zip(&self.shift).map(|(w, shift)| w * shift).sum();
        let scaled = weight.iter().zip(self.factor.iter().cycle());
        Folded {
            bias: weight.chunks_exact(inputs).map(shift).collect(),
            weight: scaled.map(|(w, factor)| w * factor).collect(),
            shape: dense(inputs, weight.len() / inputs),
        }
    }
}

impl Folded {
    /// What changes nothing.
    fn identity(shape: ConvolutionShape) -> Self {
        let (inputs, taps) = (shape.inputs_seen(), shape.kernel * shape.kernel);
        let mut weight = vec![0.0; shape.outputs * inputs * taps];
        for output in 0..shape.outputs {
            weight[(output * inputs + output % inputs) * taps + taps / 2] = 1.0;
        }
        Self {
            weight,
            bias: vec![0.0; shape.outputs],
            shape,
        }
    }

    /// The same dense layer of inputs of which number `i` now stands at `places[i]`.
    pub fn with_inputs_at(&self, places: &[usize]) -> Self {
        let mut moved = self.clone();
        let rows = self.weight.chunks_exact(places.len());
        for (row, source) in moved.weight.chunks_exact_mut(places.len()).zip(rows) {
            for (value, &place) in source.iter().zip(places) {
                row[place] = *value;
            }
        }
        moved
    }

    /// The same dense layer with its output number `i` at `places[i]`.
    pub fn with_outputs_at(&self, places: &[usize]) -> Self {
        let mut moved = self.clone();
        let inputs = self.weight.len() / places.len().max(1);
        for (output, &place) in places.iter().enumerate() {
            let row = &self.weight[output * inputs..][..inputs];
            moved.weight[place * inputs..][..inputs].copy_from_slice(row);
            moved.bias[place] = self.bias[output];
        }
        moved
    }

    /// Adds a convolution of the same or a smaller kernel, whose middle is the same.
    fn add(&mut self, other: &Self) {
        let (wide, small) = (self.shape.kernel, other.shape.kernel);
        let margin = (wide - small) / 2;
        let kernels = self.weight.chunks_exact_mut(wide * wide);
        for (sum, kernel) in kernels.zip(other.weight.chunks_exact(small * small)) {
            for (tap, value) in kernel.iter().enumerate() {
                sum[(tap / small + margin) * wide + tap % small + margin] += value;
            }
        }
        for (sum, bias) in self.bias.iter_mut().zip(&other.bias) {
            *sum += bias;
        }
    }

    /// Multiplies each output.
    fn scale(&mut self, factors: &[f32]) {
        let size = self.weight.len() / self.bias.len().max(1);
        for ((weights, bias), factor) in self
            .weight
            .chunks_exact_mut(size.max(1))
            .zip(&mut self.bias)
            .zip(factors)
        {
            for weight in weights {
                *weight *= factor;
            }
            *bias *= factor;
        }
    }

    /// Takes in the norm behind it.
    fn normalise(&mut self, norm: &ChannelNorm) {
        self.scale(&norm.factor);
        for (bias, shift) in self.bias.iter_mut().zip(&norm.shift) {
            *bias += shift;
        }
    }
}

impl ConvolutionShape {
    /// Inputs that one output sees.
    pub const fn inputs_seen(self) -> usize {
        match self.groups {
            Groups::One => self.inputs,
            Groups::Each => 1,
        }
    }

    fn weight(self) -> [usize; 4] {
        [self.outputs, self.inputs_seen(), self.kernel, self.kernel]
    }
}

const fn shape(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: Groups,
) -> ConvolutionShape {
    ConvolutionShape {
        inputs,
        outputs,
        kernel,
        stride,
        groups,
    }
}

const fn dense(inputs: usize, outputs: usize) -> ConvolutionShape {
    shape(inputs, outputs, 1, 1, Groups::One)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_kernel_is_added_in_the_middle() {
        let each = |kernel| shape(2, 2, kernel, 1, Groups::Each);
        let mut sum = Folded::identity(each(3));
        sum.add(&Folded {
            weight: vec![5.0, 7.0],
            bias: vec![1.0, 2.0],
            shape: each(1),
        });
        let mut wanted = [0.0; 18];
        (wanted[4], wanted[13]) = (6.0, 8.0);
        assert_eq!(sum.weight, wanted);
        assert_eq!(sum.bias, [1.0, 2.0]);
    }

    #[test]
    fn a_norm_before_a_dense_layer_is_taken_in() {
        let norm = ChannelNorm {
            factor: vec![2.0, 3.0],
            shift: vec![10.0, 100.0],
        };
        let folded = norm.before(&[1.0, 1.0, 0.5, 0.0], 2);
        assert_eq!(folded.weight, [2.0, 3.0, 1.0, 0.0]);
        assert_eq!(folded.bias, [110.0, 5.0]);
    }
}
