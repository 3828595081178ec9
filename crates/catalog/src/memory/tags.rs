use eidetic_domain::{ImageId, folded_tag};

use super::MemoryCatalog;
use crate::{CatalogError, ImageTags, TagStore, TagSummary};

impl TagStore for MemoryCatalog {
    fn tags_of(&self, images: &[ImageId]) -> Result<Vec<Option<ImageTags>>, CatalogError> {
        let tables = self.read();
        Ok(images.iter().map(|id| tables.tags.get(id).cloned()).collect())
    }

    fn put_tags(&self, tagged: &[(ImageId, ImageTags)]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for (id, tags) in tagged {
            if tables.images.contains_key(id) {
                tables.tags.insert(*id, tags.clone());
            }
        }
        Ok(())
    }

    fn tagged_with(&self, tag: &str) -> Result<Vec<ImageId>, CatalogError> {
        let wanted = folded_tag(tag);
        let carries = |tags: &ImageTags| tags.tags.iter().any(|tag| folded_tag(&tag.name) == wanted);
        let tables = self.read();
        let carrying = tables.tags.iter().filter(|(_, tags)| carries(tags));
        Ok(carrying.map(|(id, _)| *id).collect())
    }

    fn tag_summary(&self) -> Result<TagSummary, CatalogError> {
        let tables = self.read();
        Ok(TagSummary::count(
            tables.tags.values().map(|tags| tags.tags.clone()),
        ))
    }
}
