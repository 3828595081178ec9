//! Indexing runs, and the removal of sources.

use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, ImageRecord, WriteBatch};
use eidetic_domain::ImageId;
use eidetic_indexer::{BackfillReport, Indexer, IndexerOptions, IndexingReport, RunContext, RunStage};
use eidetic_vectors::VectorIndex;

use crate::operations::{Operation, OperationGuard};
use crate::{Library, LibraryError, Space};

impl Library {
    /// Brings the library up to date with `folders`, which become its sources; without any, with its present sources.
    ///
    /// New images are embedded in the active space, and so are known images without a vector there, such as those whose
    /// vectors were damaged or whose files were missing before. Deleted images are removed from all spaces.
    pub fn index(
        &self,
        folders: &[PathBuf],
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        let _run = self.lock_indexing()?;
        let space = self.active();
        let encoder = space.encoder()?;
        let sources = self.add_sources(folders)?;
        self.record_precision(&space)?;
        space.note_calibrations()?;
        let will_be_walked = |record: &ImageRecord| is_within(record, &sources);
        space.remove_damaged_vectors()?;
        space.forget_damaged(will_be_walked)?;
        let on_removed = |images: &[ImageId]| self.remove_from_others(images);
        let indexer = Indexer {
            catalog: &space.catalog,
            vectors: &space.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
            on_removed: &on_removed,
        };
        let options = IndexerOptions {
            excluded: [&options.excluded[..], std::slice::from_ref(&self.directory)].concat(),
            other_sources: self.sources_except(&sources),
            ..options.clone()
        };
        let report = indexer.run(&sources, &options, context);
        self.clear_filter_caches();
        let mut report = report?;
        if !report.cancelled && space.has_missing_embeddings()? {
            context.observer.stage(RunStage::Backfilling);
            let backfilled = indexer.backfill(&will_be_walked, &options, &context.without_observer());
            self.clear_filter_caches();
            add_backfill(&mut report, backfilled?);
        }
        Ok(report)
    }

    /// Removes a folder from the library, with all images that have no other path. Its files are not touched and may be
    /// deleted already. Returns the number of paths that were removed.
    pub fn forget(&self, folder: &Path) -> Result<u64, LibraryError> {
        let _run = self.lock_indexing()?;
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let files = self
            .catalog
            .files_under(&real)
            .map(|file| file.map(|file| file.path));
        let removed = files.collect::<Result<Vec<PathBuf>, _>>()?;
        let paths = removed.len() as u64;
        let batch = WriteBatch {
            removed,
            ..WriteBatch::default()
        };
        let forgotten = self.catalog.put_batch(&batch)?;
        self.active().remove(&forgotten)?;
        self.remove_from_others(&forgotten);
        let thumbnails = self.directory.join("thumbnails");
        for image in &forgotten {
            self.thumbnails
                .remove(image)
                .map_err(LibraryError::io(&thumbnails))?;
        }
        self.clear_filter_caches();
        // Last: a crash before this leaves a source whose next run adds its images again, not images without a source.
        self.change_manifest(|manifest| {
            manifest
                .sources
                .retain(|source| !source.starts_with(&real) && !source.starts_with(folder));
        })?;
        Ok(paths)
    }

    /// Excludes other indexing runs. Errors: one is running.
    pub(crate) fn lock_indexing(&self) -> Result<OperationGuard<'_>, LibraryError> {
        self.require_writable()?;
        let lock = self.operations.try_lock(Operation::Index);
        lock.ok_or(LibraryError::AlreadyIndexing)
    }

    fn sources_except(&self, these: &[PathBuf]) -> Vec<PathBuf> {
        let all = self.read_manifest().sources.clone();
        all.into_iter().filter(|source| !these.contains(source)).collect()
    }

    /// A failure is only logged: the vectors of removed images do no harm, and the next opening removes them.
    fn remove_from_others(&self, images: &[ImageId]) {
        for (number, space) in &*self.opened_others() {
            if let Err(error) = space.remove(images) {
                tracing::warn!(%number, "cannot remove the vectors of deleted images yet: {error}");
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

    fn add_sources(&self, folders: &[PathBuf]) -> Result<Vec<PathBuf>, LibraryError> {
        if folders.is_empty() {
            return Ok(self.sources());
        }
        let folders: Vec<PathBuf> = folders
            .iter()
            .map(|folder| folder.canonicalize().map_err(LibraryError::io(folder)))
            .collect::<Result<_, _>>()?;
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

/// Whether a file of the image exists in one of the sources.
fn is_within(record: &ImageRecord, sources: &[PathBuf]) -> bool {
    let walked = |path: &PathBuf| sources.iter().any(|source| path.starts_with(source));
    record.paths.iter().any(|path| walked(path) && path.is_file())
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
