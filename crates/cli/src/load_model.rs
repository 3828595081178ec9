//! Loads models outside of a library, as `embed`, `verify`, `match --model`, `align` and `bench` need them.

use eidetic_encoder::{Encoder, TextModel};
use eidetic_hub::{HubSettings, ModelRef};
use eidetic_inference::{LoadError, Model, Opening, open, open_encoder, open_text_model, prepare};
use eidetic_library::{DEFAULT_MODEL, LoadedModel, Loading, ModelSource};

use crate::arguments::ModelOptions;
use crate::failure::Failure;
use crate::progress::DownloadBar;

/// Loads models with the options of one command line, showing downloads on the terminal.
pub(crate) struct ModelLoader<'a> {
    options: &'a ModelOptions,
    hub: HubSettings,
    progress: DownloadBar,
}

impl<'a> ModelLoader<'a> {
    pub(crate) fn new(options: &'a ModelOptions) -> Self {
        Self {
            options,
            hub: Loading::from(options).hub(),
            progress: DownloadBar::default(),
        }
    }

    fn opening(&self) -> Opening<'_> {
        let loading = Loading::from(self.options);
        Opening {
            precision: self.options.precision(),
            device: loading.device,
            memory: loading.memory,
            hub: &self.hub,
            progress: &self.progress,
        }
    }

    /// A named model.
    pub(crate) fn encoder(&self, model: &ModelRef) -> Result<Box<dyn Encoder>, Failure> {
        Ok(open_encoder(model, &self.opening()).map_err(anyhow::Error::from)?)
    }

    /// A named model's text tower.
    pub(crate) fn text_model(&self, model: &ModelRef) -> Result<Box<dyn TextModel>, Failure> {
        Ok(open_text_model(model, &self.opening()).map_err(anyhow::Error::from)?)
    }

    /// A named model as the concrete type, whose kernels `bench` measures.
    pub(crate) fn engine_model(&self, model: &ModelRef) -> Result<Model, Failure> {
        let opening = self.opening();
        let engine = opening.device.engine(opening.precision);
        let loaded = prepare(model, &opening).and_then(|()| open(model, engine, &self.hub, &self.progress));
        Ok(loaded.map_err(anyhow::Error::from)?)
    }

    /// The named model, or the default one, with the built-in model as fallback and a warning about it.
    pub(crate) fn named_or_default(&self, model: Option<&ModelRef>) -> Result<Box<dyn Encoder>, Failure> {
        let source = model
            .cloned()
            .map_or(ModelSource::BestAvailable, ModelSource::Named);
        let (precision, loading) = (self.options.precision(), self.options.into());
        let loaded = LoadedModel::load(&source, precision, loading, &self.progress);
        let loaded = loaded.map_err(anyhow::Error::from)?;
        warn_of_fallback(loaded.fallback.as_ref());
        Ok(loaded.encoder)
    }
}

/// Warns that the built-in model is used, with the reason and the command for switching later.
pub(crate) fn warn_of_fallback(reason: Option<&LoadError>) {
    let Some(reason) = reason else { return };
    eprintln!(
        "eidetic: using the small built-in model, because {DEFAULT_MODEL} is unavailable:\n  {reason}\n\
         The built-in model recognizes everyday objects and simple scenes only. To switch to the full model later:\n  \
         eidetic space switch {DEFAULT_MODEL}"
    );
}
