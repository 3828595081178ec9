//! From one space to another: filled beside the one that answers, then put in its place in one step.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_catalog::TagStore;
use eidetic_domain::{ImageId, Precision};
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_indexer::{FileFailure, Indexer, IndexerOptions, RunContext};
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::{Library, LibraryError, Space, tag_options};

/// When a pass over the catalog embeds no more than this, the rest is done with indexing held off.
const FEW: u64 = 256;
/// How often an indexing run's end is looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// What becomes of the space that answered before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OldSpace {
    /// It stays, to be searched, compared and switched back to.
    #[default]
    Keep,
    /// It goes, unless it alone has some image.
    Drop,
}

/// How to switch.
#[derive(Debug, Clone, Default)]
pub struct SwitchOptions {
    /// What becomes of the space that answers now.
    pub old: OldSpace,
    /// What the new model computes in; `None`: as the space was last indexed, a new one like the active one.
    pub precision: Option<Precision>,
    /// How images are read and embedded.
    pub indexing: IndexerOptions,
}

/// What backfilling a space did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpaceReport {
    /// The space's name in answers.
    pub space: String,
    /// How to load its model.
    pub model: String,
    /// Images that have a vector in it now.
    pub images: u64,
    /// Those of them that were embedded in this run.
    pub embedded: u64,
    /// Images that were given tags in it, where the space that answered before had some.
    pub tagged: u64,
    /// Images that could not be embedded, in order of path; they stay in the spaces that have them.
    pub failed: Vec<FileFailure>,
    /// Whether it was stopped before its end; what it did is kept.
    pub cancelled: bool,
    /// Whether it is the active space now.
    pub active: bool,
    /// The model of the space that answered before, where that stays.
    pub kept: Option<String>,
    /// The model of the space that answered before, where that went.
    pub dropped: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Library {
    /// Embeds all images in the space of `model`, while the active space goes on answering and being indexed, and then
    /// makes that one the active space, in one step.
    ///
    /// It can be interrupted at any moment and goes on where it stopped when it is called again, or by
    /// [`resume_switch`](Self::resume_switch). Images that cannot be embedded are in the report; the old space stays then,
    /// whatever was asked for. A switch to the model that answers already gives one that is under way up.
    ///
    /// Errors: the model cannot be had; another switch is being made; disk, catalog or model fail; not one image can be
    /// read. The active space stays as it is.
    pub fn switch(
        &self,
        model: &ModelRef,
        options: &SwitchOptions,
        download: &dyn DownloadProgress,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let claim = self.claim_switching()?;
        let reference = model.lasting();
        let precision = options.precision.unwrap_or_else(|| self.precision_of(&reference));
        let loading = self.active().model_loading();
        let encoder = crate::model::load(&reference, precision, loading, download)?;
        self.switch_claimed(
            &claim,
            encoder,
            reference.to_string(),
            precision,
            options,
            context,
        )
    }

    /// The same with an encoder of the caller's: for programs that bring their own model, and for tests.
    pub fn switch_to_encoder(
        &self,
        encoder: Box<dyn Encoder>,
        options: &SwitchOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let claim = self.claim_switching()?;
        let model = encoder.space().model.clone();
        let precision = options.precision.unwrap_or_default();
        self.switch_claimed(&claim, encoder, model, precision, options, context)
    }

    /// Goes on with a switch that was interrupted; `None` where there is none.
    pub fn resume_switch(
        &self,
        options: &IndexerOptions,
        download: &dyn DownloadProgress,
        context: &RunContext<'_>,
    ) -> Result<Option<SpaceReport>, LibraryError> {
        let _claim = self.claim_switching()?;
        let Some(planned) = self.read_manifest().switch else {
            return Ok(None);
        };
        let space = self.open_space(planned.to)?;
        space.load_encoder(download)?;
        self.make_active(&space, planned.old, options, context).map(Some)
    }

    /// Embeds the images that a space lacks, so that it can be compared with the active one.
    pub fn backfill_space(
        &self,
        name: &str,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let start = Instant::now();
        let space = self.space_named(name)?;
        let mut report = SpaceReport::of(&space);
        if space.number != self.active().number && space.lacks_images()? {
            let _claim = self.claim_switching()?;
            let mut backfill = Backfill::new(self, &space, options, context)?;
            backfill.pass()?;
            backfill.tell(&mut report);
        }
        report.active = space.number == self.active().number;
        report.images = space.read_vectors().len() as u64;
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    fn switch_claimed(
        &self,
        _claim: &MutexGuard<'_, ()>,
        encoder: Box<dyn Encoder>,
        model: String,
        precision: Precision,
        options: &SwitchOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let active = self.active();
        if encoder.space() == active.space() {
            self.change_manifest(|manifest| manifest.switch = None)?;
            return Ok(SpaceReport {
                images: active.read_vectors().len() as u64,
                active: true,
                ..SpaceReport::of(&active)
            });
        }
        let id = encoder.space().clone();
        let number = self.change_manifest(|manifest| manifest.plan_switch(model, &id, options.old))?;
        let space = self.open_space(number)?;
        space.compute_in(precision);
        space.use_encoder(encoder)?;
        self.make_active(&space, options.old, &options.indexing, context)
    }

    /// A space known by this name goes on as it was indexed, a new one like the active one.
    fn precision_of(&self, model: &ModelRef) -> Precision {
        let manifest = self.read_manifest();
        let name = model.to_string();
        let known = manifest.spaces().find(|entry| entry.model == name);
        known.unwrap_or(&manifest.active).precision()
    }

    /// Fills a space and lets it answer from then on.
    fn make_active(
        &self,
        space: &Arc<Space>,
        old: OldSpace,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<SpaceReport, LibraryError> {
        let start = Instant::now();
        let mut report = SpaceReport::of(space);
        let mut backfill = Backfill::new(self, space, options, context)?;
        while backfill.pass()? > FEW {}
        if !backfill.cancelled {
            // Derived: searching goes without it.
            if let Err(error) = space.refresh_graph() {
                tracing::warn!("the search graph could not be kept, searches will be slower: {error}");
            }
            report.tagged = self.tag_as_before(space, context)?;
        }
        if let Some(_held_off) = self.hold_indexing_off(context)
            && !backfill.cancelled
        {
            backfill.last_pass()?;
            if !backfill.cancelled {
                self.exchange(space, old, &backfill, &mut report)?;
            }
        }
        backfill.cancelled |= !report.active;
        backfill.tell(&mut report);
        report.images = space.read_vectors().len() as u64;
        report.seconds = start.elapsed().as_secs_f64();
        drop(backfill);
        if report.dropped.is_some() {
            self.remove_dropped()?;
        }
        Ok(report)
    }

    /// The one step that switches, with indexing held off.
    fn exchange(
        &self,
        space: &Arc<Space>,
        old: OldSpace,
        backfill: &Backfill<'_>,
        report: &mut SpaceReport,
    ) -> Result<(), LibraryError> {
        let before = self.active();
        if space.read_vectors().is_empty() && !backfill.failed.is_empty() {
            let images = backfill.failed.len() as u64;
            return Err(LibraryError::NothingReadable { images });
        }
        let old = if backfill.failed.is_empty() {
            old
        } else {
            OldSpace::Keep
        };
        self.change_manifest(|manifest| manifest.activate(space.number, old))?;
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(space);
        self.opened_others().remove(&space.number);
        report.active = true;
        match old {
            OldSpace::Keep => report.kept = Some(before.model.clone()),
            OldSpace::Drop => report.dropped = Some(before.model.clone()),
        }
        Ok(())
    }

    /// Waits for the end of an indexing run and keeps others from beginning; `None` where it was cancelled before.
    fn hold_indexing_off(&self, context: &RunContext<'_>) -> Option<MutexGuard<'_, ()>> {
        while !context.is_cancelled() {
            if let Ok(held) = self.claim_indexing() {
                return Some(held);
            }
            thread::sleep(PAUSE);
        }
        None
    }

    /// Tags images in the new space by the words and the rule that they were tagged by before, if they were.
    fn tag_as_before(&self, space: &Space, context: &RunContext<'_>) -> Result<u64, LibraryError> {
        let before = self.active();
        if before.catalog.tag_summary()?.images == 0 {
            return Ok(0);
        }
        let options = tag_options::read(&before.directory);
        Ok(space.tag(&options, &context.without_observer())?.tagged)
    }
}

/// A space being filled, pass by pass.
struct Backfill<'a> {
    library: &'a Library,
    space: &'a Space,
    options: &'a IndexerOptions,
    context: &'a RunContext<'a>,
    _alone: MutexGuard<'a, ()>,
    embedded: u64,
    failed: Vec<FileFailure>,
    /// Not tried again before the last pass.
    given_up: HashSet<ImageId>,
    cancelled: bool,
}

impl<'a> Backfill<'a> {
    /// Damaged vectors count as missing.
    fn new(
        library: &'a Library,
        space: &'a Space,
        options: &'a IndexerOptions,
        context: &'a RunContext<'a>,
    ) -> Result<Self, LibraryError> {
        let alone = space.backfilling.lock().unwrap_or_else(PoisonError::into_inner);
        space.encoder()?;
        library.remember_precision(space)?;
        space.note_damaged()?;
        space.forget_damaged(|_| true)?;
        Ok(Self {
            library,
            space,
            options,
            context,
            _alone: alone,
            embedded: 0,
            failed: Vec::new(),
            given_up: HashSet::new(),
            cancelled: false,
        })
    }

    /// Embeds what the space lacks now, and says how much that was.
    fn pass(&mut self) -> Result<u64, LibraryError> {
        let indexer = Indexer {
            catalog: &self.space.catalog,
            vectors: &self.space.vectors,
            encoder: self.space.encoder()?,
            thumbnails: None,
            on_removed: &|_| (),
        };
        let given_up = &self.given_up;
        let wanted = |record: &eidetic_catalog::ImageRecord| !given_up.contains(&record.image);
        let backfilled = indexer.backfill(&wanted, self.options, self.context);
        self.library.clear_admissions();
        let backfilled = backfilled?;
        for (image, failure) in backfilled.failed {
            self.given_up.insert(image);
            self.failed.push(failure);
        }
        self.embedded += backfilled.embedded;
        self.cancelled |= backfilled.cancelled;
        Ok(backfilled.embedded)
    }

    /// Embeds what is new, and tries what failed again: it may be back, or have been taken out of the library.
    fn last_pass(&mut self) -> Result<(), LibraryError> {
        self.given_up.clear();
        self.failed.clear();
        self.pass().map(drop)
    }

    fn tell(&self, report: &mut SpaceReport) {
        report.embedded = self.embedded;
        report.failed.clone_from(&self.failed);
        report.failed.sort_by(|a, b| a.path.cmp(&b.path));
        report.cancelled = self.cancelled;
    }
}

impl SpaceReport {
    fn of(space: &Space) -> Self {
        Self {
            space: space.space().to_string(),
            model: space.model.clone(),
            ..Self::default()
        }
    }
}
