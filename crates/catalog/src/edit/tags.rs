use std::collections::BTreeMap;

use eidetic_domain::{ImageId, normalize_tag};

use super::{Edit, Outcome};
use crate::{CatalogError, ImageTags, SpaceNumber, keys};

impl Edit<'_> {
    /// Works out that the images carry these tags and no others; `None` where the catalog knows none of them.
    pub fn tagging(mut self, tagged: &[(ImageId, ImageTags)]) -> Result<Option<Outcome>, CatalogError> {
        let last: BTreeMap<ImageId, &ImageTags> = tagged.iter().map(|(id, tags)| (*id, tags)).collect();
        let mut known = false;
        for (id, tags) in last {
            if self.store.contains(&keys::image(&id))? {
                known = true;
                self.untag(self.space, &id)?;
                self.tag(&id, tags)?;
            }
        }
        Ok(known.then(|| self.outcome(Vec::new())))
    }

    fn tag(&mut self, id: &ImageId, tags: &ImageTags) -> Result<(), CatalogError> {
        for tag in &tags.tags {
            let key = keys::tagged(self.space, &normalize_tag(&tag.name), id);
            self.store.insert(&mut self.writes, &key, &())?;
        }
        self.store
            .insert(&mut self.writes, &keys::tags(self.space, id), tags)
    }

    /// Takes an image's tags in all spaces away.
    pub(super) fn untag_everywhere(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        self.untag(SpaceNumber::FIRST, id)?;
        for (key, _) in self.store.page(keys::tags_elsewhere(id), usize::MAX)? {
            let space = keys::space_of(&key).ok_or_else(|| self.store.damaged("a key".into()))?;
            self.untag(space, id)?;
        }
        Ok(())
    }

    /// Takes an image's tags in one space away, from the index by tag too.
    fn untag(&mut self, space: SpaceNumber, id: &ImageId) -> Result<(), CatalogError> {
        let key = keys::tags(space, id);
        let Some(old) = self.store.get::<ImageTags>(&key, || tags_name(id))? else {
            return Ok(());
        };
        for tag in &old.tags {
            self.writes
                .remove(keys::tagged(space, &normalize_tag(&tag.name), id));
        }
        self.writes.remove(key);
        Ok(())
    }
}

/// Names an image's tags in an error.
pub fn tags_name(id: &ImageId) -> String {
    format!("the tags of image {id}")
}
