//! The model of a new library.

use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_inference::{LoadError, LoadOptions, PrecisionChoice, load_encoder, load_fastest};

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
    /// The precision that it computes in.
    pub precision: Precision,
    /// The measurement that chose the precision, where one did.
    pub choice: Option<PrecisionChoice>,
    /// Why [`DEFAULT_MODEL`] could not be loaded, if this is the built-in model instead of it.
    pub fallback: Option<LoadError>,
}

impl LoadedModel {
    /// Loads the model of `source` in `precision`; `None`: in the one that is fastest here without changing embeddings.
    pub fn load(
        source: &ModelSource,
        precision: Option<Precision>,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        match source {
            ModelSource::Named(reference) => Self::named(reference, precision, options, progress),
            ModelSource::BestAvailable => Self::best_available(precision, options, progress),
        }
    }

    /// The same for a named model.
    pub(crate) fn named(
        reference: &ModelRef,
        precision: Option<Precision>,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let (encoder, choice) = match precision {
            Some(precision) => {
                let options = options.clone().with_precision(precision);
                (load_encoder(reference, &options, progress)?, None)
            }
            None => load_fastest(reference, options, progress)?,
        };
        Ok(Self {
            reference: reference.canonical(),
            encoder,
            precision: precision
                .or(choice.map(|choice| choice.precision))
                .unwrap_or_default(),
            choice,
            fallback: None,
        })
    }

    fn best_available(
        precision: Option<Precision>,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let best = ModelRef::Hub {
            id: DEFAULT_MODEL.to_owned(),
            revision: None,
        };
        Self::named(&best, precision, options, progress).or_else(|reason| {
            let builtin = Self::named(&ModelRef::Builtin, precision, options, progress)?;
            Ok(Self {
                fallback: Some(reason),
                ..builtin
            })
        })
    }
}
