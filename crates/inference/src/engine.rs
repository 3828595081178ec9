//! What runs a model: one interface, and the engines that stand behind it.

use std::time::Duration;

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, Pixels};

use crate::device::Device;
use crate::error::LoadError;
use crate::layers::weights::Weights;

/// What runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This program's own kernels, on the processor.
    Cpu(Precision),
    /// candle, step by step as the reference implementation is written: slower, for comparison and for other devices.
    Candle,
    /// candle on a graphics device, in f32.
    Device(Device),
}

/// What a file says of the way from cosines to the logits of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitFacts {
    /// The logarithm of the factor, where the file has it.
    pub scale: Option<f32>,
    /// What is added, where the file has it.
    pub bias: Option<f32>,
}

impl LogitFacts {
    /// What these weights say.
    pub fn of<T>(weights: &Weights<T>) -> Self {
        Self {
            scale: weights.scalar("logit_scale"),
            bias: weights.scalar("logit_bias"),
        }
    }
}

impl Engine {
    /// The same engine in another precision, where it has a choice: candle computes in f32.
    #[must_use]
    pub const fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::Cpu(_) => Self::Cpu(precision),
            Self::Candle | Self::Device(_) => self,
        }
    }

    /// What it runs on.
    pub const fn device(self) -> Device {
        match self {
            Self::Cpu(_) | Self::Candle => Device::Cpu,
            Self::Device(device) => device,
        }
    }

    /// The arithmetic that it computes in.
    pub const fn precision(self) -> Precision {
        match self {
            Self::Cpu(precision) => precision,
            Self::Candle | Self::Device(_) => Precision::F32,
        }
    }

    /// Where candle runs a model, for engines that are candle's: the one place that decides it.
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

/// The two halves of a model, run by some engine.
pub trait Towers: Send + Sync {
    /// One vector a text, in order, before scaling to unit length. Texts are token numbers, each text as long as it is.
    fn encode_texts(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError>;

    /// The way from cosines to logits, as far as the weights say it.
    fn logits(&self) -> LogitFacts;

    /// The time that nothing but the matrix products of as many pictures take, where the engine can tell.
    fn products_alone(&self, _pictures: usize) -> Option<Duration> {
        None
    }

    /// One vector a picture, in order, before scaling to unit length. Pictures have sizes that the model reads.
    fn encode_pictures(&self, pictures: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError>;
}

/// An error for texts that the model cannot have been trained on: none of our tokenizer's, whatever the files say.
pub fn check_tokens(texts: &[Vec<u32>], vocabulary: usize, longest: usize) -> Result<(), EncodeError> {
    for ids in texts {
        if ids.is_empty() || ids.len() > longest {
            let reason = format!("{} tokens where the model reads 1 to {longest}", ids.len());
            return Err(EncodeError::Tokenize(reason));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
            let reason = format!("token {id} is beyond the model's {vocabulary}");
            return Err(EncodeError::Tokenize(reason));
        }
    }
    Ok(())
}
