//! Builds the store writes for a batch of changes, counters included.

mod details;
mod removed;
mod rows;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use eidetic_domain::{Details, ImageId};

pub use details::details_name;
pub use removed::removed_name;
pub use rows::row_name;
pub use tags::tags_name;

use crate::records::StoredFile;
use crate::store::{Changes, Store};
use crate::{CatalogCounts, CatalogError, FileRecord, FileState, NewImage, SpaceNumber, WriteBatch, keys};

/// Number of paths of an image that are read at a time in the search for one that remains.
const PAGE: usize = 256;

/// Collects the writes of one batch. Reads the store, writes nothing.
pub struct BatchBuilder<'a> {
    store: &'a Store,
    /// The space whose rows and tags are written.
    space: SpaceNumber,
    writes: Changes,
    counts: CatalogCounts,
    /// When the batch was made.
    at_ms: Option<i64>,
    images: BTreeMap<ImageId, &'a NewImage>,
    details: BTreeMap<ImageId, &'a Details>,
    /// Images that the batch gives a path.
    attached: BTreeSet<ImageId>,
    /// Keys of the `image_path` index that the batch removes.
    detached: BTreeSet<Vec<u8>>,
    /// The last path that the batch takes from an image.
    lost_paths: BTreeMap<ImageId, Vec<u8>>,
    /// Images that may have no path left after the batch.
    touched: BTreeSet<ImageId>,
}

/// Writes that are ready to be applied.
pub struct PreparedBatch {
    pub writes: Changes,
    /// The counters after the writes.
    pub counts: CatalogCounts,
    /// Images that the writes remove or delete.
    pub deleted: Vec<ImageId>,
}

impl<'a> BatchBuilder<'a> {
    pub fn new(store: &'a Store, space: SpaceNumber, counts: CatalogCounts) -> Self {
        Self {
            store,
            space,
            writes: Changes::default(),
            counts,
            at_ms: None,
            images: BTreeMap::new(),
            details: BTreeMap::new(),
            attached: BTreeSet::new(),
            detached: BTreeSet::new(),
            lost_paths: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The writes that apply `batch`.
    pub fn build(mut self, batch: &'a WriteBatch) -> Result<PreparedBatch, CatalogError> {
        self.at_ms = batch.at_ms;
        self.images = batch.images.iter().map(|new| (new.image, new)).collect();
        self.details = batch.details.iter().map(|(id, details)| (*id, details)).collect();
        self.touched = self.images.keys().copied().collect();
        self.touch_described()?;
        self.require_known(&batch.files)?;
        for (path, file) in final_states(batch) {
            self.replace_file(&path, file)?;
        }
        let deleted = self.update_image_records()?;
        Ok(self.finish(deleted))
    }

    /// The writes that delete `images` and the records of their files.
    pub fn build_removal(mut self, images: &[ImageId]) -> Result<PreparedBatch, CatalogError> {
        let mut deleted = Vec::new();
        for id in images.iter().copied().collect::<BTreeSet<_>>() {
            if !self.store.contains(&keys::image(&id))? {
                continue;
            }
            for key in image_path_keys(self.store, &id)? {
                self.writes.remove(keys::file(keys::path_of_image_path(&key)));
                self.writes.remove(key);
                self.counts.paths -= 1;
            }
            self.delete_image(&id)?;
            deleted.push(id);
        }
        Ok(self.finish(deleted))
    }

    fn finish(self, deleted: Vec<ImageId>) -> PreparedBatch {
        PreparedBatch {
            writes: self.writes,
            counts: self.counts,
            deleted,
        }
    }

    fn require_known(&self, files: &[FileRecord]) -> Result<(), CatalogError> {
        for file in files {
            if let FileState::Indexed(id) = file.state
                && !self.images.contains_key(&id)
                && !self.store.contains(&keys::image(&id))?
                && !self.store.contains(&keys::removed(&id))?
            {
                return Err(CatalogError::UnknownImage(id));
            }
        }
        Ok(())
    }

    /// Replaces the record of `path`, or removes it where `new` is none.
    fn replace_file(&mut self, path: &[u8], new: Option<&FileRecord>) -> Result<(), CatalogError> {
        let key = keys::file(path);
        let old = self.store.get::<StoredFile>(&key, || file_name(path))?;
        if let Some(old) = old {
            self.detach(path, &old.into_state());
        }
        if let Some(file) = new {
            return self.attach(path, &key, file);
        }
        self.writes.remove(key);
        Ok(())
    }

    fn detach(&mut self, path: &[u8], old: &FileState) {
        match old {
            FileState::Indexed(id) => {
                let key = keys::image_path(id, path);
                self.writes.remove(key.as_slice());
                self.detached.insert(key);
                self.lost_paths.insert(*id, path.to_owned());
                self.touched.insert(*id);
                self.counts.paths -= 1;
            }
            FileState::Failed(_) => self.counts.failed -= 1,
            FileState::NotImage | FileState::Unsupported(_) => {}
        }
    }

    fn attach(&mut self, path: &[u8], key: &[u8], file: &FileRecord) -> Result<(), CatalogError> {
        match &file.state {
            FileState::Indexed(id) => {
                self.store
                    .insert(&mut self.writes, &keys::image_path(id, path), &())?;
                self.attached.insert(*id);
                // A removed image may come back with this file.
                self.touched.insert(*id);
                self.counts.paths += 1;
            }
            FileState::Failed(_) => self.counts.failed += 1,
            FileState::NotImage | FileState::Unsupported(_) => {}
        }
        let stored = StoredFile::new(file.stamp, &file.state);
        self.store.insert(&mut self.writes, key, &stored)
    }

    /// Writes the images that are new or come back, and removes those that have no path; returns the removed ones.
    fn update_image_records(&mut self) -> Result<Vec<ImageId>, CatalogError> {
        let mut removed = Vec::new();
        for id in std::mem::take(&mut self.touched) {
            let known = self.store.contains(&keys::image(&id))?;
            if !self.attached.contains(&id) && !self.has_other_path(&id)? {
                removed.push(id);
                if known {
                    self.remove_image(&id)?;
                }
                continue;
            }
            let kept = if known { None } else { self.take_removed(&id)? };
            let new = self.images.get(&id).copied();
            if new.is_some() || kept.is_some() || self.details.contains_key(&id) {
                self.write_image(&id, new, kept)?;
                self.counts.images += u64::from(!known);
            }
        }
        Ok(removed)
    }

    fn delete_image(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        self.delete_tags_in_all_spaces(id)?;
        self.delete_rows(id)?;
        self.writes.remove(keys::image(id));
        self.writes.remove(keys::details(id));
        self.counts.images -= 1;
        Ok(())
    }

    /// Whether the image has a stored path that the batch does not remove.
    fn has_other_path(&self, id: &ImageId) -> Result<bool, CatalogError> {
        let (mut from, to) = keys::image_paths(id, id);
        loop {
            let page = self.store.page((from, to.clone()), PAGE)?;
            if page.iter().any(|(key, _)| !self.detached.contains(key.as_ref())) {
                return Ok(true);
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => from = Bound::Excluded(key.to_vec()),
                _ => return Ok(false),
            }
        }
    }
}

/// Names an image's record in an error.
pub fn image_name(id: &ImageId) -> String {
    format!("the record of image {id}")
}

/// The keys of an image in the `image_path` index, ordered by path.
pub fn image_path_keys(store: &Store, id: &ImageId) -> Result<Vec<sled::IVec>, CatalogError> {
    let page = store.page(keys::image_paths(id, id), usize::MAX)?;
    Ok(page.into_iter().map(|(key, _)| key).collect())
}

/// Names a file's record in an error.
pub fn file_name(path: &[u8]) -> String {
    format!("the record of the file {}", keys::path_from_bytes(path).display())
}

/// The state of each path after the batch: later files replace earlier ones, and removals come last.
fn final_states(batch: &WriteBatch) -> BTreeMap<Vec<u8>, Option<&FileRecord>> {
    let files = batch
        .files
        .iter()
        .map(|file| (keys::path_bytes(&file.path), Some(file)));
    let removed = batch.removed.iter().map(|path| (keys::path_bytes(path), None));
    files.chain(removed).collect()
}
