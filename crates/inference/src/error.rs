//! Errors of loading a model.

use eidetic_encoder::{PreprocessorError, TokenizerError};
use eidetic_hub::HubError;
use thiserror::Error;

/// Why a model could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Its files are missing, or could not be downloaded.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// `config.json` or `open_clip_config.json` is damaged, contradicts itself, or names something unknown.
    #[error("invalid config.json of the model: {0}")]
    Config(String),
    /// Another file of the model is damaged, contradicts itself, or names something unknown.
    #[error("invalid {file} of the model: {reason}")]
    ModelFile {
        /// The file, with its folder in that of the model.
        file: String,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// The model is of a family that is not supported.
    #[error(
        "unknown model family {found:?}; expected \"clip\", \"chinese_clip\", \"siglip\", \"siglip2\", or OpenCLIP's \
         open_clip_config.json"
    )]
    UnknownArchitecture {
        /// `model_type` of `config.json`.
        found: String,
    },
    /// The config of the image processor is invalid.
    #[error(transparent)]
    Preprocessor(#[from] PreprocessorError),
    /// The tokenizer is invalid.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The weight file is damaged, such as by an interrupted download.
    #[error("the model's weights are damaged ({0}); download the file again")]
    Weights(String),
    /// The weight file has no tensor of this name.
    #[error("the model's weights have no tensor {name}")]
    TensorMissing {
        /// The tensor's name in the file.
        name: String,
    },
    /// A tensor does not have the shape that `config.json` implies.
    #[error("tensor {name} of the model's weights has shape {found:?}; expected {expected:?} by config.json")]
    TensorShape {
        /// The tensor's name in the file.
        name: String,
        /// The shape that `config.json` implies.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is not of type f32, f16 or bf16.
    #[error("tensor {name} of the model's weights has type {found}; expected f32, f16 or bf16")]
    TensorType {
        /// The tensor's name in the file.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A text-only model of a family that is not supported.
    #[error(
        "unsupported text model {model}: expected one of the families qwen2, bert, roberta, xlm-roberta and mpnet, not {family:?}"
    )]
    UnknownTextModel {
        /// The model.
        model: String,
        /// Its `model_type`.
        family: String,
    },
    /// A prompt for a text model that has none.
    #[error("{model} is no sentence encoder, so it takes no prompt; leave out --text-prompt")]
    NoPrompt {
        /// The model.
        model: String,
    },
    /// The directory of an aligned model is invalid.
    #[error("cannot load the aligned model at {place}: {reason}")]
    Aligned {
        /// The directory.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The program was built without support for the device.
    #[error(
        "this program was built without support for {device}; build it with: cargo build --release -p eidetic-cli --features {feature}"
    )]
    DeviceNotBuilt {
        /// The device.
        device: crate::Device,
        /// The Cargo feature of the device.
        feature: &'static str,
    },
    /// The device does not exist, or failed to open.
    #[error("cannot open device {device}: {reason}")]
    DeviceMissing {
        /// The device.
        device: crate::Device,
        /// Why.
        reason: String,
    },
    /// Loading the model would take more memory than is available.
    #[error(
        "{model} needs about {} of memory in {precision}, and {} are available; use a smaller model{}, close other programs, or load it anyway with --ignore-memory",
        crate::format_bytes::format_bytes(*.needed),
        crate::format_bytes::format_bytes(*.available),
        if *.precision == eidetic_domain::Precision::F32 { ", --precision int8" } else { "" }
    )]
    TooLarge {
        /// The model.
        model: String,
        /// The precision that it would compute in.
        precision: eidetic_domain::Precision,
        /// Estimated bytes, from the headers of its weight files.
        needed: u64,
        /// Bytes that are available to the process.
        available: u64,
    },
    /// candle failed to set up the model.
    #[error("cannot set up the model: {0}")]
    Engine(#[from] candle_core::Error),
}
