use std::collections::BTreeMap;

use eidetic_domain::{ImageId, RowId};

use super::{Edit, Outcome, image_name};
use crate::records::StoredImage;
use crate::{CatalogError, NewImage, SpaceNumber, keys};

impl Edit<'_> {
    /// Works out that known images stand in these rows, and which of them are not known; no outcome where none is.
    pub fn rows(
        mut self,
        rows: &[(ImageId, RowId)],
    ) -> Result<(Option<Outcome>, Vec<ImageId>), CatalogError> {
        let last: BTreeMap<ImageId, RowId> = rows.iter().copied().collect();
        let (mut known, mut unknown) = (false, Vec::new());
        for (id, row) in last {
            if self.set_row(&id, Some(row))? {
                known = true;
            } else {
                unknown.push(id);
            }
        }
        Ok((known.then(|| self.outcome(Vec::new())), unknown))
    }

    /// Works out that images have no row.
    pub fn rows_removal(mut self, images: &[ImageId]) -> Result<Outcome, CatalogError> {
        for id in images {
            self.set_row(id, None)?;
        }
        Ok(self.outcome(Vec::new()))
    }

    /// Writes an image with its row in this space, and leaves its rows in others as they are.
    pub(super) fn write_image(&mut self, new: &NewImage) -> Result<(), CatalogError> {
        let id = &new.image;
        let first_row = match self.space {
            SpaceNumber::FIRST => Some(new.row),
            space => {
                self.store
                    .insert(&mut self.writes, &keys::row(space, id), &new.row)?;
                self.stored(id)?.and_then(|old| old.first_row())
            }
        };
        let stored = StoredImage::new(first_row, new.bytes, new.metadata.clone());
        self.store.insert(&mut self.writes, &keys::image(id), &stored)
    }

    /// Takes the rows of an image in all spaces but the first away; that of the first goes with the image's record.
    pub(super) fn forget_rows(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        for (key, _) in self.store.page(keys::rows_between(id, id), usize::MAX)? {
            self.writes.remove(key);
        }
        Ok(())
    }

    /// False for an image that the catalog does not know.
    fn set_row(&mut self, id: &ImageId, row: Option<RowId>) -> Result<bool, CatalogError> {
        if self.space == SpaceNumber::FIRST {
            let Some(mut stored) = self.stored(id)? else {
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

    fn stored(&self, id: &ImageId) -> Result<Option<StoredImage>, CatalogError> {
        self.store.get(&keys::image(id), || image_name(id))
    }
}

/// Names an image's row in an error.
pub fn row_name(id: &ImageId) -> String {
    format!("the row of image {id}")
}
