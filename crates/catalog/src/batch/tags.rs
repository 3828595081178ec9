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
        for space in self.spaces_with_tags(id)? {
            self.delete_tags(space, id)?;
        }
        Ok(())
    }

    /// Keeps an image's tags, but makes them unfindable.
    pub(super) fn remove_from_tag_index(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        for key in self.tag_index_keys(id)? {
            self.writes.remove(key);
        }
        Ok(())
    }

    /// The inverse of [`remove_from_tag_index`](Self::remove_from_tag_index).
    pub(super) fn add_to_tag_index(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        for key in self.tag_index_keys(id)? {
            self.store.insert(&mut self.writes, &key, &())?;
        }
        Ok(())
    }

    /// The keys from an image's stored tags to the image, in all spaces.
    fn tag_index_keys(&self, id: &ImageId) -> Result<Vec<Vec<u8>>, CatalogError> {
        let mut index_keys = Vec::new();
        for space in self.spaces_with_tags(id)? {
            let stored: Option<ImageTags> = self.store.get(&keys::tags(space, id), || tags_name(id))?;
            let tags = stored.map(|stored| stored.tags).unwrap_or_default();
            index_keys.extend(
                tags.iter()
                    .map(|tag| keys::tag_image(space, &normalize_tag(&tag.name), id)),
            );
        }
        Ok(index_keys)
    }

    /// The first space, and the later ones in which the image has tags.
    fn spaces_with_tags(&self, id: &ImageId) -> Result<Vec<SpaceNumber>, CatalogError> {
        let mut spaces = vec![SpaceNumber::FIRST];
        for (key, _) in self.store.page(keys::tags_in_later_spaces(id), usize::MAX)? {
            spaces.push(keys::space_of(&key).ok_or_else(|| self.store.damaged("a key".into()))?);
        }
        Ok(spaces)
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
