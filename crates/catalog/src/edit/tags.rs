use std::collections::BTreeMap;

use eidetic_domain::{ImageId, folded_tag};

use super::{Edit, Outcome};
use crate::{CatalogError, ImageTags, keys};

impl Edit<'_> {
    /// Works out that the images carry these tags and no others; `None` where the catalog knows none of them.
    pub fn tagging(mut self, tagged: &[(ImageId, ImageTags)]) -> Result<Option<Outcome>, CatalogError> {
        let last: BTreeMap<ImageId, &ImageTags> = tagged.iter().map(|(id, tags)| (*id, tags)).collect();
        let mut known = false;
        for (id, tags) in last {
            if self.store.contains(&keys::image(&id))? {
                known = true;
                self.untag(&id)?;
                self.tag(&id, tags)?;
            }
        }
        Ok(known.then(|| self.outcome(Vec::new())))
    }

    fn tag(&mut self, id: &ImageId, tags: &ImageTags) -> Result<(), CatalogError> {
        for tag in &tags.tags {
            let key = keys::tagged(&folded_tag(&tag.name), id);
            self.store.insert(&mut self.writes, &key, &())?;
        }
        self.store.insert(&mut self.writes, &keys::tags(id), tags)
    }

    /// Takes an image's tags away, from the index by tag too.
    pub(super) fn untag(&mut self, id: &ImageId) -> Result<(), CatalogError> {
        let key = keys::tags(id);
        let Some(old) = self.store.get::<ImageTags>(&key, || tags_name(id))? else {
            return Ok(());
        };
        for tag in &old.tags {
            self.writes.remove(keys::tagged(&folded_tag(&tag.name), id));
        }
        self.writes.remove(key);
        Ok(())
    }
}

/// Names an image's tags in an error.
pub fn tags_name(id: &ImageId) -> String {
    format!("the tags of image {id}")
}
