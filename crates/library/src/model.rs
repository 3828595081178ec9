//! The model of a new library.

use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef, Network, default_model, reference, usable_on_disk};
use eidetic_inference::{LoadError, LoadOptions, PrecisionChoice, load_encoder, load_fastest, this_machine};

/// The model of a new library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// This model.
    Named(ModelRef),
    /// The default model of this machine; if it is not available, the best known one on disk, else the built-in one.
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
    /// Why this is not the default model, if it is used instead of it.
    pub fallback: Option<Fallback>,
}

/// A model is used in place of the default one, which is not available.
#[derive(Debug)]
pub struct Fallback {
    /// The default model.
    pub wanted: &'static str,
    /// Why it could not be loaded.
    pub reason: LoadError,
    /// The model that is used instead.
    pub used: ModelRef,
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
        let wanted = default_model(&this_machine());
        Self::named(&wanted.reference(), precision, options, progress).or_else(|reason| {
            let loaded = Self::on_disk(precision, options)?;
            Ok(Self {
                fallback: Some(Fallback {
                    wanted: wanted.model,
                    reason,
                    used: loaded.reference.clone(),
                }),
                ..loaded
            })
        })
    }

    /// The best known model that is on disk and can be loaded; without any, the built-in one. Makes no connection.
    fn on_disk(precision: Option<Precision>, options: &LoadOptions) -> Result<Self, LoadError> {
        let mut offline = options.clone();
        offline.hub.network = Network::Off;
        let cached = usable_on_disk(&options.hub, &this_machine());
        let references = cached.iter().map(|model| reference(&model.id));
        for reference in references {
            match Self::named(&reference, precision, &offline, &()) {
                Ok(loaded) => return Ok(loaded),
                Err(error) => tracing::info!("{reference} is on disk, but: {error}"),
            }
        }
        Self::named(&ModelRef::Builtin, precision, options, &())
    }
}
