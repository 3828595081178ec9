//! Writes that remove images and keep their records, and that bring them back.

use eidetic_domain::ImageId;

use super::{BatchBuilder, PreparedBatch, image_name};
use crate::records::{StoredImage, StoredRemoved};
use crate::removed::now_ms;
use crate::{CatalogError, keys};

impl BatchBuilder<'_> {
    /// The writes that delete kept images for good; none if none is kept.
    pub fn build_purge(mut self, images: &[ImageId]) -> Result<Option<PreparedBatch>, CatalogError> {
        let mut any_kept = false;
        for id in images {
            if self.store.contains(&keys::removed(id))? {
                any_kept = true;
                self.writes.remove(keys::removed(id));
                // An earlier version, which knows no kept images, may have added the image again.
                if !self.store.contains(&keys::image(id))? {
                    self.delete_tags_in_all_spaces(id)?;
                    self.delete_rows(id)?;
                    self.writes.remove(keys::details(id));
                }
            }
        }
        Ok(any_kept.then(|| self.finish(Vec::new())))
    }

    /// Replaces an image's record by one that no query reads. Rows and tags stay, except for the index of tags.
    pub(super) fn remove_image(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        let Some(image) = self
            .store
            .get::<StoredImage>(&keys::image(id), || image_name(id))?
        else {
            return Ok(());
        };
        let removed = StoredRemoved {
            removed_at_ms: now_ms(),
            path: self.lost_paths.get(id).cloned().unwrap_or_default(),
            image,
        };
        self.store
            .insert(&mut self.writes, &keys::removed(id), &removed)?;
        self.writes.remove(keys::image(id));
        self.remove_from_tag_index(id)?;
        self.counts.images -= 1;
        Ok(())
    }

    /// The record of a kept image, which the writes make an ordinary one again; `None` if it is not kept.
    pub(super) fn take_removed(&mut self, id: &ImageId) -> Result<Option<StoredImage>, CatalogError> {
        let key = keys::removed(id);
        let Some(removed) = self.store.get::<StoredRemoved>(&key, || removed_name(id))? else {
            return Ok(None);
        };
        self.writes.remove(key);
        self.add_to_tag_index(id)?;
        Ok(Some(removed.image))
    }
}

/// Names the record of a removed image in an error.
pub fn removed_name(id: &ImageId) -> String {
    format!("the record of the removed image {id}")
}
