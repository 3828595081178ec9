//! Removed images in the catalog on disk.

use std::collections::VecDeque;
use std::ops::Bound;

use eidetic_domain::ImageId;

use super::{PAGE, Page, Paged, SledCatalog, next_page_start};
use crate::batch::removed_name;
use crate::records::{StoredRemoved, decode_checked};
use crate::{CatalogError, RemovedImage, RemovedStore, keys};

/// Images that are purged in one batch.
const PURGE_BATCH: usize = 1000;

impl SledCatalog {
    fn removed_page(&self, from: Bound<Vec<u8>>) -> Result<Page<RemovedImage>, CatalogError> {
        let _no_writer = self.reading();
        let page = self.store.page((from, keys::all_removed().1), PAGE)?;
        let mut records = VecDeque::with_capacity(page.len());
        for (key, value) in &page {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let stored: Option<StoredRemoved> = decode_checked(key, value);
            let stored = stored.ok_or_else(|| self.store.damaged(removed_name(&id)))?;
            // An earlier version, which knows no removed images, may have added it again.
            if !self.store.contains(&keys::image(&id))? {
                records.push_back(Ok(RemovedImage {
                    image: id,
                    removed_at_ms: stored.removed_at_ms,
                    row: self.row(&id, &stored.image)?,
                    path: keys::path_from_bytes(&stored.path),
                }));
            }
        }
        Ok(Page {
            next: next_page_start(&page),
            records,
        })
    }
}

impl RemovedStore for SledCatalog {
    fn removed(&self) -> Box<dyn Iterator<Item = Result<RemovedImage, CatalogError>> + '_> {
        Box::new(Paged::new(keys::all_removed().0, |from| self.removed_page(from)))
    }

    fn is_removed(&self, image: &ImageId) -> Result<bool, CatalogError> {
        Ok(self.store.contains(&keys::removed(image))? && !self.store.contains(&keys::image(image))?)
    }

    fn purge(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        for images in images.chunks(PURGE_BATCH) {
            let mut state = self.writing();
            if let Some(prepared) = self.builder(&state).build_purge(images)? {
                self.commit(&mut state, prepared)?;
            }
        }
        Ok(())
    }
}
