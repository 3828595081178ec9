//! Tags in the catalog in memory.

use eidetic_domain::{ImageId, normalize_tag};

use super::MemoryCatalog;
use crate::{CatalogError, ImageTags, TagStore, TagSummary};

impl TagStore for MemoryCatalog {
    fn get_tags(&self, images: &[ImageId]) -> Result<Vec<Option<ImageTags>>, CatalogError> {
        let tables = self.read();
        Ok(images
            .iter()
            .map(|id| {
                let known = tables.images.contains_key(id);
                tables.tags.get(&(self.space, *id)).filter(|_| known).cloned()
            })
            .collect())
    }

    fn put_tags(&self, tagged: &[(ImageId, ImageTags)]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for (id, tags) in tagged {
            if tables.images.contains_key(id) {
                tables.tags.insert((self.space, *id), tags.clone());
            }
        }
        Ok(())
    }

    fn images_with_tag(&self, tag: &str) -> Result<Vec<ImageId>, CatalogError> {
        let wanted = normalize_tag(tag);
        let has_tag = |tags: &ImageTags| tags.tags.iter().any(|tag| normalize_tag(&tag.name) == wanted);
        let tables = self.read();
        let matching = tables.tags.iter().filter(|((space, id), tags)| {
            *space == self.space && tables.images.contains_key(id) && has_tag(tags)
        });
        Ok(matching.map(|((_, id), _)| *id).collect())
    }

    fn tag_summary(&self) -> Result<TagSummary, CatalogError> {
        let tables = self.read();
        let own = tables
            .tags
            .iter()
            .filter(|((space, id), _)| *space == self.space && tables.images.contains_key(id));
        Ok(TagSummary::count(own.map(|(_, tags)| tags.tags.clone())))
    }
}
