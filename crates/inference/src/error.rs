use eidetic_encoder::{PreprocessorError, TokenizerError};
use eidetic_hub::HubError;
use thiserror::Error;

/// Why a model could not be opened.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Its files are missing, or the hub did not give them.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// `config.json` or `open_clip_config.json` is damaged, contradicts itself, or asks for what does not exist.
    #[error("the model's config.json cannot be used: {0}")]
    Config(String),
    /// The model is of a family that is not built in.
    #[error(
        "the model is of the family {found:?}; \"clip\", \"chinese_clip\", \"siglip\" and \"siglip2\" are known, and \
         OpenCLIP's open_clip_config.json"
    )]
    UnknownArchitecture {
        /// `model_type` of `config.json`.
        found: String,
    },
    /// The picture processor's description cannot be followed.
    #[error(transparent)]
    Preprocessor(#[from] PreprocessorError),
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The weight file is damaged, such as by a download that was cut off.
    #[error("the model's weights are damaged ({0}); fetch the file again")]
    Weights(String),
    /// The weight file lacks a tensor.
    #[error("the model's weights lack the tensor {name}")]
    TensorMissing {
        /// The tensor's name in the file.
        name: String,
    },
    /// A tensor does not have the shape that `config.json` implies.
    #[error(
        "the tensor {name} of the model's weights has the shape {found:?} where config.json asks for {expected:?}"
    )]
    TensorShape {
        /// The tensor's name in the file.
        name: String,
        /// The shape by `config.json`.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor holds other numbers than f32, f16 or bf16.
    #[error(
        "the tensor {name} of the model's weights holds {found} numbers; only f32, f16 and bf16 can be read"
    )]
    TensorType {
        /// The tensor's name in the file.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A model of texts only that this program cannot run.
    #[error("{model} is a text model of the family {family:?}, which this program does not run")]
    UnknownTextModel {
        /// The model asked for.
        model: String,
        /// Its `model_type`.
        family: String,
    },
    /// A model of a text model and a picture model cannot be used.
    #[error("the aligned model at {place} cannot be used: {reason}")]
    Aligned {
        /// The directory.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The program was built without what the device needs.
    #[error(
        "this program was built without {device}; build it with: cargo build --release -p eidetic-cli --features {feature}"
    )]
    DeviceNotBuilt {
        /// The device asked for.
        device: crate::Device,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// The device is not there, or does not work.
    #[error("the device {device} cannot be used: {reason}")]
    DeviceMissing {
        /// The device asked for.
        device: crate::Device,
        /// What the system says.
        reason: String,
    },
    /// Loading the model would take more memory than there is.
    #[error(
        "{model} needs about {} of memory in {precision}, and {} are available; use a smaller model{}, close other programs, or load it anyway with --ignore-memory",
        crate::memory::readable(*.needed),
        crate::memory::readable(*.available),
        if *.precision == eidetic_domain::Precision::F32 { ", --precision int8" } else { "" }
    )]
    TooLarge {
        /// The model asked for.
        model: String,
        /// What it would compute in.
        precision: eidetic_domain::Precision,
        /// Bytes that it will hold, by its weights' headers.
        needed: u64,
        /// Bytes that the system or the process's group has left.
        available: u64,
    },
    /// candle could not arrange the weights.
    #[error("the model could not be set up: {0}")]
    Engine(#[from] candle_core::Error),
}
