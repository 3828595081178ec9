//! Model families on candle, weights from a directory or the hub, and the built-in model.
//!
//! A model is a set of files in one of two layouts: transformers' (`config.json`, `model.safetensors`,
//! `preprocessor_config.json`) or OpenCLIP's (`open_clip_config.json`, `open_clip_model.safetensors`), with a tokenizer
//! beside them. Nothing that they say is assumed here. Families: CLIP, SigLIP and SigLIP 2, Chinese-CLIP, and what
//! OpenCLIP builds from its own transformers, timm's SigLIP and MobileCLIP. All share one transformer; GME-Qwen2-VL,
//! Qwen3-VL-Embedding and Qwen2.5 share one decoder (`qwen`). Each is written against its reference. No unsafe code: weights are read, not mapped.

// Named here only so that its AVX-512 kernels are switched on for candle's matrix products.
use gemm as _;

mod aligned;
mod device;
mod engine;
mod error;
mod layers;
mod load;
mod memory;
mod model;
mod qwen;
mod tensor_names;
mod text_tower;
mod two_tower;
mod verify;

pub use aligned::{
    AlignError, AlignProgress, AlignedEncoder, AlignedModels, Alignment, CaptionError, CaptionedImage,
    FailedCaption, FitError, Fitted, LEAST_PICTURES, Offset, Pair, Recalls, Recipe, align, fit_alignment,
    read_captions,
};
pub use device::{Device, ParseDeviceError};
pub use engine::Engine;
pub use error::LoadError;
pub use load::{LoadOptions, PreparedModel, load_encoder, load_text_model, prepare};
pub use memory::MemoryLimit;
pub use verify::{Check, CheckImage, CheckReport, CheckedValue, Comparison, VerifyError};

/// The instruction set that [`Engine::Cpu`] uses on this processor, such as `avx512-vnni`.
pub fn cpu_kernel() -> &'static str {
    eidetic_kernels::Kernel::best().name()
}
