//! Images that were removed: their vectors and tags are kept for a while, then deleted; and folders that are forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, FileState, RemovedStore, WriteBatch, now_ms};
use eidetic_domain::ImageId;
use eidetic_indexer::normalize;

use crate::{Library, LibraryError};

/// Paths, or images, that are deleted in one step.
const BATCH: usize = 1000;
/// A file among the thumbnails that says that each belongs to an image.
const SWEPT: &str = "swept";
const MS_PER_DAY: i64 = 86_400_000;

impl Library {
    /// Removes a folder from the library, with all images that have no other path, at once and for good. Its files are not
    /// touched and may be deleted already. Returns the number of paths that were removed; `None` if the library has
    /// nothing to do with the folder.
    ///
    /// A folder below a source is left out of all later runs, until it is indexed by name. Once this began, an
    /// interruption does not undo it: the next run continues.
    pub fn forget(&self, folder: &Path) -> Result<Option<u64>, LibraryError> {
        let _run = self.lock_indexing_first()?;
        let needs_sweep = self.needs_sweep();
        let named = normalize(folder);
        let real = folder.canonicalize().unwrap_or_else(|_| named.clone());
        let is_known = |folder: &Path| {
            let manifest = self.read_manifest();
            let mut sources = manifest.sources.iter();
            let is_related = sources
                .any(|source| source.starts_with(folder) || folder.exists() && folder.starts_with(source));
            drop(manifest);
            is_related || self.catalog.files_under(folder).next().is_some()
        };
        let folders: Vec<PathBuf> = if real == named {
            vec![real]
        } else {
            vec![real, named]
        };
        let known: Vec<PathBuf> = folders.into_iter().filter(|folder| is_known(folder)).collect();
        if known.is_empty() {
            return Ok(None);
        }
        self.begin_changes()?;
        for folder in &known {
            self.change_manifest(|manifest| manifest.forget(folder))?;
        }
        let paths = self.finish_forgetting()?;
        if !needs_sweep {
            self.end_changes(needs_sweep);
        }
        Ok(Some(paths))
    }

    /// Removes what is planned to be forgotten. Returns the number of paths.
    pub(crate) fn finish_forgetting(&self) -> Result<u64, LibraryError> {
        let planned = self.read_manifest().forgetting.clone();
        let mut paths = 0;
        for folder in planned {
            paths += self.remove_paths_below(&folder)?;
            self.erase_removed(|_, last_path| last_path.starts_with(&folder))?;
            self.change_manifest(|manifest| manifest.forgetting.retain(|other| *other != folder))?;
        }
        if paths > 0 {
            self.clear_filter_caches();
        }
        Ok(paths)
    }

    fn remove_paths_below(&self, folder: &Path) -> Result<u64, LibraryError> {
        let mut paths = 0;
        loop {
            let files = self.catalog.files_under(folder).take(BATCH);
            let removed = files
                .map(|file| file.map(|file| file.path))
                .collect::<Result<Vec<PathBuf>, _>>()?;
            if removed.is_empty() {
                return Ok(paths);
            }
            paths += removed.len() as u64;
            let batch = WriteBatch {
                removed,
                ..WriteBatch::default()
            };
            let images = self.catalog.put_batch(&batch)?;
            self.erase(&images)?;
        }
    }

    /// Deletes removed images that were kept long enough.
    pub(crate) fn erase_expired(&self) -> Result<(), LibraryError> {
        let days = self.read_manifest().indexing.keep_removed_days;
        let expired = now_ms().saturating_sub(i64::from(days) * MS_PER_DAY);
        self.erase_removed(|removed_at_ms, _| removed_at_ms <= expired)
    }

    /// Deletes the removed images that `selects` accepts, by the time of their removal and their last path.
    fn erase_removed(&self, selects: impl Fn(i64, &Path) -> bool) -> Result<(), LibraryError> {
        let mut images = Vec::new();
        for removed in self.catalog.removed() {
            let removed = removed?;
            if selects(removed.removed_at_ms, &removed.path) {
                images.push(removed.image);
            }
        }
        images.chunks(BATCH).try_for_each(|images| self.erase(images))
    }

    /// Deletes removed images for good: the records first, then the vectors, then the thumbnails.
    fn erase(&self, images: &[ImageId]) -> Result<(), LibraryError> {
        self.catalog.purge(images)?;
        self.active().remove(images)?;
        for (number, space) in &*self.opened_others() {
            if let Err(error) = space.remove(images) {
                tracing::warn!(%number, "cannot remove the vectors of deleted images yet: {error}");
            }
        }
        let directory = self.directory.join("thumbnails");
        for image in images {
            self.thumbnails
                .remove(image)
                .map_err(LibraryError::io(&directory))?;
        }
        Ok(())
    }

    /// Called before images are added or removed: an interruption may leave thumbnails of no image.
    pub(crate) fn begin_changes(&self) -> Result<(), LibraryError> {
        let path = self.directory.join("thumbnails").join(SWEPT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LibraryError::io(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Whether the last change was interrupted, or was made by a version that did not tell.
    pub(crate) fn needs_sweep(&self) -> bool {
        !self.directory.join("thumbnails").join(SWEPT).exists()
    }

    /// Called after a complete run. Deletes the thumbnails of no image after an interruption. Thumbnails are derived, so
    /// a failure is only logged.
    pub(crate) fn end_changes(&self, needs_sweep: bool) {
        let directory = self.directory.join("thumbnails");
        if needs_sweep {
            let mut keep =
                |image: &ImageId| self.catalog.contains(image).unwrap_or(true) || self.is_kept(image);
            match self.thumbnails.retain(&mut keep) {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(deleted, "deleted thumbnails of no image"),
                Err(error) => {
                    tracing::warn!("{}: {error}", directory.display());
                    return;
                }
            }
        }
        if let Err(error) = fs::write(directory.join(SWEPT), b"") {
            tracing::warn!("{}: {error}", directory.display());
        }
    }

    fn is_kept(&self, image: &ImageId) -> bool {
        self.catalog.is_removed(image).unwrap_or(true)
    }

    /// Number of files with an image at or below a folder.
    pub(crate) fn count_images(&self, folder: &Path) -> Result<u64, LibraryError> {
        let mut images = 0;
        for file in self.catalog.files_under(folder) {
            images += u64::from(matches!(file?.state, FileState::Indexed(_)));
        }
        Ok(images)
    }
}
