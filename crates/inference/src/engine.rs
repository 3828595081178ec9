//! The engines that run models, and the interface of two-tower models to them.

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, Pixels};

use crate::device::Device;
use crate::error::LoadError;
use crate::layers::weights::Weights;

/// An engine that runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The kernels of `eidetic-kernels`, on the CPU.
    Cpu(Precision),
    /// candle on the CPU, operation by operation as in the reference implementation: slow, for tests.
    Candle,
    /// candle on a GPU, in f32.
    Device(Device),
}

/// How a model maps cosines to logits, according to its weight file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitParameters {
    /// The logarithm of the factor, `logit_scale`, if the file has it.
    pub scale: Option<f32>,
    /// The summand, `logit_bias`, if the file has it.
    pub bias: Option<f32>,
}

impl LogitParameters {
    /// The parameters in these weights.
    pub fn of<T>(weights: &Weights<T>) -> Self {
        Self {
            scale: weights.scalar("logit_scale"),
            bias: weights.scalar("logit_bias"),
        }
    }
}

impl Engine {
    /// The engine for the device. GPUs compute in f32: lower precisions need the CPU kernels.
    pub const fn new(device: Device, precision: Precision) -> Self {
        match device {
            Device::Cpu => Self::Cpu(precision),
            other => Self::Device(other),
        }
    }

    /// The same engine with another precision. candle computes in f32 only.
    #[must_use]
    pub const fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::Cpu(_) => Self::Cpu(precision),
            Self::Candle | Self::Device(_) => self,
        }
    }

    /// The device that it runs on.
    pub const fn device(self) -> Device {
        match self {
            Self::Cpu(_) | Self::Candle => Device::Cpu,
            Self::Device(device) => device,
        }
    }

    /// The precision that it computes in.
    pub const fn precision(self) -> Precision {
        match self {
            Self::Cpu(precision) => precision,
            Self::Candle | Self::Device(_) => Precision::F32,
        }
    }

    /// The device for candle's tensors.
    pub(crate) fn candle_device(self) -> Result<candle_core::Device, LoadError> {
        match self {
            Self::Cpu(_) | Self::Candle => Ok(candle_core::Device::Cpu),
            Self::Device(device) => device.open(),
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::Cpu(Precision::F32)
    }
}

/// The two towers of a model, run by an engine.
pub trait Towers: Send + Sync {
    /// One vector for each text, in order, not normalized. Texts are token ids, not padded.
    fn encode_texts(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError>;

    /// How cosines map to logits.
    fn logits(&self) -> LogitParameters;

    /// One vector for each image, in order, not normalized. Images have sizes that the model accepts.
    fn encode_images(&self, images: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError>;
}

/// Errors: a text is empty or too long, or a token is not in the vocabulary. The tokenizer prevents that unless the files
/// of the model contradict each other.
pub fn check_tokens(texts: &[Vec<u32>], vocabulary: usize, longest: usize) -> Result<(), EncodeError> {
    for ids in texts {
        if ids.is_empty() || ids.len() > longest {
            let reason = format!("{} tokens; expected 1 to {longest}", ids.len());
            return Err(EncodeError::Tokenize(reason));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
            let reason = format!("token {id} is not in the vocabulary of {vocabulary} tokens");
            return Err(EncodeError::Tokenize(reason));
        }
    }
    Ok(())
}
