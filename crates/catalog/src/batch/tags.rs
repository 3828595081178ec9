//! Writes to the tags of images and to the index from tags to images.

use std::collections::BTreeMap;

use eidetic_domain::{ImageId, normalize_tag};

use super::{BatchBuilder, PreparedBatch};
use crate::{CatalogError, ImageTags, SpaceNumber, keys};

impl BatchBuilder<'_> {
    /// The writes that replace the tags of known images; none if none is known.
    pub fn build_tags(
        mut self,
        tagged: &[(ImageId, ImageTags)],
    ) -> Result<Option<PreparedBatch>, CatalogError> {
        let last: BTreeMap<ImageId, &ImageTags> = tagged.iter().map(|(id, tags)| (*id, tags)).collect();
        let mut any_known = false;
        for (id, tags) in last {
            if self.store.contains(&keys::image(&id))? {
                any_known = true;
                self.delete_tags(self.space, &id)?;
                self.write_tags(&id, tags)?;
            }
        }
        Ok(any_known.then(|| self.finish(Vec::new())))
    }

    fn write_tags(&mut self, id: &ImageId, tags: &ImageTags) -> Result<(), CatalogError> {
        for tag in &tags.tags {
            let key = keys::tag_image(self.space, &normalize_tag(&tag.name), id);
            self.store.insert(&mut self.writes, &key, &())?;
        }
        self.store
            .insert(&mut self.writes, &keys::tags(self.space, id), tags)
    }

    pub(super) fn delete_tags_in_all_spaces(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        self.delete_tags(SpaceNumber::FIRST, id)?;
        for (key, _) in self.store.page(keys::tags_in_later_spaces(id), usize::MAX)? {
            let space = keys::space_of(&key).ok_or_else(|| self.store.damaged("a key".into()))?;
            self.delete_tags(space, id)?;
        }
        Ok(())
    }

    /// Deletes an image's tags in one space, and their index entries.
    fn delete_tags(&mut self, space: SpaceNumber, id: &ImageId) -> Result<(), CatalogError> {
        let key = keys::tags(space, id);
        let Some(old) = self.store.get::<ImageTags>(&key, || tags_name(id))? else {
            return Ok(());
        };
        for tag in &old.tags {
            self.writes
                .remove(keys::tag_image(space, &normalize_tag(&tag.name), id));
        }
        self.writes.remove(key);
        Ok(())
    }
}

/// Names an image's tags in an error.
pub fn tags_name(id: &ImageId) -> String {
    format!("the tags of image {id}")
}
