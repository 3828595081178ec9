//! Removes files that no longer exist, and counts moved files apart from removed ones.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use eidetic_catalog::{FileState, WriteBatch};
use eidetic_containers::file_at;
use eidetic_domain::{ImageId, PartPath};
use eidetic_vectors::VectorIndex;

use crate::absence::{AbsenceCheck, UnreachableSource};
use crate::duplicates::DuplicateCounts;
use crate::findings::WalkFindings;
use crate::mounts::MountTable;
use crate::{Indexer, IndexerOptions, IndexingError};

/// Paths removed in one catalog batch.
const PATHS_PER_BATCH: usize = 1000;

/// What became of the paths that the walk did not find.
#[derive(Default)]
pub struct RemovalOutcome {
    /// Removed paths whose image has no new path.
    pub removed: u64,
    /// Removed paths whose image was found at a new path.
    pub moved: u64,
    /// Sources, and parts of sources, whose paths are kept.
    pub unreachable: Vec<UnreachableSource>,
}

/// What was found inside files that were read in this run.
#[derive(Default)]
pub struct InsideFiles {
    /// The paths of the pictures inside them.
    pub found: HashSet<PathBuf>,
    /// Files that could not be read: whether the pictures inside them are still there is unknown.
    pub unread: HashSet<PathBuf>,
}

/// Removes deleted files from the catalog and hides the vectors of their images, in this order.
pub struct Removal<'a, V: VectorIndex + ?Sized> {
    pub indexer: &'a Indexer<'a, V>,
    pub options: &'a IndexerOptions,
    /// Sources that were not walked in this run.
    pub other_sources: &'a [PathBuf],
    /// What was found inside files that were read again.
    pub inside: &'a InsideFiles,
    /// Each new path accounts for one deleted path of the same image.
    pub duplicates: DuplicateCounts,
    pub mounts: &'a MountTable,
}

impl<V: VectorIndex + ?Sized> Removal<'_, V> {
    /// Removes the deleted paths, except at or below a path that could not be read or reached.
    pub fn run(mut self, findings: &WalkFindings) -> Result<RemovalOutcome, IndexingError> {
        let mut outcome = RemovalOutcome::default();
        let other_sources = self.other_sources;
        let inside = self.inside;
        let is_unreadable = |path: &Path| path.ancestors().any(|part| findings.unreadable.contains(part));
        let is_kept = |path: &Path| {
            is_unreadable(path)
                || inside.found.contains(path)
                || PartPath::parse(path)
                    .is_some_and(|part| inside.unread.contains(&part.file) || is_unreadable(&part.file))
                || other_sources.iter().any(|source| keeps(source, path))
        };
        for source in &findings.sources {
            let check = AbsenceCheck {
                catalog: self.indexer.catalog,
                limit: self.options.removal_limit,
                accepted: &self.options.accepted,
                duplicates: &self.duplicates,
                mounts: self.mounts,
            };
            let unreachable = check.unreachable_parts(source, &is_kept)?;
            let is_reachable = |path: &Path| {
                let part = &source.parts[source.part_of(path)].path;
                unreachable.iter().all(|absent| absent.path != *part)
            };
            let removed = source.deleted.iter();
            self.remove_all(
                removed.filter(|path| !is_kept(path) && is_reachable(path)),
                &mut outcome,
            )?;
            outcome.unreachable.extend(unreachable);
        }
        Ok(outcome)
    }

    fn remove_all(
        &mut self,
        mut removed: impl Iterator<Item = PathBuf>,
        outcome: &mut RemovalOutcome,
    ) -> Result<(), IndexingError> {
        loop {
            let batch: Vec<PathBuf> = removed.by_ref().take(PATHS_PER_BATCH).collect();
            if batch.is_empty() {
                return Ok(());
            }
            self.remove(batch, outcome)?;
        }
    }

    fn remove(&mut self, removed: Vec<PathBuf>, outcome: &mut RemovalOutcome) -> Result<(), IndexingError> {
        for path in &removed {
            if let Some(FileState::Indexed(image)) = self.indexer.catalog.file(path)?.map(|file| file.state) {
                if self.duplicates.take(&image) {
                    outcome.moved += 1;
                } else {
                    outcome.removed += 1;
                }
            }
        }
        let batch = WriteBatch {
            removed,
            ..WriteBatch::default()
        };
        let images = self.indexer.catalog.put_batch(&batch)?;
        hide_removed(self.indexer, &images)
    }
}

/// Whether a source that was not walked keeps a file that the walk of an outer source skipped: it does unless
/// the file does not exist and the source does.
fn keeps(source: &Path, path: &Path) -> bool {
    let is_deleted = || {
        fs::symlink_metadata(file_at(path)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && source.exists()
    };
    path.starts_with(source) && !is_deleted()
}

/// Hides the vectors of images that the catalog has durably removed. Their thumbnails stay: the images may come
/// back.
pub fn hide_removed<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    images: &[ImageId],
) -> Result<(), IndexingError> {
    if images.is_empty() {
        return Ok(());
    }
    indexer
        .vectors
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .hide(images)?;
    (indexer.on_removed)(images);
    Ok(())
}
