//! Writes of the details of images.

use eidetic_domain::ImageId;

use super::BatchBuilder;
use crate::records::{StoredDetails, StoredImage};
use crate::store::failure;
use crate::{CatalogError, keys};

impl BatchBuilder<'_> {
    /// Has the records of known images written anew whose details the batch has.
    pub(super) fn touch_described(&mut self) -> Result<(), CatalogError> {
        for id in self.details.keys() {
            if self.store.contains(&keys::image(id))? {
                self.touched.insert(*id);
            }
        }
        Ok(())
    }

    /// Puts date, camera and position of an image's details into its record: of those in the batch, which are written
    /// too, else of those that are stored.
    pub(super) fn describe(&mut self, id: &ImageId, image: &mut StoredImage) -> Result<(), CatalogError> {
        let key = keys::details(id);
        if let Some(details) = self.details.get(id).copied() {
            image.describe(details);
            let stored =
                StoredDetails::new(details).map_err(|error| failure(self.store.directory(), error))?;
            return self.store.insert(&mut self.writes, &key, &stored);
        }
        let stored = self.store.get::<StoredDetails>(&key, || details_name(id))?;
        if let Some(details) = stored.and_then(StoredDetails::into_details) {
            image.describe(&details);
        }
        Ok(())
    }
}

/// Names the details of an image in an error.
pub fn details_name(id: &ImageId) -> String {
    format!("the details of image {id}")
}
