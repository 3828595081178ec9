//! Model families on candle, weights from a directory or the hub, and the built-in model.
//!
//! A model is a set of files in one of two layouts: transformers' (`config.json`, `model.safetensors`,
//! `preprocessor_config.json`) or OpenCLIP's (`open_clip_config.json`, `open_clip_model.safetensors`), with a tokenizer
//! beside them. Nothing that they say is assumed here. Families: CLIP, SigLIP and SigLIP 2, Chinese-CLIP, and what
//! OpenCLIP builds from its own transformers, timm's SigLIP and MobileCLIP. All share one transformer; GME-Qwen2-VL,
//! Qwen3-VL-Embedding and Qwen2.5 share one decoder (`qwen`). Each is written against its reference. No unsafe code: weights are read, not mapped.

use std::path::Path;

use eidetic_domain::Precision;
use eidetic_encoder::TextModel;

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
mod text_models;
mod two_tower;

pub use aligned::{
    AlignedEncoder, AlignedModels, FitError, Fitted, LEAST_PICTURES, Offset, Pair, Recalls, Recipe,
    fit_alignment,
};
pub use device::{Device, ParseDeviceError};
pub use engine::Engine;
pub use error::LoadError;
pub use load::{Opening, open_encoder, open_text_model, prepare};
pub use memory::MemoryLimit;
pub use model::Model;
pub use two_tower::ClipEncoder;

use eidetic_hub::{DownloadProgress, HubSettings, Layout, ModelFiles, ModelRef, TokenizerFiles};

macro_rules! builtin_file {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../data/models/builtin/",
            $name
        ))
    };
}

/// Opens the model, wherever it is. Spaces are named `builtin`, the directory's own name, or the hub's id.
pub fn open(
    model: &ModelRef,
    engine: Engine,
    hub: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<Model, LoadError> {
    match model {
        ModelRef::Builtin => builtin(engine),
        ModelRef::Directory(path) => open_directory(path, &directory_name(path), engine),
        ModelRef::Hub { id, revision } => open_hub(id, revision.as_deref(), engine, hub, progress),
        ModelRef::Shortened { model, dimension } => {
            open(model, engine, hub, progress)?.with_dimension(*dimension)
        }
    }
}

/// The small model inside the program, for when no other can be had.
pub fn builtin(engine: Engine) -> Result<Model, LoadError> {
    let weights: &'static [u8] = builtin_file!("model.safetensors");
    let files = ModelFiles {
        layout: Layout::HuggingFace,
        config: builtin_file!("config.json").to_vec(),
        preprocessor: builtin_file!("preprocessor_config.json").to_vec(),
        tokenizer: TokenizerFiles::Json(builtin_file!("tokenizer.json").to_vec()),
        tokenizer_settings: None,
        scores: Some(builtin_file!("scores.json").to_vec()),
        weights_length: weights.len() as u64,
        weights: Box::new(weights),
    };
    Ok(ClipEncoder::load("builtin", files, engine)?.into())
}

/// Opens the model in `directory`; `name` becomes the model of its space.
pub fn open_directory(directory: &Path, name: &str, engine: Engine) -> Result<Model, LoadError> {
    let place = directory.display().to_string();
    eidetic_hub::refuse(&directory.join("config.json"), &place)?;
    Model::load(directory, name, &place, engine)
}

/// Opens a model of the hub, downloading what its cache lacks. With a complete cache no connection is made.
pub fn open_hub(
    id: &str,
    revision: Option<&str>,
    engine: Engine,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<Model, LoadError> {
    let folder = eidetic_hub::fetch(id, revision, settings, progress)?;
    Model::load(&folder, id, id, engine)
}

/// Opens a model that reads texts only, Qwen2.5 so far: a directory in the Hugging Face layout, a GGUF file, or a directory
/// with one. `name` is what the model calls itself.
pub fn open_text_directory(
    path: &Path,
    name: &str,
    precision: Precision,
) -> Result<Box<dyn TextModel>, LoadError> {
    qwen::open_text(path, name, &path.display().to_string(), precision)
}

/// The instruction set that [`Engine::Cpu`] uses on this processor, such as `avx512-vnni`.
pub fn cpu_kernel() -> &'static str {
    eidetic_kernels::Kernel::best().name()
}

/// The last part of the path, also where it ends in `.` or is a link.
pub(crate) fn directory_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name()
        .map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}
