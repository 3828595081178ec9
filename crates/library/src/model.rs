use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, HubSettings, ModelRef, Network};
use eidetic_inference::{Device, LoadError, LoadOptions, MemoryLimit, load_encoder};

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

/// How models are loaded, beside their precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loading {
    /// What they run on.
    pub device: Device,
    /// Whether they must fit into memory.
    pub memory: MemoryLimit,
    /// Whether they may be downloaded. The environment may say no as well.
    pub network: Network,
}

impl Loading {
    /// The same, to compute in `precision`.
    pub fn load_options(self, precision: Precision) -> LoadOptions {
        LoadOptions {
            engine: self.device.engine(precision),
            memory: self.memory,
            hub: self.hub(),
        }
    }

    /// The hub that the environment names, asked only where both allow it.
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
            reference: reference.lasting(),
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

/// One model, with the hub that the environment names.
pub(crate) fn load(
    reference: &ModelRef,
    precision: Precision,
    loading: Loading,
    progress: &dyn DownloadProgress,
) -> Result<Box<dyn Encoder>, LoadError> {
    load_encoder(reference, &loading.load_options(precision), progress)
}
