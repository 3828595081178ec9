//! From a batch to the writes that carry it out, counters included.

mod rows;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use eidetic_domain::ImageId;

pub use rows::row_name;
pub use tags::tags_name;

use crate::records::StoredFile;
use crate::store::Store;
use crate::{CatalogCounts, CatalogError, FileRecord, FileState, NewImage, SpaceNumber, WriteBatch, keys};

/// How many paths of an image are looked at in one go for one that stays.
const PAGE: usize = 256;

/// What a batch comes to, before anything is written.
pub struct Edit<'a> {
    store: &'a Store,
    /// Whose rows and tags are written.
    space: SpaceNumber,
    writes: sled::Batch,
    counts: CatalogCounts,
    images: BTreeMap<ImageId, &'a NewImage>,
    /// Images that stand, after the batch, at a path that the batch names.
    attached: BTreeSet<ImageId>,
    /// Keys that say where images stood and no longer do.
    detached: BTreeSet<Vec<u8>>,
    /// Images that may be without a path afterwards.
    touched: BTreeSet<ImageId>,
}

/// The writes, what the counters are afterwards, and which images are gone.
pub struct Outcome {
    pub writes: sled::Batch,
    pub counts: CatalogCounts,
    pub forgotten: Vec<ImageId>,
}

impl<'a> Edit<'a> {
    /// An edit that changes nothing yet.
    pub fn new(store: &'a Store, space: SpaceNumber, counts: CatalogCounts) -> Self {
        Self {
            store,
            space,
            writes: sled::Batch::default(),
            counts,
            images: BTreeMap::new(),
            attached: BTreeSet::new(),
            detached: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Works out all of `batch`.
    pub fn batch(mut self, batch: &'a WriteBatch) -> Result<Outcome, CatalogError> {
        self.images = batch.images.iter().map(|new| (new.image, new)).collect();
        self.touched = self.images.keys().copied().collect();
        self.require_known(&batch.files)?;
        for (path, file) in last_words(batch) {
            self.replace(&path, file)?;
        }
        let forgotten = self.settle_images()?;
        Ok(self.outcome(forgotten))
    }

    /// Works out that `images` and their files are forgotten.
    pub fn removal(mut self, images: &[ImageId]) -> Result<Outcome, CatalogError> {
        let mut forgotten = Vec::new();
        for id in images.iter().copied().collect::<BTreeSet<_>>() {
            if !self.store.contains(&keys::image(&id))? {
                continue;
            }
            for key in stands_keys(self.store, &id)? {
                self.writes.remove(keys::file(keys::path_of_stands(&key)));
                self.writes.remove(key);
                self.counts.paths -= 1;
            }
            self.forget_image(&id)?;
            forgotten.push(id);
        }
        Ok(self.outcome(forgotten))
    }

    fn outcome(self, forgotten: Vec<ImageId>) -> Outcome {
        Outcome {
            writes: self.writes,
            counts: self.counts,
            forgotten,
        }
    }

    fn require_known(&self, files: &[FileRecord]) -> Result<(), CatalogError> {
        for file in files {
            if let FileState::Indexed(id) = file.state
                && !self.images.contains_key(&id)
                && !self.store.contains(&keys::image(&id))?
            {
                return Err(CatalogError::UnknownImage(id));
            }
        }
        Ok(())
    }

    /// Puts `new` in the place of whatever is known of `path`.
    fn replace(&mut self, path: &[u8], new: Option<&FileRecord>) -> Result<(), CatalogError> {
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
                let key = keys::stands(id, path);
                self.writes.remove(key.as_slice());
                self.detached.insert(key);
                self.touched.insert(*id);
                self.counts.paths -= 1;
            }
            FileState::Failed(_) => self.counts.failed -= 1,
            FileState::NotImage => {}
        }
    }

    fn attach(&mut self, path: &[u8], key: &[u8], file: &FileRecord) -> Result<(), CatalogError> {
        match &file.state {
            FileState::Indexed(id) => {
                self.store
                    .insert(&mut self.writes, &keys::stands(id, path), &())?;
                self.attached.insert(*id);
                self.counts.paths += 1;
            }
            FileState::Failed(_) => self.counts.failed += 1,
            FileState::NotImage => {}
        }
        let stored = StoredFile::new(file.stamp, &file.state);
        self.store.insert(&mut self.writes, key, &stored)
    }

    /// Writes the new images that stand somewhere and forgets all that stand nowhere; gives the latter.
    fn settle_images(&mut self) -> Result<Vec<ImageId>, CatalogError> {
        let mut forgotten = Vec::new();
        for id in std::mem::take(&mut self.touched) {
            let known = self.store.contains(&keys::image(&id))?;
            if !self.attached.contains(&id) && !self.stands_elsewhere(&id)? {
                forgotten.push(id);
                if known {
                    self.forget_image(&id)?;
                }
            } else if let Some(new) = self.images.get(&id) {
                self.write_image(new)?;
                self.counts.images += u64::from(!known);
            }
        }
        Ok(forgotten)
    }

    fn forget_image(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        self.untag_everywhere(id)?;
        self.forget_rows(id)?;
        self.writes.remove(keys::image(id));
        self.counts.images -= 1;
        Ok(())
    }

    /// Whether a path that the batch does not take away keeps the image.
    fn stands_elsewhere(&self, id: &ImageId) -> Result<bool, CatalogError> {
        let mut from = Bound::Included(keys::stands(id, &[]));
        loop {
            let page = self.store.page((from, after_all_stands(id)), PAGE)?;
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

/// The keys that say where an image stands, in order of path.
pub fn stands_keys(store: &Store, id: &ImageId) -> Result<Vec<sled::IVec>, CatalogError> {
    let range = (Bound::Included(keys::stands(id, &[])), after_all_stands(id));
    let page = store.page(range, usize::MAX)?;
    Ok(page.into_iter().map(|(key, _)| key).collect())
}

/// Names a file's record in an error.
pub fn file_name(path: &[u8]) -> String {
    format!("the record of the file {}", keys::path_from_bytes(path).display())
}

/// Paths begin with the separator 0 or a drive letter, so that no path stands at or above this.
fn after_all_stands(id: &ImageId) -> Bound<Vec<u8>> {
    Bound::Excluded(keys::stands(id, &[u8::MAX; 2]))
}

/// What the batch says last of each path: files replace each other in order, and removal has the last word.
fn last_words(batch: &WriteBatch) -> BTreeMap<Vec<u8>, Option<&FileRecord>> {
    let files = batch
        .files
        .iter()
        .map(|file| (keys::path_bytes(&file.path), Some(file)));
    let removed = batch.removed.iter().map(|path| (keys::path_bytes(path), None));
    files.chain(removed).collect()
}
