//! Loads models of all kinds from a model reference.

use std::path::Path;

use eidetic_domain::Precision;
use eidetic_encoder::{Encoder, TextModel, Vocabulary};
use eidetic_hub::{
    DownloadProgress, HubSettings, Layout, LocatedModel, Modality, ModelFiles, ModelLocation, ModelRef,
    TokenizerFiles, WeightFile, locate,
};

use crate::aligned::{self, AlignedEncoder};
use crate::engine::Engine;
use crate::error::LoadError;
use crate::memory::{self, MemoryLimit};
use crate::model::Model;
use crate::qwen;
use crate::sentence;
use crate::text_tower::EncoderTextModel;
use crate::two_tower::ClipEncoder;

/// How a model is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    /// The engine that runs it, with its precision.
    pub engine: Engine,
    /// Whether it must fit into the available memory.
    pub memory: MemoryLimit,
    /// Settings for downloading missing files.
    pub hub: HubSettings,
    /// What a sentence encoder puts before every text, in place of its own prompt.
    pub text_prompt: Option<String>,
}

impl Default for LoadOptions {
    /// f32 on the CPU, within the available memory, with the Hub settings of the environment.
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            memory: MemoryLimit::default(),
            hub: HubSettings::from_env(),
            text_prompt: None,
        }
    }
}

impl LoadOptions {
    /// The same options with another precision, if the engine has a choice.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.engine = self.engine.with_precision(precision);
        self
    }
}

/// A model that can be loaded: its files are on disk, its device is available, and its weights fit into memory.
pub struct PreparedModel<'a> {
    kind: Prepared<'a>,
    options: &'a LoadOptions,
    progress: &'a dyn DownloadProgress,
}

enum Prepared<'a> {
    /// A directory made by `eidetic align`, which names two other models.
    Aligned(&'a Path),
    /// Any other model.
    Located(LocatedModel),
}

/// Loads a model of images and texts.
pub fn load_encoder(
    model: &ModelRef,
    options: &LoadOptions,
    progress: &dyn DownloadProgress,
) -> Result<Box<dyn Encoder>, LoadError> {
    prepare(model, Modality::ImageText, options, progress)?.load_encoder()
}

/// Loads a text-only model, or the text tower of any other model.
pub fn load_text_model(
    model: &ModelRef,
    options: &LoadOptions,
    progress: &dyn DownloadProgress,
) -> Result<Box<dyn TextModel>, LoadError> {
    let prepared = prepare(model, Modality::Text, options, progress)?;
    if let Prepared::Located(located) = &prepared.kind
        && let Some(family) = &located.text_family
    {
        return load_text_only(located, family, options);
    }
    if options.text_prompt.is_some() {
        return Err(LoadError::NoPrompt {
            model: model.to_string(),
        });
    }
    Ok(Box::new(EncoderTextModel(prepared.load_encoder()?)))
}

/// Does all that precedes reading the weights: opens the device, downloads missing files, checks the memory.
pub fn prepare<'a>(
    model: &'a ModelRef,
    wanted: Modality,
    options: &'a LoadOptions,
    progress: &'a dyn DownloadProgress,
) -> Result<PreparedModel<'a>, LoadError> {
    let kind = if let Some(directory) = aligned::directory_of(model) {
        Prepared::Aligned(directory)
    } else {
        options.engine.device().open()?;
        let located = locate(model, wanted, &options.hub, progress)?;
        check_memory(&located, options)?;
        Prepared::Located(located)
    };
    Ok(PreparedModel {
        kind,
        options,
        progress,
    })
}

impl PreparedModel<'_> {
    /// Reads the weights. The model of its space is `builtin`, the name of the directory, or the Hub id.
    pub fn load_encoder(&self) -> Result<Box<dyn Encoder>, LoadError> {
        match &self.kind {
            Prepared::Aligned(directory) => Ok(Box::new(AlignedEncoder::load(
                directory,
                |model, prompt| {
                    let options = LoadOptions {
                        text_prompt: prompt,
                        ..self.options.clone()
                    };
                    load_text_model(model, &options, self.progress)
                },
                |model| load_encoder(model, self.options, self.progress),
            )?)),
            Prepared::Located(located) => Ok(Box::new(load_located(located, self.options.engine)?)),
        }
    }
}

fn load_located(located: &LocatedModel, engine: Engine) -> Result<Model, LoadError> {
    let model = match &located.location {
        ModelLocation::Builtin => ClipEncoder::load(&located.name, builtin_files(), engine)?
            .with_vocabulary(builtin_vocabulary())
            .into(),
        ModelLocation::Path(folder) => Model::load(folder, &located.name, &located.place, engine)?,
    };
    match located.dimension {
        Some(dimension) => model.with_dimension(dimension),
        None => Ok(model),
    }
}

fn load_text_only(
    located: &LocatedModel,
    family: &str,
    options: &LoadOptions,
) -> Result<Box<dyn TextModel>, LoadError> {
    let prompt = options.text_prompt.as_deref();
    match &located.location {
        ModelLocation::Path(path) if eidetic_hub::is_sentence_encoder(family) => sentence::load(
            path,
            &located.name,
            &located.place,
            options.engine.precision(),
            prompt,
        ),
        _ if prompt.is_some() => Err(LoadError::NoPrompt {
            model: located.place.clone(),
        }),
        ModelLocation::Path(path) if family == eidetic_hub::QWEN => {
            qwen::load_text(path, &located.name, &located.place, options.engine.precision())
        }
        _ => Err(LoadError::UnknownTextModel {
            model: located.place.clone(),
            family: family.to_owned(),
        }),
    }
}

fn check_memory(located: &LocatedModel, options: &LoadOptions) -> Result<(), LoadError> {
    match (&located.location, options.memory) {
        (ModelLocation::Path(folder), MemoryLimit::Available) => {
            memory::check(folder, &located.place, options.engine)
        }
        _ => Ok(()),
    }
}

macro_rules! builtin_file {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../data/models/builtin/",
            $name
        ))
    };
}

/// The words that the built-in model learnt. They are not among its files, whose hash names its space: other words
/// change no vector of an image.
fn builtin_vocabulary() -> Vocabulary {
    const WORDS: &str = include_str!("../../../data/models/builtin/vocabulary.tsv");
    Vocabulary::from_tsv(WORDS).expect("a test reads the same file")
}

/// The files of the built-in model, embedded in the program.
fn builtin_files() -> ModelFiles {
    let weights: &'static [u8] = builtin_file!("model.safetensors");
    ModelFiles {
        layout: Layout::HuggingFace,
        config: builtin_file!("config.json").to_vec(),
        preprocessor: builtin_file!("preprocessor_config.json").to_vec(),
        tokenizer: TokenizerFiles::Json(builtin_file!("tokenizer.json").to_vec()),
        tokenizer_config: None,
        scores: Some(builtin_file!("scores.json").to_vec()),
        weights: WeightFile::embedded(weights),
    }
}
