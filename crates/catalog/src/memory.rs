//! A catalog in memory, for tests.

mod feedback;
mod removed;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use eidetic_domain::{Details, Filter, ImageId, RowId};

use crate::removed::now_ms;
use crate::{
    Catalog, CatalogCounts, CatalogError, Feedback, FileRecord, FileStamp, FileState, ImageRecord, ImageTags,
    NewImage, RowStore, SpaceNumber, WriteBatch, matching_records,
};

/// A catalog in memory: a test double, and the simple implementation that
/// [`SledCatalog`](crate::SledCatalog) is compared with in tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryCatalog {
    space: SpaceNumber,
    tables: Arc<RwLock<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    images: BTreeMap<ImageId, NewImage>,
    removed: BTreeMap<ImageId, KeptImage>,
    files: BTreeMap<PathBuf, (FileStamp, FileState)>,
    paths: BTreeMap<ImageId, BTreeSet<PathBuf>>,
    rows: BTreeMap<(SpaceNumber, ImageId), RowId>,
    details: BTreeMap<ImageId, Details>,
    added_ms: BTreeMap<ImageId, Option<i64>>,
    tags: BTreeMap<(SpaceNumber, ImageId), ImageTags>,
    feedback: Vec<Feedback>,
}

/// An image that lost its last path.
#[derive(Debug)]
struct KeptImage {
    image: NewImage,
    removed_at_ms: i64,
    path: PathBuf,
}

impl MemoryCatalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same catalog as another space sees it.
    #[must_use]
    pub fn for_space(&self, space: SpaceNumber) -> Self {
        Self {
            space,
            ..self.clone()
        }
    }

    /// Removes the rows and tags of this space.
    pub fn drop_space(&self) {
        let mut tables = self.write();
        tables.rows.retain(|(space, _), _| *space != self.space);
        tables.tags.retain(|(space, _), _| *space != self.space);
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog for MemoryCatalog {
    fn get_many(&self, images: &[ImageId]) -> Result<Vec<Option<ImageRecord>>, CatalogError> {
        let tables = self.read();
        Ok(images.iter().map(|id| tables.record(self.space, id)).collect())
    }

    fn details(&self, image: &ImageId) -> Result<Option<Details>, CatalogError> {
        let tables = self.read();
        let is_known = tables.images.contains_key(image);
        Ok(tables.details.get(image).filter(|_| is_known).cloned())
    }

    fn put_batch(&self, batch: &WriteBatch) -> Result<Vec<ImageId>, CatalogError> {
        let mut tables = self.write();
        tables.require_known(batch)?;
        Ok(tables.apply(self.space, batch))
    }

    fn remove(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for id in images {
            if !tables.images.contains_key(id) {
                continue;
            }
            tables.delete_image(id);
            for path in tables.paths.remove(id).unwrap_or_default() {
                tables.files.remove(&path);
            }
        }
        Ok(())
    }

    fn scan(&self) -> Box<dyn Iterator<Item = Result<ImageRecord, CatalogError>> + '_> {
        let tables = self.read();
        let records: Vec<_> = tables
            .images
            .keys()
            .filter_map(|id| tables.record(self.space, id))
            .collect();
        Box::new(records.into_iter().map(Ok))
    }

    fn images_matching(
        &self,
        filter: &Filter,
        among: Option<&[ImageId]>,
    ) -> Result<Vec<ImageId>, CatalogError> {
        let all: Vec<ImageId> = self.read().images.keys().copied().collect();
        matching_records(self, among.unwrap_or(&all), filter)
    }

    fn file(&self, path: &Path) -> Result<Option<FileRecord>, CatalogError> {
        let tables = self.read();
        Ok(tables.files.get_key_value(path).map(file_record))
    }

    fn files_under(&self, folder: &Path) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_> {
        let tables = self.read();
        let within = |(path, _): &(&PathBuf, _)| path.starts_with(folder);
        let records: Vec<_> = tables.files.iter().filter(within).map(file_record).collect();
        Box::new(records.into_iter().map(Ok))
    }

    fn all_files(&self) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_> {
        let tables = self.read();
        let records: Vec<_> = tables.files.iter().map(file_record).collect();
        Box::new(records.into_iter().map(Ok))
    }

    fn counts(&self) -> Result<CatalogCounts, CatalogError> {
        let tables = self.read();
        let failed = |(_, state): &&(_, FileState)| matches!(state, FileState::Failed(_));
        Ok(CatalogCounts {
            images: tables.images.len() as u64,
            paths: tables.paths.values().map(|paths| paths.len() as u64).sum(),
            failed: tables.files.values().filter(failed).count() as u64,
        })
    }
}

impl RowStore for MemoryCatalog {
    fn put_rows(&self, rows: &[(ImageId, RowId)]) -> Result<Vec<ImageId>, CatalogError> {
        let mut tables = self.write();
        let mut unknown = BTreeSet::new();
        for (id, row) in rows {
            if tables.images.contains_key(id) {
                tables.rows.insert((self.space, *id), *row);
            } else {
                unknown.insert(*id);
            }
        }
        Ok(unknown.into_iter().collect())
    }

    fn remove_rows(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for id in images {
            if tables.images.contains_key(id) {
                tables.rows.remove(&(self.space, *id));
            }
        }
        Ok(())
    }

    fn rows(&self) -> Result<Vec<(RowId, ImageId)>, CatalogError> {
        let tables = self.read();
        let own = tables
            .rows
            .iter()
            .filter(|((space, image), _)| *space == self.space && tables.images.contains_key(image));
        Ok(own.map(|((_, image), row)| (*row, *image)).collect())
    }

    fn count_rows(&self) -> Result<u64, CatalogError> {
        let tables = self.read();
        let own = tables
            .rows
            .keys()
            .filter(|(space, image)| *space == self.space && tables.images.contains_key(image));
        Ok(own.count() as u64)
    }
}

impl Tables {
    fn record(&self, space: SpaceNumber, id: &ImageId) -> Option<ImageRecord> {
        let image = self.images.get(id)?;
        let mut metadata = image.metadata.clone();
        let details = self.details.get(id);
        if let Some(details) = details {
            metadata.taken = details.taken.map(|taken| taken.time);
            metadata.camera.clone_from(&details.camera);
            metadata.position = details.position;
        }
        Some(ImageRecord {
            image: *id,
            row: self.rows.get(&(space, *id)).copied(),
            bytes: image.bytes,
            metadata,
            taken_source: details
                .and_then(|details| details.taken)
                .map(|taken| taken.source),
            added_ms: self.added_ms.get(id).copied().flatten(),
            paths: self.paths.get(id)?.iter().cloned().collect(),
        })
    }

    fn require_known(&self, batch: &WriteBatch) -> Result<(), CatalogError> {
        for file in &batch.files {
            if let FileState::Indexed(id) = file.state
                && !self.images.contains_key(&id)
                && !self.removed.contains_key(&id)
                && !batch.images.iter().any(|new| new.image == id)
            {
                return Err(CatalogError::UnknownImage(id));
            }
        }
        Ok(())
    }

    fn delete_image(&mut self, id: &ImageId) {
        self.images.remove(id);
        self.details.remove(id);
        self.added_ms.remove(id);
        self.rows.retain(|(_, image), _| image != id);
        self.tags.retain(|(_, image), _| image != id);
    }

    fn apply(&mut self, space: SpaceNumber, batch: &WriteBatch) -> Vec<ImageId> {
        let mut touched = BTreeSet::new();
        // The last path in order counts, as on disk, whatever the order of the batch.
        let paths: BTreeSet<&PathBuf> = batch
            .files
            .iter()
            .map(|file| &file.path)
            .chain(&batch.removed)
            .collect();
        let mut lost_paths = BTreeMap::new();
        for path in paths {
            if let Some((_, FileState::Indexed(id))) = self.files.get(path) {
                lost_paths.insert(*id, path.clone());
            }
        }
        for file in &batch.files {
            self.detach(&file.path);
            self.attach(file);
        }
        for path in &batch.removed {
            self.detach(path);
        }
        touched.extend(lost_paths.keys().copied());
        touched.extend(batch.images.iter().map(|image| image.image));
        for id in self.paths.keys() {
            if let Some(kept) = self.removed.remove(id) {
                self.images.insert(*id, kept.image);
            }
        }
        for image in &batch.images {
            if self.paths.contains_key(&image.image) {
                self.images.insert(image.image, image.clone());
                self.added_ms.entry(image.image).or_insert(batch.at_ms);
                self.rows.insert((space, image.image), image.row);
            }
        }
        for (id, details) in &batch.details {
            if self.images.contains_key(id) && self.paths.contains_key(id) {
                self.details.insert(*id, details.clone());
            }
        }
        touched.retain(|id| !self.paths.contains_key(id));
        for id in &touched {
            self.keep_removed(id, lost_paths.remove(id).unwrap_or_default());
        }
        touched.into_iter().collect()
    }

    fn keep_removed(&mut self, id: &ImageId, path: PathBuf) {
        if let Some(image) = self.images.remove(id) {
            let kept = KeptImage {
                image,
                removed_at_ms: now_ms(),
                path,
            };
            self.removed.insert(*id, kept);
        }
    }

    fn attach(&mut self, file: &FileRecord) {
        if let FileState::Indexed(id) = file.state {
            self.paths.entry(id).or_default().insert(file.path.clone());
        }
        self.files
            .insert(file.path.clone(), (file.stamp, file.state.clone()));
    }

    /// Removes the file at `path`.
    fn detach(&mut self, path: &Path) {
        let Some((_, FileState::Indexed(id))) = self.files.remove(path) else {
            return;
        };
        if let Some(paths) = self.paths.get_mut(&id) {
            paths.remove(path);
            if paths.is_empty() {
                self.paths.remove(&id);
            }
        }
    }
}

fn file_record((path, (stamp, state)): (&PathBuf, &(FileStamp, FileState))) -> FileRecord {
    FileRecord {
        path: path.clone(),
        stamp: *stamp,
        state: state.clone(),
    }
}
