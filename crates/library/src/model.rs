use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_encoder_candle::{DownloadProgress, Engine, HubSettings, LoadError, Model, ModelRef};

/// The model of a new library when none is named: the one that most tools of this kind use.
pub const DEFAULT_MODEL: &str = "openai/clip-vit-base-patch32";

/// Which model a new library shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// This one or none.
    Named(ModelRef),
    /// [`DEFAULT_MODEL`] where it can be had, else the built-in one.
    BestAvailable,
}

/// A model ready to encode, and how it came about.
pub struct LoadedModel {
    /// How to load it again.
    pub reference: ModelRef,
    /// The encoder.
    pub encoder: Box<dyn Encoder>,
    /// Why it is not the best one: what kept [`DEFAULT_MODEL`] from being loaded.
    pub fallback: Option<LoadError>,
}

impl LoadedModel {
    /// Loads what `source` asks for, to compute in `precision`.
    pub fn load(
        source: &ModelSource,
        precision: Precision,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        match source {
            ModelSource::Named(reference) => Self::named(reference, precision, progress),
            ModelSource::BestAvailable => Self::best_available(precision, progress),
        }
    }

    fn named(
        reference: &ModelRef,
        precision: Precision,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let encoder = Box::new(load(reference, precision, progress)?);
        Ok(Self {
            reference: lasting(reference),
            encoder,
            fallback: None,
        })
    }

    fn best_available(precision: Precision, progress: &dyn DownloadProgress) -> Result<Self, LoadError> {
        let best = ModelRef::Hub {
            id: DEFAULT_MODEL.to_owned(),
            revision: None,
        };
        Self::named(&best, precision, progress).or_else(|reason| {
            let builtin = Self::named(&ModelRef::Builtin, precision, progress)?;
            Ok(Self {
                fallback: Some(reason),
                ..builtin
            })
        })
    }
}

/// The same model, named so that it is found from every working directory.
pub(crate) fn lasting(reference: &ModelRef) -> ModelRef {
    match reference {
        ModelRef::Directory(path) => {
            ModelRef::Directory(path.canonicalize().unwrap_or_else(|_| path.clone()))
        }
        ModelRef::Shortened { model, dimension } => ModelRef::Shortened {
            model: Box::new(lasting(model)),
            dimension: *dimension,
        },
        other => other.clone(),
    }
}

/// One model, with the hub that the environment names.
pub(crate) fn load(
    reference: &ModelRef,
    precision: Precision,
    progress: &dyn DownloadProgress,
) -> Result<Model, LoadError> {
    eidetic_encoder_candle::open(
        reference,
        Engine::Cpu(precision),
        &HubSettings::from_env(),
        progress,
    )
}
