//! Loads models outside of a library, as `embed`, `verify`, `match --model`, `align` and `bench` need them.

use std::time::{Duration, Instant};

use eidetic_encoder::{Encoder, TextModel};
use eidetic_hub::{Modality, ModelRef};
use eidetic_inference::{LoadOptions, load_encoder, load_text_model, prepare};
use eidetic_library::{Fallback, LoadedModel, ModelSource};

use crate::arguments::ModelOptions;
use crate::failure::Failure;
use crate::progress::DownloadBar;

/// Loads models with the options of one command line, showing downloads on the terminal.
pub(crate) struct ModelLoader {
    load: LoadOptions,
    progress: DownloadBar,
}

impl ModelLoader {
    pub(crate) fn new(options: &ModelOptions) -> Self {
        Self {
            load: options.into(),
            progress: DownloadBar::default(),
        }
    }

    /// A named model.
    pub(crate) fn encoder(&self, model: &ModelRef) -> Result<Box<dyn Encoder>, Failure> {
        Ok(load_encoder(model, &self.load, &self.progress).map_err(anyhow::Error::from)?)
    }

    /// A named text model, or a model's text tower. A sentence encoder puts `prompt` before every text, if one is given.
    pub(crate) fn text_model(
        &self,
        model: &ModelRef,
        prompt: Option<&str>,
    ) -> Result<Box<dyn TextModel>, Failure> {
        let options = LoadOptions {
            text_prompt: prompt.map(str::to_owned),
            ..self.load.clone()
        };
        Ok(load_text_model(model, &options, &self.progress).map_err(anyhow::Error::from)?)
    }

    /// A named model, and how long reading it took once its files were on disk.
    pub(crate) fn timed_encoder(&self, model: &ModelRef) -> Result<(Box<dyn Encoder>, Duration), Failure> {
        let prepared = prepare(model, Modality::ImageText, &self.load, &self.progress);
        let prepared = prepared.map_err(anyhow::Error::from)?;
        let start = Instant::now();
        let encoder = prepared.load_encoder().map_err(anyhow::Error::from)?;
        Ok((encoder, start.elapsed()))
    }

    /// The named model, or the default one, in place of which another one may be used, with a warning about it.
    pub(crate) fn named_or_default(&self, model: Option<&ModelRef>) -> Result<Box<dyn Encoder>, Failure> {
        let source = model
            .cloned()
            .map_or(ModelSource::BestAvailable, ModelSource::Named);
        let loaded = LoadedModel::load(
            &source,
            Some(self.load.engine.precision()),
            &self.load,
            &self.progress,
        )
        .map_err(anyhow::Error::from)?;
        warn_of_fallback(loaded.fallback.as_ref());
        Ok(loaded.encoder)
    }
}

/// Warns that another model is used in place of the default one, with the reason and the command for switching later.
pub(crate) fn warn_of_fallback(fallback: Option<&Fallback>) {
    let Some(Fallback { wanted, reason, used }) = fallback else {
        return;
    };
    let used = match used {
        ModelRef::Builtin => {
            "the small built-in model, which recognizes everyday objects and simple scenes only".to_owned()
        }
        other => format!("{other}, the best model on this disk"),
    };
    eprintln!(
        "eidetic: using {used}, because {wanted} is unavailable:\n  {reason}\n\
         To switch to it later:\n  eidetic space switch {wanted}"
    );
}
