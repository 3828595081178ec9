//! Switching to another model: its space is filled beside the active one, then activated in one step.

mod backfill;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use eidetic_catalog::TagStore;
use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_indexer::{FileFailure, IndexerOptions, RunContext};
use eidetic_inference::PrecisionChoice;
use serde::{Deserialize, Serialize};

use self::backfill::SpaceBackfill;
use crate::manifest::SpaceEntry;
use crate::operations::OperationGuard;
use crate::{Library, LibraryError, LoadedModel, Space, TagOptions};

/// After a pass that embeds at most this many images, the last pass locks indexing.
const FEW: u64 = 256;

/// What happens to the space that was active before a switch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreviousSpace {
    /// It is kept, to be searched, compared and switched back to.
    #[default]
    Keep,
    /// It is removed, unless it has an image that the new space has not.
    Drop,
}

/// How to switch.
#[derive(Debug, Clone, Default)]
pub struct SwitchOptions {
    /// What happens to the space that is active now.
    pub old: PreviousSpace,
    /// The precision of the new model; `None`: that of the space's last indexing run, for a new space the one that is
    /// fastest here without changing embeddings.
    pub precision: Option<Precision>,
    /// How images are read and embedded.
    pub indexing: IndexerOptions,
}

/// What a backfill of a space, or a switch to it, did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpaceReport {
    /// The space's identifier, as in search results.
    pub space: String,
    /// How to load its model.
    pub model: String,
    /// Images that have a vector in it now.
    pub images: u64,
    /// Images that were embedded in this run.
    pub embedded: u64,
    /// Different stored texts that have a vector in it now.
    pub texts: u64,
    /// Images that have tags in it: where the previous space had tags, from the same words by the same rule.
    pub tagged: u64,
    /// Whether the previous space had calibrations. They say nothing of another model's scores: they stay with that
    /// space, or were dropped with it.
    pub left_calibrations: bool,
    /// Images that could not be embedded, in order of path; they stay in the spaces that have them.
    pub failed: Vec<FileFailure>,
    /// Whether the run was stopped before its end; what it did is kept.
    pub cancelled: bool,
    /// Whether this is the active space now.
    pub active: bool,
    /// The model of the previous space, if that is kept.
    pub kept: Option<String>,
    /// The model of the previous space, if that was dropped.
    pub dropped: Option<String>,
    /// Duration of the run.
    pub seconds: f64,
}

impl SpaceReport {
    fn new(space: &Space) -> Self {
        Self {
            space: space.id().to_string(),
            model: space.model().to_owned(),
            ..Self::default()
        }
    }
}

/// The model that a switch leads to.
struct Target {
    encoder: Box<dyn Encoder>,
    /// How to load it again.
    model: String,
    precision: Precision,
    /// The measurement that chose the precision, where one did.
    choice: Option<PrecisionChoice>,
}

impl Library {
    /// Embeds all images in the space of `model`, while the active space is searched and indexed, and then makes that
    /// space the active one, in one step.
    ///
    /// It can be interrupted at any moment and continues where it stopped when it is called again, or by
    /// [`resume_switch`](Self::resume_switch). If the report has images that could not be embedded, the previous space is
    /// kept in any case. A switch to the active model abandons an unfinished switch.
    ///
    /// Errors: the model is unavailable; another switch is running; disk, catalog or model fail; no image can be read.
    /// The active space stays as it is.
    pub fn switch(
        &self,
        model: &ModelRef,
        options: &SwitchOptions,
        download: &dyn DownloadProgress,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let lock = self.lock_switching()?;
        let reference = model.canonical();
        let precision = options.precision.or_else(|| self.precision_of(&reference));
        let load = self.active().encoder.load_options();
        let loaded = LoadedModel::named(&reference, precision, &load, download)?;
        let target = Target {
            encoder: loaded.encoder,
            model: reference.to_string(),
            precision: loaded.precision,
            choice: loaded.choice,
        };
        self.switch_locked(&lock, target, options, context)
    }

    /// The same with an encoder of the caller's: for programs that bring their own model, and for tests.
    pub fn switch_to_encoder(
        &self,
        encoder: Box<dyn Encoder>,
        options: &SwitchOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let lock = self.lock_switching()?;
        let target = Target {
            model: encoder.space().model.clone(),
            encoder,
            precision: options.precision.unwrap_or_default(),
            choice: None,
        };
        self.switch_locked(&lock, target, options, context)
    }

    /// Continues a switch that was interrupted; `None` where there is none.
    pub fn resume_switch(
        &self,
        options: &IndexerOptions,
        download: &dyn DownloadProgress,
        context: &RunContext<'_>,
    ) -> Result<Option<SpaceReport>, LibraryError> {
        let _switch = self.lock_switching()?;
        let Some(planned) = self.read_manifest().switch else {
            return Ok(None);
        };
        let space = self.open_space(planned.to)?;
        space.load_encoder(download)?;
        self.fill_and_activate(&space, planned.old, options, context)
            .map(Some)
    }

    /// Embeds the images that a space has no vectors of, so that it can be compared with the active one.
    pub fn backfill_space(
        &self,
        name: &str,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let start = Instant::now();
        let space = self.space_named(name)?;
        let mut report = SpaceReport::new(&space);
        let is_incomplete = space.has_missing_embeddings()? || self.has_missing_texts(&space)?;
        if space.number != self.active().number && is_incomplete {
            let _switch = self.lock_switching()?;
            let options = self.with_decoding(options);
            let mut backfill = SpaceBackfill::start(self, &space, &options, context)?;
            backfill.pass()?;
            if !backfill.cancelled {
                backfill.fill_texts()?;
            }
            backfill.add_to(&mut report);
        }
        report.texts = self.texts_in(&space)?;
        report.active = space.number == self.active().number;
        report.images = space.images();
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    fn switch_locked(
        &self,
        _switch: &OperationGuard<'_>,
        target: Target,
        options: &SwitchOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let active = self.active();
        if target.encoder.space() == active.id() {
            self.change_manifest(|manifest| manifest.switch = None)?;
            return Ok(SpaceReport {
                images: active.images(),
                active: true,
                ..SpaceReport::new(&active)
            });
        }
        let id = target.encoder.space().clone();
        let number = self.change_manifest(|manifest| {
            let number = manifest.plan_switch(target.model, &id, options.old);
            if let (Some(entry), Some(choice)) = (manifest.space_mut(number), target.choice) {
                entry.precision_choice = Some(choice);
            }
            number
        })?;
        let space = self.open_space(number)?;
        space.set_precision(target.precision);
        space.encoder.set(target.encoder)?;
        self.fill_and_activate(&space, options.old, &options.indexing, context)
    }

    /// The precision of the last indexing run of a space of this model; `None` where there is no such space.
    fn precision_of(&self, model: &ModelRef) -> Option<Precision> {
        let manifest = self.read_manifest();
        let name = model.to_string();
        let known = manifest.spaces().find(|entry| entry.model == name);
        known.map(SpaceEntry::precision)
    }

    /// Embeds all images in a space, then makes it the active one.
    fn fill_and_activate(
        &self,
        space: &Arc<Space>,
        previous: PreviousSpace,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let start = Instant::now();
        let mut report = SpaceReport::new(space);
        let options = self.with_decoding(options);
        let mut backfill = SpaceBackfill::start(self, space, &options, context)?;
        while backfill.pass()? > FEW {}
        if !backfill.cancelled {
            // Search works without a graph, so a failure does not stop the switch.
            if let Err(error) = space.refresh_graph(context) {
                tracing::warn!("cannot store the search graph, searches will be slower: {error}");
            }
            self.tag_like_active(space, context)?;
            backfill.fill_texts()?;
        }
        if let Some(_index) = self.wait_for_indexing(context)?
            && !backfill.cancelled
        {
            backfill.last_pass()?;
            // Held until the space is active, so that no text is added to the old one alone.
            let texts = backfill.last_texts()?;
            if !backfill.cancelled && texts.is_some() {
                // Those of the last pass too, so that the report is of what the space has.
                report.tagged = self.tag_like_active(space, context)?;
                self.activate(space, previous, &backfill, &mut report)?;
            }
        }
        backfill.cancelled |= !report.active;
        backfill.add_to(&mut report);
        report.images = space.images();
        report.texts = self.texts_in(space)?;
        report.seconds = start.elapsed().as_secs_f64();
        drop(backfill);
        if report.dropped.is_some() {
            self.remove_dropped()?;
        }
        Ok(report)
    }

    /// The one step that switches; indexing is locked.
    fn activate(
        &self,
        space: &Arc<Space>,
        previous: PreviousSpace,
        backfill: &SpaceBackfill<'_>,
        report: &mut SpaceReport,
    ) -> Result<(), LibraryError> {
        let before = self.active();
        if space.images() == 0 && !backfill.failed.is_empty() {
            let images = backfill.failed.len() as u64;
            return Err(LibraryError::NothingReadable { images });
        }
        let previous = if backfill.failed.is_empty() {
            previous
        } else {
            PreviousSpace::Keep
        };
        self.change_manifest(|manifest| manifest.activate(space.number, previous))?;
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(space);
        self.opened_others().remove(&space.number);
        report.active = true;
        report.left_calibrations = before.has_calibrations();
        let model = Some(before.model().to_owned());
        match previous {
            PreviousSpace::Keep => report.kept = model,
            PreviousSpace::Drop => report.dropped = model,
        }
        Ok(())
    }

    /// Tags images in a space with the vocabulary and rule of the active space, if that has tags. Returns the number of
    /// images with tags.
    fn tag_like_active(&self, space: &Space, context: &RunContext<'_>) -> Result<u64, LibraryError> {
        let active = self.active();
        if active.catalog.tag_summary()?.images == 0 {
            return Ok(space.catalog.tag_summary()?.images);
        }
        let options = TagOptions::read(&active.directory);
        Ok(space.tag(&options, &context.without_observer())?.images)
    }
}
