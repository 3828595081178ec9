//! Removes files that no longer exist, and counts moved files apart from removed ones.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use eidetic_catalog::{FileState, WriteBatch};
use eidetic_domain::ImageId;
use eidetic_vectors::VectorIndex;

use crate::plan::WalkFindings;
use crate::{Indexer, IndexingError};

/// Paths removed in one catalog batch.
const PATHS_PER_BATCH: usize = 1000;

/// Number of new paths at which each known image was found in a run.
///
/// Images are counted by the first eight bytes of their id: two that agree in these would blur the numbers of
/// the report and nothing else.
#[derive(Default)]
pub struct DuplicateCounts(HashMap<u64, u32>);

impl DuplicateCounts {
    pub fn add(&mut self, image: &ImageId) {
        *self.0.entry(id_prefix(image)).or_default() += 1;
    }

    /// Whether a new path of the image is left to account for one that was deleted. It then counts no more.
    fn take(&mut self, image: &ImageId) -> bool {
        match self.0.get_mut(&id_prefix(image)) {
            Some(new_paths) if *new_paths > 0 => {
                *new_paths -= 1;
                true
            }
            _ => false,
        }
    }
}

fn id_prefix(image: &ImageId) -> u64 {
    let (prefix, _) = image
        .as_bytes()
        .split_first_chunk()
        .expect("an image id is longer than eight bytes");
    u64::from_be_bytes(*prefix)
}

/// How many paths were removed.
#[derive(Default)]
pub struct RemovalCounts {
    /// Paths whose image has no new path.
    pub removed: u64,
    /// Paths whose image was found at a new path.
    pub moved: u64,
}

/// Removes deleted files from catalog, vectors and thumbnails, in this order.
pub struct Removal<'a, V: VectorIndex + ?Sized> {
    pub indexer: &'a Indexer<'a, V>,
    /// Sources that were not walked in this run.
    pub other_sources: &'a [PathBuf],
    /// Each new path accounts for one deleted path of the same image.
    pub duplicates: DuplicateCounts,
}

impl<V: VectorIndex + ?Sized> Removal<'_, V> {
    /// Removes the deleted paths, except at or below a path that could not be read.
    pub fn run(mut self, findings: &WalkFindings) -> Result<RemovalCounts, IndexingError> {
        let mut counts = RemovalCounts::default();
        let other_sources = self.other_sources;
        let is_unreadable = |path: &Path| path.ancestors().any(|part| findings.unreadable.contains(part));
        let is_kept = |path: &Path| other_sources.iter().any(|source| keeps(source, path));
        let mut deleted = findings
            .deleted
            .iter()
            .filter(|path| !is_unreadable(path) && !is_kept(path));
        loop {
            let batch: Vec<PathBuf> = deleted.by_ref().take(PATHS_PER_BATCH).collect();
            if batch.is_empty() {
                return Ok(counts);
            }
            self.remove(batch, &mut counts)?;
        }
    }

    fn remove(&mut self, removed: Vec<PathBuf>, counts: &mut RemovalCounts) -> Result<(), IndexingError> {
        for path in &removed {
            if let Some(FileState::Indexed(image)) = self.indexer.catalog.file(path)?.map(|file| file.state) {
                if self.duplicates.take(&image) {
                    counts.moved += 1;
                } else {
                    counts.removed += 1;
                }
            }
        }
        let batch = WriteBatch {
            removed,
            ..WriteBatch::default()
        };
        let images = self.indexer.catalog.put_batch(&batch)?;
        remove_images(self.indexer, &images)
    }
}

/// Whether a source that was not walked keeps a file that the walk of an outer source skipped: it does unless
/// the file does not exist and the source does.
fn keeps(source: &Path, path: &Path) -> bool {
    let is_deleted = || {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && source.exists()
    };
    path.starts_with(source) && !is_deleted()
}

/// Removes the vectors and thumbnails of images that the catalog has durably removed.
pub fn remove_images<V: VectorIndex + ?Sized>(
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
        .remove(images)?;
    (indexer.on_removed)(images);
    for image in images {
        if let Some(store) = indexer.thumbnails
            && let Err(error) = store.remove(image)
        {
            tracing::warn!(%image, %error, "cannot remove a thumbnail");
        }
    }
    Ok(())
}
