//! Writes to the rows of images.

use std::collections::BTreeMap;

use eidetic_domain::{ImageId, RowId};

use super::{BatchBuilder, PreparedBatch, image_name};
use crate::records::StoredImage;
use crate::{CatalogError, NewImage, SpaceNumber, keys};

impl BatchBuilder<'_> {
    /// The writes that set the rows of known images, none if none is known; and the images that are not
    /// known.
    pub fn build_rows(
        mut self,
        rows: &[(ImageId, RowId)],
    ) -> Result<(Option<PreparedBatch>, Vec<ImageId>), CatalogError> {
        let last: BTreeMap<ImageId, RowId> = rows.iter().copied().collect();
        let (mut any_known, mut unknown) = (false, Vec::new());
        for (id, row) in last {
            if self.set_row(&id, Some(row))? {
                any_known = true;
            } else {
                unknown.push(id);
            }
        }
        Ok((any_known.then(|| self.finish(Vec::new())), unknown))
    }

    /// The writes that remove the rows of images.
    pub fn build_row_removal(mut self, images: &[ImageId]) -> Result<PreparedBatch, CatalogError> {
        for id in images {
            self.set_row(id, None)?;
        }
        Ok(self.finish(Vec::new()))
    }

    /// Writes an image's record, and its row in this space if it is new there; its rows in other spaces stay.
    ///
    /// `kept` is the record of an image that comes back.
    pub(super) fn write_image(
        &mut self,
        id: &ImageId,
        new: Option<&NewImage>,
        kept: Option<StoredImage>,
    ) -> Result<(), CatalogError> {
        let old = match kept {
            Some(kept) => Some(kept),
            None => self.stored_image(id)?,
        };
        let added_ms = old.as_ref().map_or(self.at_ms, |old| old.added_ms);
        let mut stored = match (new, old) {
            (None, None) => return Ok(()),
            (None, Some(old)) => old,
            (Some(new), old) => {
                let first_row = if self.space == SpaceNumber::FIRST {
                    Some(new.row)
                } else {
                    self.store
                        .insert(&mut self.writes, &keys::row(self.space, id), &new.row)?;
                    old.and_then(|old| old.first_row())
                };
                StoredImage::new(first_row, new.bytes, new.metadata.clone())
            }
        };
        stored.added_ms = added_ms;
        self.describe(id, &mut stored)?;
        self.store.insert(&mut self.writes, &keys::image(id), &stored)
    }

    /// Deletes an image's rows in all spaces but the first, whose row is part of the image's record.
    pub(super) fn delete_rows(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        for (key, _) in self.store.page(keys::rows_between(id, id), usize::MAX)? {
            self.writes.remove(key);
        }
        Ok(())
    }

    /// Sets or removes an image's row in this space; returns false if the catalog does not know the image.
    fn set_row(&mut self, id: &ImageId, row: Option<RowId>) -> Result<bool, CatalogError> {
        if self.space == SpaceNumber::FIRST {
            let Some(mut stored) = self.stored_image(id)? else {
                return Ok(false);
            };
            stored.set_first_row(row);
            self.store.insert(&mut self.writes, &keys::image(id), &stored)?;
            return Ok(true);
        }
        if !self.store.contains(&keys::image(id))? {
            return Ok(false);
        }
        let key = keys::row(self.space, id);
        match row {
            Some(row) => self.store.insert(&mut self.writes, &key, &row)?,
            None => self.writes.remove(key),
        }
        Ok(true)
    }

    fn stored_image(&self, id: &ImageId) -> Result<Option<StoredImage>, CatalogError> {
        self.store.get(&keys::image(id), || image_name(id))
    }
}

/// Names an image's row in an error.
pub fn row_name(id: &ImageId) -> String {
    format!("the row of image {id}")
}
