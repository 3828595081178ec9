//! Indexing runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use eidetic_catalog::{Catalog, ImageRecord, RowStore};
use eidetic_containers::file_at;
use eidetic_domain::ImageId;
use eidetic_indexer::{
    BackfillReport, Indexer, IndexerOptions, IndexingReport, RunContext, RunStage, Scope, UnreachableSource,
};
use eidetic_vectors::VectorIndex;

use crate::duplicates::FingerprintCollector;
use crate::manifest::Manifest;
use crate::operations::{Operation, OperationGuard};
use crate::sources::IndexPath;
use crate::{Library, LibraryError, Space};

/// Interval of checking whether another run, or the last step of a switch, has ended.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What becomes of sources that a run added, if it does not reach its end.
#[derive(Debug, Clone, Copy, Default)]
pub enum NewSources<'a> {
    /// They stay: the next run continues.
    #[default]
    Keep,
    /// They are taken back with their images, if the run is cancelled while this is set: the user did not mean them. Those
    /// of a failed run stay if it found images there.
    Withdraw(&'a AtomicBool),
}

/// What a run looks at.
pub(crate) struct RunTarget {
    /// The sources.
    pub(crate) sources: Vec<PathBuf>,
    /// The paths in them.
    pub(crate) scope: Scope,
    /// Whether thumbnails of no image may be left.
    pub(crate) needs_sweep: bool,
}

impl RunTarget {
    /// The sources that are walked through.
    fn whole(&self) -> Vec<PathBuf> {
        let is_whole = |source: &&PathBuf| self.scope.covers(source);
        self.sources.iter().filter(is_whole).cloned().collect()
    }
}

impl Library {
    /// Brings the library up to date with `folders`, which become its sources; without any, with its present sources.
    ///
    /// New images are embedded in the active space, and so are known images without a vector there, such as those whose
    /// vectors were damaged or whose files were missing before. Deleted images are removed from all spaces, but their
    /// vectors and tags are kept for a while. A source that cannot be reached keeps its images; one of `folders` that
    /// does not exist is reported. Links and the limit of losses are taken from the library's settings.
    ///
    /// Waits while another run, or the last step of a switch, runs.
    ///
    /// Errors: none of the folders exists, or one is neither folder nor image; nothing is changed then. The catalog,
    /// the vectors or the model failed.
    pub fn index(
        &self,
        folders: &[PathBuf],
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        self.index_with(folders, options, NewSources::Keep, context)
    }

    /// The same, with a choice of what becomes of new sources where the run is cancelled or fails.
    pub fn index_with(
        &self,
        folders: &[PathBuf],
        options: &IndexerOptions,
        new_sources: NewSources<'_>,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        let Some(_run) = self.wait_for_indexing(context)? else {
            return Ok(IndexingReport {
                cancelled: true,
                ..IndexingReport::default()
            });
        };
        let before = self.read_manifest().clone();
        let report = self.index_locked(folders, options, context);
        if let NewSources::Withdraw(unwanted) = new_sources {
            match &report {
                Ok(report) if report.cancelled && unwanted.load(Relaxed) => {
                    self.withdraw_new_sources(&before, |_| true)?;
                }
                Ok(_) => {}
                Err(_) => {
                    let is_empty = |folder: &Path| self.catalog.files_under(folder).next().is_none();
                    self.withdraw_new_sources(&before, is_empty)?;
                }
            }
        }
        report
    }

    /// Takes back the new sources that `selects` accepts, with their images. One that took the place of an older source
    /// stays.
    fn withdraw_new_sources(
        &self,
        before: &Manifest,
        selects: impl Fn(&Path) -> bool,
    ) -> Result<(), LibraryError> {
        let is_new = |folder: &Path| !before.sources.iter().any(|known| known.starts_with(folder));
        let sources = self.sources().into_iter();
        let withdrawn: Vec<PathBuf> = sources
            .filter(|folder| is_new(folder) && selects(folder))
            .collect();
        if withdrawn.is_empty() {
            return Ok(());
        }
        self.change_manifest(|manifest| {
            manifest.excluded.clone_from(&before.excluded);
            for folder in &withdrawn {
                manifest.forget(folder);
            }
        })?;
        self.finish_forgetting()?;
        Ok(())
    }

    fn index_locked(
        &self,
        folders: &[PathBuf],
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        let (folders, missing) = self.resolve(folders)?;
        self.active().encoder()?;
        let needs_sweep = self.begin_run()?;
        let target = RunTarget {
            sources: self.add_sources(folders)?,
            scope: Scope::Everything,
            needs_sweep,
        };
        let mut report = self.index_target(&target, options, context)?;
        report.unreachable.extend(missing);
        Ok(report)
    }

    /// Finishes what an interruption left to do; returns whether thumbnails of no image may be left.
    pub(crate) fn begin_run(&self) -> Result<bool, LibraryError> {
        let needs_sweep = self.needs_sweep();
        self.begin_changes()?;
        self.finish_forgetting()?;
        Ok(needs_sweep)
    }

    /// Indexes a target, with indexing locked and the run begun. What concerns sources as a whole is left to runs that walk through them:
    /// images without a vector, texts, what was removed long ago.
    pub(crate) fn index_target(
        &self,
        target: &RunTarget,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        let space = self.active();
        let encoder = space.encoder()?;
        let (sources, whole) = (&target.sources, target.whole());
        // A library may have texts and no source.
        let is_whole = !whole.is_empty() || matches!(target.scope, Scope::Everything);
        let images_before = self.images_in_parts(target, &whole)?;
        self.record_precision(&space)?;
        space.note_calibrations()?;
        let will_be_walked = |record: &ImageRecord| is_within(record, &whole);
        if is_whole {
            space.remove_damaged_vectors()?;
            space.forget_damaged(will_be_walked)?;
        }
        let fingerprints = FingerprintCollector::new(self);
        let indexer = Indexer {
            catalog: &space.catalog,
            vectors: &space.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
            on_removed: &|images| self.hide_in_others(images),
            on_returned: &|images| self.restore_in_others(images),
            on_decoded: &|image, pixels| fingerprints.add(image, pixels),
        };
        let options = IndexerOptions {
            scope: target.scope.clone(),
            ..self.with_what_is_known(options, sources)
        };
        let report = indexer.run(sources, &options, context);
        self.clear_filter_caches();
        let mut report = report?;
        if is_whole && !report.cancelled && space.has_missing_embeddings()? {
            context.observer.stage(RunStage::Backfilling);
            let backfilled = indexer.backfill(&will_be_walked, &options, &context.without_observer());
            self.clear_filter_caches();
            add_backfill(&mut report, backfilled?);
        }
        fingerprints.finish();
        if !report.cancelled {
            if is_whole {
                self.fill_missing_texts(&space, &context.without_observer())?;
                self.remember_sources(&whole, &report)?;
                self.erase_expired()?;
            }
            self.remember_parts(target, &images_before, &report)?;
            self.end_changes(target.needs_sweep);
            if report.indexed > 0 {
                // Here, so that the first search need not embed the background texts. It would say what is wrong, too.
                let _ = space.confidence_model();
            }
        }
        Ok(report)
    }

    /// Number of files with an image in the parts of sources that are looked at, of those that are not looked at as a whole.
    fn images_in_parts(
        &self,
        target: &RunTarget,
        whole: &[PathBuf],
    ) -> Result<Vec<(PathBuf, u64)>, LibraryError> {
        let parts = self
            .sources()
            .into_iter()
            .filter(|source| !whole.contains(source));
        let counted = parts.map(|source| {
            let images = self.images_in_part(target, &source)?;
            Ok((source, images))
        });
        counted.collect()
    }

    fn images_in_part(&self, target: &RunTarget, source: &Path) -> Result<u64, LibraryError> {
        let ranges = match target.scope {
            Scope::Everything => Vec::new(),
            Scope::Paths(_) => target.scope.record_ranges(source),
        };
        ranges.iter().map(|folder| self.count_images(folder)).sum()
    }

    /// Remembers what a run found of sources that it looked at in part.
    fn remember_parts(
        &self,
        target: &RunTarget,
        before: &[(PathBuf, u64)],
        report: &IndexingReport,
    ) -> Result<(), LibraryError> {
        for (source, before) in before {
            let now = self.images_in_part(target, source)?;
            self.remember_part(source, (*before, now), report)?;
        }
        Ok(())
    }

    /// Excludes other indexing runs; a round of a watch that runs is ended. Errors: another run is running.
    pub(crate) fn lock_indexing_first(&self) -> Result<OperationGuard<'_>, LibraryError> {
        let _first = self.watching.preempt();
        loop {
            match self.lock_indexing() {
                Err(LibraryError::AlreadyIndexing) if self.watching.is_running() => thread::sleep(LOCK_POLL),
                locked => return locked,
            }
        }
    }

    /// Excludes other indexing runs. Errors: one is running.
    pub(crate) fn lock_indexing(&self) -> Result<OperationGuard<'_>, LibraryError> {
        self.require_writable()?;
        let lock = self.operations.try_lock(Operation::Index);
        lock.ok_or(LibraryError::AlreadyIndexing)
    }

    /// Waits for the end of another run, ends a round of a watch, and excludes others; `None` if this one was cancelled before. Errors: the
    /// library is read-only.
    pub(crate) fn wait_for_indexing(
        &self,
        context: &RunContext<'_>,
    ) -> Result<Option<OperationGuard<'_>>, LibraryError> {
        let _first = self.watching.preempt();
        while !context.is_cancelled() {
            match self.lock_indexing() {
                Ok(lock) => return Ok(Some(lock)),
                Err(LibraryError::AlreadyIndexing) => thread::sleep(LOCK_POLL),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The folders that are to be walked, and those that do not exist and are no sources.
    fn resolve(&self, folders: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<UnreachableSource>), LibraryError> {
        let sources = self.sources();
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for folder in folders {
            match IndexPath::check(folder)? {
                IndexPath::Present(real) => found.push(real),
                // The run reports a source that is not there, and keeps its images.
                IndexPath::Missing { path, .. } if sources.contains(&path) => found.push(path),
                IndexPath::Missing { path, reason } => missing.push(UnreachableSource {
                    path,
                    reason,
                    images: 0,
                }),
            }
        }
        match missing.first() {
            Some(first) if found.is_empty() => Err(LibraryError::NotIndexable {
                path: first.path.clone(),
                reason: first.reason.clone(),
            }),
            _ => Ok((found, missing)),
        }
    }

    /// The same for folders that all must exist.
    pub(crate) fn resolve_present(&self, folders: &[PathBuf]) -> Result<Vec<PathBuf>, LibraryError> {
        let (found, missing) = self.resolve(folders)?;
        match missing.into_iter().next() {
            Some(UnreachableSource { path, reason, .. }) => Err(LibraryError::NotIndexable { path, reason }),
            None => Ok(found),
        }
    }

    fn with_what_is_known(&self, options: &IndexerOptions, sources: &[PathBuf]) -> IndexerOptions {
        let settings = self.indexing_settings();
        let library = std::slice::from_ref(&self.directory);
        IndexerOptions {
            excluded: [&options.excluded[..], library, &self.excluded()].concat(),
            other_sources: self.sources_except(sources),
            links: settings.links(),
            removal_limit: options.removal_limit.and(Some(settings.removal_limit())),
            known_mounts: self.known_mounts(),
            ..self.with_decoding(options)
        }
    }

    fn sources_except(&self, these: &[PathBuf]) -> Vec<PathBuf> {
        let all = self.read_manifest().sources.clone();
        all.into_iter().filter(|source| !these.contains(source)).collect()
    }

    /// A failure is only logged: the vectors of removed images do no harm, and the next opening hides them.
    fn hide_in_others(&self, images: &[ImageId]) {
        for (number, space) in &*self.opened_others() {
            if let Err(error) = space.hide(images) {
                tracing::warn!(%number, "cannot hide the vectors of deleted images yet: {error}");
            }
        }
    }

    /// A failure is only logged: the next opening finds the vectors by the catalog.
    fn restore_in_others(&self, images: &[ImageId]) {
        for (number, space) in &*self.opened_others() {
            if let Err(error) = space.restore(images) {
                tracing::warn!(%number, "cannot restore the vectors of images that came back yet: {error}");
            }
        }
    }

    /// Removes the cached results of filters, since the catalog changed.
    pub(crate) fn clear_filter_caches(&self) {
        self.active().filter_cache.clear();
        for space in self.opened_others().values() {
            space.filter_cache.clear();
        }
    }

    pub(crate) fn add_sources(&self, folders: Vec<PathBuf>) -> Result<Vec<PathBuf>, LibraryError> {
        if folders.is_empty() {
            return Ok(self.sources());
        }
        self.change_manifest(|manifest| {
            for folder in &folders {
                manifest.add_source(folder);
            }
        })?;
        Ok(folders)
    }

    /// Called before a run, so that no crash leaves vectors whose precision is not recorded.
    pub(crate) fn record_precision(&self, space: &Space) -> Result<(), LibraryError> {
        let vectors = space.read_vectors().len();
        self.change_manifest(|manifest| {
            if let Some(entry) = manifest.space_mut(space.number) {
                entry.add_precision(space.precision(), vectors);
            }
        })
    }
}

impl Space {
    /// Hides the vectors of images that were removed from the catalog.
    fn hide(&self, images: &[ImageId]) -> Result<(), LibraryError> {
        self.write_vectors().hide(images)?;
        self.filter_cache.clear();
        Ok(())
    }

    /// Makes the vectors of images live again that came back to the catalog. An image whose vector is damaged counts as
    /// not embedded.
    fn restore(&self, images: &[ImageId]) -> Result<(), LibraryError> {
        let restored = self.write_vectors().restore(images)?;
        let damaged = images.iter().zip(restored).filter(|(_, row)| row.is_none());
        let damaged: Vec<ImageId> = damaged.map(|(image, _)| *image).collect();
        self.catalog.remove_rows(&damaged)?;
        self.filter_cache.clear();
        Ok(())
    }
}

/// Whether a file of the image exists in one of the sources.
fn is_within(record: &ImageRecord, sources: &[PathBuf]) -> bool {
    let walked = |path: &PathBuf| sources.iter().any(|source| path.starts_with(source));
    record
        .paths
        .iter()
        .any(|path| walked(path) && file_at(path).is_file())
}

/// Adds the report of a backfill after a run, which counted the same images as unchanged.
fn add_backfill(report: &mut IndexingReport, backfilled: BackfillReport) {
    report.indexed += backfilled.embedded;
    report.encoded += backfilled.embedded;
    report.unchanged = report.unchanged.saturating_sub(backfilled.embedded);
    let failed = backfilled.failed.into_iter().map(|(_, failure)| failure);
    report.failed.extend(failed);
    report.failed.sort_by(|a, b| a.path.cmp(&b.path));
    report.cancelled |= backfilled.cancelled;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Owner;
    use eidetic_encoder::fake::FakeEncoder;
    use eidetic_indexer::CancelToken;

    /// As during the last step of a switch, which locks indexing.
    #[test]
    fn run_waits_while_indexing_is_locked() {
        let place = tempfile::tempdir().unwrap();
        let photos = place.path().join("photos");
        std::fs::create_dir(&photos).unwrap();
        let encoder = Box::new(FakeEncoder::default());
        let owner = Owner::this_process("a test");
        let library = Library::with_encoder(&place.path().join("library"), encoder, &owner).unwrap();
        let index = |context: &RunContext<'_>| {
            library.index(std::slice::from_ref(&photos), &IndexerOptions::default(), context)
        };
        let cancel = CancelToken::default();
        thread::scope(|scope| {
            let lock = library.lock_indexing().unwrap();
            let cancelled = scope.spawn(|| index(&RunContext::new(&(), &cancel)));
            let waiting = scope.spawn(|| index(&RunContext::default()));
            thread::sleep(2 * LOCK_POLL);
            cancel.cancel();
            assert!(cancelled.join().unwrap().unwrap().cancelled);
            assert!(!waiting.is_finished());
            assert!(library.sources().is_empty());
            drop(lock);
            assert!(!waiting.join().unwrap().unwrap().cancelled);
        });
        assert_eq!(library.sources().len(), 1);
    }
}
