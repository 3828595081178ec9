//! Rows in the catalog on disk, and the removal of a whole space.

use std::collections::BTreeMap;
use std::ops::Bound;

use eidetic_domain::{ImageId, RowId};
use rayon::prelude::*;

use super::SledCatalog;
use crate::batch::{PreparedBatch, image_name, row_name};
use crate::keys::{self, Range};
use crate::records::{StoredImage, StoredRow, decode_checked};
use crate::store::Changes;
use crate::{CatalogError, RemovedStore, RowStore, SpaceNumber};

/// Keys that [`SledCatalog::drop_space`] removes at a time.
const REMOVE_PAGE: usize = 10_000;
/// The least and the greatest possible id.
const ALL_IMAGES: [ImageId; 2] = [ImageId::from_bytes([0; 32]), ImageId::from_bytes([u8::MAX; 32])];

impl SledCatalog {
    /// Removes the rows and tags of this space, durably. Images, files and other spaces are unchanged. What
    /// a crash leaves is removed by the next call.
    ///
    /// Rows of the first space remain in the images' records, where nothing reads them.
    pub fn drop_space(&self) -> Result<(), CatalogError> {
        let [first, last] = ALL_IMAGES;
        if self.space != SpaceNumber::FIRST {
            self.remove_keys(keys::rows_between(&first, &last), |key| self.is_of_space(key))?;
        }
        self.remove_keys(keys::all_tags(self.space), |key| self.is_of_space(key))?;
        if self.last_calibration()?.is_some() {
            self.set_last_calibration(None)?;
        }
        self.remove_keys(keys::all_tag_images(self.space), |_| true)
    }

    /// Whether a key of a row or of tags belongs to this space.
    pub(super) fn is_of_space(&self, key: &[u8]) -> bool {
        self.space == SpaceNumber::FIRST || keys::space_of(key) == Some(self.space)
    }

    fn rows_of_ids_beginning_with(&self, byte: u8) -> Result<Vec<(RowId, ImageId)>, CatalogError> {
        let ends = ALL_IMAGES.map(|end| {
            let mut bytes = *end.as_bytes();
            bytes[0] = byte;
            ImageId::from_bytes(bytes)
        });
        let _no_writer = self.reading();
        let rows = self.rows_between(&ends)?;
        let [first, last] = ends.map(|end| Bound::Included(keys::image(&end)));
        let mut found = Vec::new();
        self.store.for_each_in((first, last), |key, value| {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let stored: StoredRow =
                decode_checked(key, value).ok_or_else(|| self.store.damaged(image_name(&id)))?;
            let row = match self.space {
                SpaceNumber::FIRST => stored.first_row(),
                _ => rows.get(&id).copied(),
            };
            found.extend(row.map(|row| (row, id)));
            Ok(())
        })?;
        Ok(found)
    }

    /// Number of entries of a range for which `counts` is true.
    fn count(&self, range: Range, counts: impl Fn(&[u8], &[u8]) -> bool) -> Result<u64, CatalogError> {
        let mut counted = 0;
        self.store.for_each_in(range, |key, value| {
            counted += u64::from(counts(key, value));
            Ok(())
        })?;
        Ok(counted)
    }

    /// Removes the keys of a range for which `own` is true, [`REMOVE_PAGE`] at a time.
    fn remove_keys(&self, range: Range, own: impl Fn(&[u8]) -> bool) -> Result<(), CatalogError> {
        let (mut from, to) = range;
        loop {
            let mut state = self.writing();
            let page = self.store.page((from, to.clone()), REMOVE_PAGE)?;
            let mut writes = Changes::default();
            let removed = page.iter().map(|(key, _)| key).filter(|key| own(key));
            removed.for_each(|key| writes.remove(key));
            let prepared = PreparedBatch {
                writes,
                counts: state.counts(),
                deleted: Vec::new(),
            };
            if page.iter().any(|(key, _)| own(key)) {
                self.commit(&mut state, prepared)?;
            }
            match page.last() {
                Some((key, _)) if page.len() == REMOVE_PAGE => from = Bound::Excluded(key.to_vec()),
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

    /// The rows in this space of the images from the first of `ids` to the last. Empty for the first space,
    /// whose rows are in the images' records.
    pub(super) fn rows_between(&self, ids: &[ImageId]) -> Result<BTreeMap<ImageId, RowId>, CatalogError> {
        let (Some(first), Some(last), false) = (ids.first(), ids.last(), self.space == SpaceNumber::FIRST)
        else {
            return Ok(BTreeMap::new());
        };
        let page = self.store.page(keys::rows_between(first, last), usize::MAX)?;
        let own = page.iter().filter(|(key, _)| self.is_of_space(key));
        own.map(|(key, value)| {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let row = decode_checked(key, value).ok_or_else(|| self.store.damaged(row_name(&id)))?;
            Ok((id, row))
        })
        .collect()
    }

    /// An image's row in this space, where `rows` is from [`rows_between`](Self::rows_between).
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
        let (prepared, unknown) = self.builder(&state).build_rows(rows)?;
        if let Some(prepared) = prepared {
            self.commit(&mut state, prepared)?;
        }
        Ok(unknown)
    }

    fn remove_rows(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        if images.is_empty() {
            return Ok(());
        }
        let mut state = self.writing();
        let prepared = self.builder(&state).build_row_removal(images)?;
        self.commit(&mut state, prepared).map(drop)
    }

    /// Reads on all threads.
    fn rows(&self) -> Result<Vec<(RowId, ImageId)>, CatalogError> {
        let parts: Vec<Vec<(RowId, ImageId)>> = (0..=u8::MAX)
            .into_par_iter()
            .map(|first| self.rows_of_ids_beginning_with(first))
            .collect::<Result<_, _>>()?;
        Ok(parts.concat())
    }

    fn count_rows(&self) -> Result<u64, CatalogError> {
        if self.space == SpaceNumber::FIRST {
            let stored = |key: &[u8], value: &[u8]| decode_checked::<StoredRow>(key, value);
            return self.count(keys::all_images(), |key, value| {
                stored(key, value).is_some_and(|stored| stored.first_row().is_some())
            });
        }
        let [first, last] = ALL_IMAGES;
        let rows = self.count(keys::rows_between(&first, &last), |key, _| self.is_of_space(key))?;
        let mut removed = 0;
        for image in self.removed() {
            removed += u64::from(image?.row.is_some());
        }
        Ok(rows.saturating_sub(removed))
    }
}
