//! Embeds the images that a space has no vectors of, in several passes.

use std::collections::HashSet;

use eidetic_catalog::ImageRecord;
use eidetic_domain::ImageId;
use eidetic_indexer::{FileFailure, Indexer, IndexerOptions, RunContext};

use super::SpaceReport;
use crate::operations::{Operation, OperationGuard};
use crate::{Library, LibraryError, Space};

/// A running backfill of one space.
pub(super) struct SpaceBackfill<'a> {
    library: &'a Library,
    space: &'a Space,
    options: &'a IndexerOptions,
    context: &'a RunContext<'a>,
    _lock: OperationGuard<'a>,
    embedded: u64,
    pub(super) failed: Vec<FileFailure>,
    /// Images of `failed`; not tried again before the last pass.
    skipped: HashSet<ImageId>,
    pub(super) cancelled: bool,
}

impl<'a> SpaceBackfill<'a> {
    /// Damaged vectors count as missing.
    pub(super) fn start(
        library: &'a Library,
        space: &'a Space,
        options: &'a IndexerOptions,
        context: &'a RunContext<'a>,
    ) -> Result<Self, LibraryError> {
        let lock = space.operations.lock(Operation::Backfill);
        space.encoder()?;
        library.record_precision(space)?;
        space.remove_damaged_vectors()?;
        space.forget_damaged(|_| true)?;
        Ok(Self {
            library,
            space,
            options,
            context,
            _lock: lock,
            embedded: 0,
            failed: Vec::new(),
            skipped: HashSet::new(),
            cancelled: false,
        })
    }

    /// Embeds the images that have no vector now; returns how many.
    pub(super) fn pass(&mut self) -> Result<u64, LibraryError> {
        let indexer = Indexer {
            catalog: &self.space.catalog,
            vectors: &self.space.vectors,
            encoder: self.space.encoder()?,
            thumbnails: None,
            on_removed: &|_| (),
            on_returned: &|_| (),
            on_decoded: &|_, _| (),
        };
        let skipped = &self.skipped;
        let wanted = |record: &ImageRecord| !skipped.contains(&record.image);
        let backfilled = indexer.backfill(&wanted, self.options, self.context);
        self.library.clear_filter_caches();
        let backfilled = backfilled?;
        for (image, failure) in backfilled.failed {
            self.skipped.insert(image);
            self.failed.push(failure);
        }
        self.embedded += backfilled.embedded;
        self.cancelled |= backfilled.cancelled;
        Ok(backfilled.embedded)
    }

    /// Embeds new images, and tries failed ones again: their files may be back, or removed from the library.
    pub(super) fn last_pass(&mut self) -> Result<(), LibraryError> {
        self.skipped.clear();
        self.failed.clear();
        self.pass().map(drop)
    }

    /// Embeds the stored texts that have no vector.
    pub(super) fn fill_texts(&mut self) -> Result<(), LibraryError> {
        self.last_texts().map(drop)
    }

    /// The same, with the lock under which no others are added; `None` if the run was cancelled.
    pub(super) fn last_texts(&mut self) -> Result<Option<OperationGuard<'a>>, LibraryError> {
        let library = self.library;
        let Some(texts) = library.wait_for_texts(self.context) else {
            self.cancelled = true;
            return Ok(None);
        };
        self.cancelled |= !library.fill_texts(&texts, self.space, self.context)?;
        Ok(Some(texts))
    }

    pub(super) fn add_to(&self, report: &mut SpaceReport) {
        report.embedded = self.embedded;
        report.failed.clone_from(&self.failed);
        report.failed.sort_by(|a, b| a.path.cmp(&b.path));
        report.cancelled = self.cancelled;
    }
}
