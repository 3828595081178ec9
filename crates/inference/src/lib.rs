//! Loads and runs models: two-tower models, the Qwen families, aligned pairs of models, and the built-in model.
//!
//! [`load_encoder`] loads a model of images and texts from a [`ModelRef`](eidetic_hub::ModelRef), [`load_text_model`] a text
//! model; [`prepare`] does all that precedes reading the weights, and [`load_fastest`] chooses a precision by measuring. A model is a set of files in one of two layouts, that of
//! transformers (`config.json`, `model.safetensors`, `preprocessor_config.json`) or that of OpenCLIP
//! (`open_clip_config.json`, `open_clip_model.safetensors`), with a tokenizer.
//!
//! Two-tower families: CLIP, SigLIP, SigLIP 2, Chinese-CLIP, and OpenCLIP's models with its own transformers, timm's SigLIP
//! or MobileCLIP. All share one transformer. GME-Qwen2-VL, Qwen3-VL-Embedding and Qwen2.5 share one decoder (`qwen`); BERT,
//! XLM-RoBERTa and MPNet are read as sentence encoders (`sentence`). Every family is tested against its reference implementation. There is no unsafe code: weights are read, not memory-mapped.

// Imported only to enable its AVX-512 kernels, which candle's matrix products use.
use gemm as _;

mod aligned;
mod device;
mod engine;
mod error;
mod format_bytes;
mod layers;
mod load;
mod machine;
mod measured_precision;
mod memory;
mod model;
mod qwen;
mod sentence;
mod tensor_names;
mod text_tower;
mod two_tower;
mod verify;

pub use aligned::{
    AlignError, AlignProgress, AlignedEncoder, AlignedModels, Alignment, CaptionPair, CaptionedImage,
    Centering, FailedCaption, FitError, Fitted, Hyperparameters, MIN_IMAGES, RecallAtK, align, fit_alignment,
    read_captions,
};
pub use device::{Device, ParseDeviceError};
pub use engine::Engine;
pub use error::LoadError;
pub use load::{LoadOptions, PreparedModel, load_encoder, load_text_model, prepare};
pub use machine::{resolve_model, this_machine};
pub use measured_precision::{PrecisionChoice, load_fastest};
pub use memory::MemoryLimit;
pub use verify::{Check, CheckImage, CheckReport, CheckedValue, Comparison, VerifyError};

/// The instruction set that [`Engine::Cpu`] uses on this processor, such as `avx512-vnni`.
pub fn cpu_kernel() -> &'static str {
    eidetic_kernels::Kernel::best().name()
}
