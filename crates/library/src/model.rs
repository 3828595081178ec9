//! The model of a new library.

use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_inference::{LoadError, LoadOptions, load_encoder};

/// The model of a new library if none is named: the most widely used CLIP model.
pub const DEFAULT_MODEL: &str = "openai/clip-vit-base-patch32";

/// The model of a new library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// This model.
    Named(ModelRef),
    /// [`DEFAULT_MODEL`] if it is available, else the built-in one.
    BestAvailable,
}

/// A loaded model.
pub struct LoadedModel {
    /// How to load it again.
    pub reference: ModelRef,
    /// Ready to encode.
    pub encoder: Box<dyn Encoder>,
    /// Why [`DEFAULT_MODEL`] could not be loaded, if this is the built-in model instead of it.
    pub fallback: Option<LoadError>,
}

impl LoadedModel {
    /// Loads the model of `source`.
    pub fn load(
        source: &ModelSource,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        match source {
            ModelSource::Named(reference) => Self::named(reference, options, progress),
            ModelSource::BestAvailable => Self::best_available(options, progress),
        }
    }

    fn named(
        reference: &ModelRef,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let encoder = load_encoder(reference, options, progress)?;
        Ok(Self {
            reference: reference.canonical(),
            encoder,
            fallback: None,
        })
    }

    fn best_available(options: &LoadOptions, progress: &dyn DownloadProgress) -> Result<Self, LoadError> {
        let best = ModelRef::Hub {
            id: DEFAULT_MODEL.to_owned(),
            revision: None,
        };
        Self::named(&best, options, progress).or_else(|reason| {
            let builtin = Self::named(&ModelRef::Builtin, options, progress)?;
            Ok(Self {
                fallback: Some(reason),
                ..builtin
            })
        })
    }
}
