//! Which model a new library has, and how models are loaded.

use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, HubSettings, ModelRef, Network};
use eidetic_inference::{Device, LoadError, LoadOptions, MemoryLimit, load_encoder};

/// The model of a new library when none is named: the one that most tools of this kind use.
pub const DEFAULT_MODEL: &str = "openai/clip-vit-base-patch32";

/// The model of a new library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// This model.
    Named(ModelRef),
    /// [`DEFAULT_MODEL`] if it is available, else the built-in one.
    BestAvailable,
}

/// How models are loaded, beside their precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loading {
    /// The device that computes.
    pub device: Device,
    /// Whether a model must fit into memory.
    pub memory: MemoryLimit,
    /// Whether a model may be downloaded, if the environment allows it too.
    pub network: Network,
}

impl Loading {
    /// The options of the inference crate, to compute in `precision`.
    pub fn load_options(self, precision: Precision) -> LoadOptions {
        LoadOptions {
            engine: self.device.engine(precision),
            memory: self.memory,
            hub: self.hub(),
        }
    }

    /// The hub of the environment, without network access unless both allow it.
    pub fn hub(self) -> HubSettings {
        let hub = HubSettings::from_env();
        match self.network {
            Network::Off => HubSettings {
                network: Network::Off,
                ..hub
            },
            Network::Allowed => hub,
        }
    }
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
    /// Loads the model of `source`, to compute in `precision`.
    pub fn load(
        source: &ModelSource,
        precision: Precision,
        loading: Loading,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        match source {
            ModelSource::Named(reference) => Self::named(reference, precision, loading, progress),
            ModelSource::BestAvailable => Self::best_available(precision, loading, progress),
        }
    }

    fn named(
        reference: &ModelRef,
        precision: Precision,
        loading: Loading,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let encoder = load(reference, precision, loading, progress)?;
        Ok(Self {
            reference: reference.canonical(),
            encoder,
            fallback: None,
        })
    }

    fn best_available(
        precision: Precision,
        loading: Loading,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let best = ModelRef::Hub {
            id: DEFAULT_MODEL.to_owned(),
            revision: None,
        };
        Self::named(&best, precision, loading, progress).or_else(|reason| {
            let builtin = Self::named(&ModelRef::Builtin, precision, loading, progress)?;
            Ok(Self {
                fallback: Some(reason),
                ..builtin
            })
        })
    }
}

/// Loads one model from the hub of the environment.
pub(crate) fn load(
    reference: &ModelRef,
    precision: Precision,
    loading: Loading,
    progress: &dyn DownloadProgress,
) -> Result<Box<dyn Encoder>, LoadError> {
    load_encoder(reference, &loading.load_options(precision), progress)
}
