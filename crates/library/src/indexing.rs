use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, TryLockError};

use eidetic_catalog::{Catalog, ImageRecord, WriteBatch};
use eidetic_domain::ImageId;
use eidetic_indexer::{BackfillReport, Indexer, IndexerOptions, IndexingReport, RunContext, RunStage};
use eidetic_vectors::VectorIndex;

use crate::{Library, LibraryError, Space};

impl Library {
    /// Brings the library up to date with `folders`, which become its sources; without any, with the sources it has.
    ///
    /// New pictures are embedded in the active space. So are images that it lacks, such as those whose vectors were found
    /// damaged, or whose files were away when it was made. All spaces let go of what is gone.
    pub fn index(
        &self,
        folders: &[PathBuf],
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, LibraryError> {
        let _run = self.claim_indexing()?;
        let space = self.active();
        let encoder = space.encoder()?;
        let sources = self.remember_sources(folders)?;
        self.remember_precision(&space)?;
        let will_be_met = |record: &ImageRecord| is_within(record, &sources);
        space.note_damaged()?;
        space.forget_damaged(will_be_met)?;
        let forgotten = |images: &[ImageId]| self.let_others_go_of(images);
        let indexer = Indexer {
            catalog: &space.catalog,
            vectors: &space.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
            on_removed: &forgotten,
        };
        let options = IndexerOptions {
            excluded: [&options.excluded[..], std::slice::from_ref(&self.directory)].concat(),
            other_sources: self.sources_besides(&sources),
            ..options.clone()
        };
        let report = indexer.run(&sources, &options, context);
        self.clear_admissions();
        let mut report = report?;
        if !report.cancelled && space.lacks_images()? {
            context.observer.stage(RunStage::Backfilling);
            let backfilled = indexer.backfill(&will_be_met, &options, &context.without_observer());
            self.clear_admissions();
            add(&mut report, backfilled?);
        }
        Ok(report)
    }

    /// Takes a folder out of the library, with all that stands at no other path. Its files may be gone already; they are
    /// not touched. Returns how many paths were forgotten.
    pub fn forget(&self, folder: &Path) -> Result<u64, LibraryError> {
        let _run = self.claim_indexing()?;
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
        self.active().let_go_of(&forgotten)?;
        self.let_others_go_of(&forgotten);
        let thumbnails = self.directory.join("thumbnails");
        for image in &forgotten {
            self.thumbnails
                .remove(image)
                .map_err(LibraryError::io(&thumbnails))?;
        }
        self.clear_admissions();
        // Last: a crash before this leaves a source whose next run brings its pictures back, not pictures without a source.
        self.change_manifest(|manifest| {
            manifest
                .sources
                .retain(|source| !source.starts_with(&real) && !source.starts_with(folder));
        })?;
        Ok(paths)
    }

    /// One run at a time. A run that panicked left the catalog and the vectors as its last batch made them.
    pub(crate) fn claim_indexing(&self) -> Result<MutexGuard<'_, ()>, LibraryError> {
        match self.indexing.try_lock() {
            Ok(run) => Ok(run),
            Err(TryLockError::Poisoned(run)) => Ok(run.into_inner()),
            Err(TryLockError::WouldBlock) => Err(LibraryError::AlreadyIndexing),
        }
    }

    fn sources_besides(&self, these: &[PathBuf]) -> Vec<PathBuf> {
        let all = self.read_manifest().sources.clone();
        all.into_iter().filter(|source| !these.contains(source)).collect()
    }

    /// Vectors of forgotten images do no harm: one that cannot be let go of now is dropped at the next opening.
    fn let_others_go_of(&self, images: &[ImageId]) {
        for (number, space) in &*self.opened_others() {
            if let Err(error) = space.let_go_of(images) {
                tracing::warn!(%number, "vectors of removed images stay for now: {error}");
            }
        }
    }

    /// What filters admitted is out of date.
    pub(crate) fn clear_admissions(&self) {
        self.active().admissions.clear();
        for space in self.opened_others().values() {
            space.admissions.clear();
        }
    }

    fn remember_sources(&self, folders: &[PathBuf]) -> Result<Vec<PathBuf>, LibraryError> {
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

    /// Before the run, so that no crash leaves vectors whose precision is not written down.
    pub(crate) fn remember_precision(&self, space: &Space) -> Result<(), LibraryError> {
        let vectors = space.read_vectors().len();
        self.change_manifest(|manifest| {
            if let Some(entry) = manifest.space_mut(space.number) {
                entry.add_precision(space.precision(), vectors);
            }
        })
    }
}

impl Space {
    /// Whether the catalog knows images that have no vector here.
    pub(crate) fn lacks_images(&self) -> Result<bool, LibraryError> {
        Ok((self.read_vectors().len() as u64) < self.catalog.counts()?.images)
    }
}

/// Whether an image's file stands in one of the sources.
fn is_within(record: &ImageRecord, sources: &[PathBuf]) -> bool {
    let walked = |path: &PathBuf| sources.iter().any(|source| path.starts_with(source));
    record.paths.iter().any(|path| walked(path) && path.is_file())
}

/// Adds what a backfill did after a run: its images stood there as unchanged files.
fn add(report: &mut IndexingReport, backfilled: BackfillReport) {
    report.indexed += backfilled.embedded;
    report.encoded += backfilled.embedded;
    report.unchanged = report.unchanged.saturating_sub(backfilled.embedded);
    let failed = backfilled.failed.into_iter().map(|(_, failure)| failure);
    report.failed.extend(failed);
    report.failed.sort_by(|a, b| a.path.cmp(&b.path));
    report.cancelled |= backfilled.cancelled;
}
