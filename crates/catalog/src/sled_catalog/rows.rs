use std::collections::BTreeMap;
use std::ops::Bound;

use eidetic_domain::{ImageId, RowId};

use super::{PAGE, SledCatalog, next_from};
use crate::edit::{Outcome, row_name};
use crate::keys::{self, Range};
use crate::records::{StoredImage, unseal};
use crate::{CatalogError, RowStore, SpaceNumber};

/// Keys removed at once when a space goes.
const DROPPED: usize = 10_000;
/// No image's id stands before the first or after the last.
const ALL_IMAGES: [ImageId; 2] = [ImageId::from_bytes([0; 32]), ImageId::from_bytes([u8::MAX; 32])];

impl SledCatalog {
    /// Forgets the rows and tags of this space, as one that is no more; what a crash leaves of it is removed by the next
    /// call. Images, files, and other spaces stay as they are.
    ///
    /// The first space's rows stay unseen in the images' records.
    pub fn drop_space(&self) -> Result<(), CatalogError> {
        let [first, last] = ALL_IMAGES;
        if self.space != SpaceNumber::FIRST {
            self.remove_keys(keys::rows_between(&first, &last), |key| self.is_own(key))?;
        }
        self.remove_keys(keys::all_tags(self.space), |key| self.is_own(key))?;
        self.remove_keys(keys::all_tagged_of(self.space), |_| true)
    }

    /// Whether a key among the rows or the tags is of this space.
    pub(super) fn is_own(&self, key: &[u8]) -> bool {
        self.space == SpaceNumber::FIRST || keys::space_of(key) == Some(self.space)
    }

    /// How many entries of a range count.
    fn count(&self, range: Range, counts: impl Fn(&[u8], &[u8]) -> bool) -> Result<u64, CatalogError> {
        let (mut from, to) = range;
        let mut counted = 0;
        loop {
            let page = self.store.page((from, to.clone()), PAGE)?;
            counted += page.iter().filter(|(key, value)| counts(key, value)).count() as u64;
            match next_from(&page) {
                Some(next) => from = next,
                None => return Ok(counted),
            }
        }
    }

    /// Removes the keys of a range that are `own`, some thousands at a time.
    fn remove_keys(&self, range: Range, own: impl Fn(&[u8]) -> bool) -> Result<(), CatalogError> {
        let (mut from, to) = range;
        loop {
            let mut state = self.writing();
            let page = self.store.page((from, to.clone()), DROPPED)?;
            let mut writes = sled::Batch::default();
            let gone = page.iter().map(|(key, _)| key).filter(|key| own(key));
            gone.for_each(|key| writes.remove(key));
            let outcome = Outcome {
                writes,
                counts: state.counts(),
                forgotten: Vec::new(),
            };
            if page.iter().any(|(key, _)| own(key)) {
                self.commit(&mut state, outcome)?;
            }
            match page.last() {
                Some((key, _)) if page.len() == DROPPED => from = Bound::Excluded(key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    /// An image's row in this space.
    pub(super) fn row(&self, id: &ImageId, stored: &StoredImage) -> Result<Option<RowId>, CatalogError> {
        match self.space {
            SpaceNumber::FIRST => Ok(stored.first_row()),
            space => self.store.get(&keys::row(space, id), || row_name(id)),
        }
    }

    /// The rows in this space of the images from the first of `ids` to the last; none of the first space, whose rows
    /// stand in the images' records.
    pub(super) fn rows_between(&self, ids: &[ImageId]) -> Result<BTreeMap<ImageId, RowId>, CatalogError> {
        let (Some(first), Some(last), false) = (ids.first(), ids.last(), self.space == SpaceNumber::FIRST)
        else {
            return Ok(BTreeMap::new());
        };
        let page = self.store.page(keys::rows_between(first, last), usize::MAX)?;
        let own = page.iter().filter(|(key, _)| self.is_own(key));
        own.map(|(key, sealed)| {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let row = unseal(key, sealed).ok_or_else(|| self.store.damaged(row_name(&id)))?;
            Ok((id, row))
        })
        .collect()
    }

    /// An image's row in this space, where `rows` is of [`rows_between`](Self::rows_between).
    pub(super) fn row_among(
        &self,
        rows: &BTreeMap<ImageId, RowId>,
        id: &ImageId,
        stored: &StoredImage,
    ) -> Option<RowId> {
        match self.space {
            SpaceNumber::FIRST => stored.first_row(),
            _ => rows.get(id).copied(),
        }
    }
}

impl RowStore for SledCatalog {
    fn put_rows(&self, rows: &[(ImageId, RowId)]) -> Result<Vec<ImageId>, CatalogError> {
        let mut state = self.writing();
        let (outcome, unknown) = self.edit(&state).rows(rows)?;
        if let Some(outcome) = outcome {
            self.commit(&mut state, outcome)?;
        }
        Ok(unknown)
    }

    fn remove_rows(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        if images.is_empty() {
            return Ok(());
        }
        let mut state = self.writing();
        let outcome = self.edit(&state).rows_removal(images)?;
        self.commit(&mut state, outcome).map(drop)
    }

    fn count_rows(&self) -> Result<u64, CatalogError> {
        if self.space == SpaceNumber::FIRST {
            let range = (Bound::Included(b"i".into()), Bound::Excluded(b"j".into()));
            let stored = |key: &[u8], sealed: &[u8]| unseal::<StoredImage>(key, sealed);
            return self.count(range, |key, sealed| {
                stored(key, sealed).is_some_and(|stored| stored.first_row().is_some())
            });
        }
        let [first, last] = ALL_IMAGES;
        self.count(keys::rows_between(&first, &last), |key, _| self.is_own(key))
    }
}
