//! What is no longer there.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use eidetic_catalog::{FileState, WriteBatch};
use eidetic_domain::ImageId;
use eidetic_vectors::VectorIndex;

use crate::commit::short_name;
use crate::plan::Findings;
use crate::{Indexer, IndexingError};

/// Paths removed at once.
const BATCH: usize = 1000;

/// What removing came to.
#[derive(Default)]
pub struct Removed {
    /// Paths of pictures that are gone for good.
    pub removed: u64,
    /// Paths whose picture was met again at a new path.
    pub moved: u64,
}

/// Removes vanished files from catalog, vectors and thumbnails, in this order.
pub struct Removal<'a, V: VectorIndex + ?Sized> {
    pub indexer: &'a Indexer<'a, V>,
    /// Sources not walked in this run.
    pub other_sources: &'a [PathBuf],
    /// How many new paths each content was met at, by short name; each accounts for one that vanished.
    pub met_again: HashMap<u64, u32>,
}

impl<V: VectorIndex + ?Sized> Removal<'_, V> {
    /// Removes what vanished, but nothing at or below a place that could not be looked at.
    pub fn run(mut self, findings: &Findings) -> Result<Removed, IndexingError> {
        let mut totals = Removed::default();
        let other_sources = self.other_sources;
        let obstructed = |path: &Path| path.ancestors().any(|part| findings.obstructed.contains(part));
        let kept = |path: &Path| other_sources.iter().any(|other| keeps(other, path));
        let mut gone = findings
            .vanished
            .iter()
            .filter(|path| !obstructed(path) && !kept(path));
        loop {
            let removed: Vec<PathBuf> = gone.by_ref().take(BATCH).collect();
            if removed.is_empty() {
                return Ok(totals);
            }
            self.remove(removed, &mut totals)?;
        }
    }

    fn remove(&mut self, removed: Vec<PathBuf>, totals: &mut Removed) -> Result<(), IndexingError> {
        for path in &removed {
            if let Some(FileState::Indexed(image)) = self.indexer.catalog.file(path)?.map(|file| file.state) {
                self.account(&image, totals);
            }
        }
        let batch = WriteBatch {
            removed,
            ..WriteBatch::default()
        };
        let forgotten = self.indexer.catalog.put_batch(&batch)?;
        forget(self.indexer, &forgotten)
    }

    fn account(&mut self, image: &ImageId, totals: &mut Removed) {
        match self.met_again.get_mut(&short_name(image)) {
            Some(new_paths) if *new_paths > 0 => {
                *new_paths -= 1;
                totals.moved += 1;
            }
            _ => totals.removed += 1,
        }
    }
}

/// Whether a source that was not walked keeps a file that a walk around it passed over: it does unless the file is
/// really gone from a source that is really there.
fn keeps(source: &Path, path: &Path) -> bool {
    let gone = || {
        fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && source.exists()
    };
    path.starts_with(source) && !gone()
}

/// Lets go of the vectors and thumbnails of images that the catalog has durably forgotten.
pub fn forget<V: VectorIndex + ?Sized>(
    indexer: &Indexer<'_, V>,
    forgotten: &[ImageId],
) -> Result<(), IndexingError> {
    if forgotten.is_empty() {
        return Ok(());
    }
    indexer
        .vectors
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(forgotten)?;
    (indexer.forgotten)(forgotten);
    for image in forgotten {
        if let Some(store) = indexer.thumbnails
            && let Err(error) = store.remove(image)
        {
            tracing::warn!(%image, %error, "a thumbnail could not be removed");
        }
    }
    Ok(())
}
