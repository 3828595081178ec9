//! Removed images in the catalog in memory.

use eidetic_domain::ImageId;

use super::MemoryCatalog;
use crate::{CatalogError, RemovedImage, RemovedStore};

impl RemovedStore for MemoryCatalog {
    fn removed(&self) -> Box<dyn Iterator<Item = Result<RemovedImage, CatalogError>> + '_> {
        let tables = self.read();
        let removed: Vec<_> = tables
            .removed
            .iter()
            .map(|(id, kept)| RemovedImage {
                image: *id,
                removed_at_ms: kept.removed_at_ms,
                row: tables.rows.get(&(self.space, *id)).copied(),
                path: kept.path.clone(),
            })
            .collect();
        Box::new(removed.into_iter().map(Ok))
    }

    fn is_removed(&self, image: &ImageId) -> Result<bool, CatalogError> {
        Ok(self.read().removed.contains_key(image))
    }

    fn purge(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        let mut tables = self.write();
        for id in images {
            if tables.removed.remove(id).is_some() {
                tables.details.remove(id);
                tables.added_ms.remove(id);
                tables.rows.retain(|(_, image), _| image != id);
                tables.tags.retain(|(_, image), _| image != id);
            }
        }
        Ok(())
    }
}
