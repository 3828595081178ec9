//! The model of a space, loaded on first use.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use eidetic_domain::{Precision, SpaceId};
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_inference::{LoadOptions, load_encoder};

use crate::LibraryError;
use crate::manifest::SpaceEntry;

/// An encoder that is loaded when it is first needed and then stays. Options count only until then.
///
/// A failed load is not remembered: the next call tries again, since a download may succeed later.
pub(crate) struct LazyEncoder {
    /// The text form of a `ModelRef`.
    model: String,
    /// The space that the encoder must be of.
    space: SpaceId,
    /// Directory of the space, for errors.
    directory: PathBuf,
    last_precision: Precision,
    precision: OnceLock<Precision>,
    /// Its precision is replaced by that of the space.
    options: OnceLock<LoadOptions>,
    encoder: OnceLock<Box<dyn Encoder>>,
    /// Held while loading, so that a model is loaded once.
    loading: Mutex<()>,
}

impl LazyEncoder {
    /// The encoder of the space that `entry` describes and that is stored in `directory`.
    pub(crate) fn new(entry: &SpaceEntry, directory: PathBuf) -> Self {
        Self {
            model: entry.model.clone(),
            space: entry.space.clone(),
            directory,
            last_precision: entry.precision(),
            precision: OnceLock::new(),
            options: OnceLock::new(),
            encoder: OnceLock::new(),
            loading: Mutex::new(()),
        }
    }

    /// How to load the model: the text form of a `ModelRef`.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// Only the first call has an effect.
    pub(crate) fn set_precision(&self, precision: Precision) {
        let _ = self.precision.set(precision);
    }

    /// As set, else that of the last indexing run.
    pub(crate) fn precision(&self) -> Precision {
        self.precision.get().copied().unwrap_or(self.last_precision)
    }

    /// Only the first call has an effect.
    pub(crate) fn set_load_options(&self, options: LoadOptions) {
        let _ = self.options.set(options);
    }

    /// The options as set, else the default ones, with the precision of the space.
    pub(crate) fn load_options(&self) -> LoadOptions {
        let options = self.options.get().cloned().unwrap_or_default();
        options.with_precision(self.precision())
    }

    /// Whether it is loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.encoder.get().is_some()
    }

    /// The encoder; loads it if it is not loaded yet.
    ///
    /// Errors: the model is unavailable, or is of another space.
    pub(crate) fn get(&self, progress: &dyn DownloadProgress) -> Result<&dyn Encoder, LibraryError> {
        if let Some(encoder) = self.encoder.get() {
            return Ok(encoder.as_ref());
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.encoder.get().is_none() {
            let reference: ModelRef = self.model.parse()?;
            let encoder = load_encoder(&reference, &self.load_options(), progress)?;
            self.set(encoder)?;
        }
        Ok(self
            .encoder
            .get()
            .expect("it was set above or by another thread")
            .as_ref())
    }

    /// Takes an encoder that is loaded already, unless there is one. Errors: it is of another space.
    pub(crate) fn set(&self, encoder: Box<dyn Encoder>) -> Result<(), LibraryError> {
        if *encoder.space() != self.space {
            return Err(LibraryError::OtherSpace {
                path: self.directory.clone(),
                library: Box::new(self.space.clone()),
                model: Box::new(encoder.space().clone()),
            });
        }
        let _ = self.encoder.set(encoder);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    use crate::manifest::Manifest;

    fn lazy(model: &str) -> LazyEncoder {
        let space = FakeEncoder::new(8).space().clone();
        LazyEncoder::new(
            &Manifest::new(model.into(), space).active,
            PathBuf::from("library"),
        )
    }

    #[test]
    fn first_settings_and_first_encoder_win() {
        let lazy = lazy("fake");
        assert_eq!(lazy.precision(), Precision::F32);
        lazy.set_precision(Precision::Int8);
        lazy.set_precision(Precision::F32);
        assert_eq!(lazy.precision(), Precision::Int8);
        lazy.set(Box::new(FakeEncoder::new(8))).unwrap();
        let first: *const dyn Encoder = lazy.get(&()).unwrap();
        lazy.set(Box::new(FakeEncoder::new(8))).unwrap();
        assert!(std::ptr::addr_eq(first, lazy.get(&()).unwrap()));
    }

    #[test]
    fn encoder_of_other_space_is_rejected() {
        let other = lazy("fake").set(Box::new(FakeEncoder::new(9)));
        assert!(matches!(other, Err(LibraryError::OtherSpace { .. })));
    }

    #[test]
    fn failed_load_is_tried_again() {
        let lazy = lazy("not a model");
        assert!(lazy.get(&()).is_err());
        lazy.set(Box::new(FakeEncoder::new(8))).unwrap();
        assert!(lazy.get(&()).is_ok());
    }
}
