//! Tags in the catalog on disk.

use std::ops::Bound;

use eidetic_domain::{ImageId, normalize_tag};

use super::{PAGE, Page, Paged, SledCatalog, next_page_start};
use crate::batch::tags_name;
use crate::records::decode_checked;
use crate::{CatalogError, ImageTags, Tag, TagStore, TagSummary, keys};

impl SledCatalog {
    /// The tags of up to [`PAGE`] tagged images from a key on. Tags of images that no longer exist are
    /// skipped: versions of Eidetic without tags left them behind.
    pub(super) fn tags_page(&self, from: Bound<Vec<u8>>) -> Result<Page<(ImageId, Vec<Tag>)>, CatalogError> {
        let _no_writer = self.reading();
        let (_, to) = keys::all_tags(self.space);
        let page = self.store.page((from, to), PAGE)?;
        let mut records = std::collections::VecDeque::with_capacity(page.len());
        for (key, value) in page.iter().filter(|(key, _)| self.is_of_space(key)) {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let stored: Option<ImageTags> = decode_checked(key, value);
            let tags = stored.ok_or_else(|| self.store.damaged(tags_name(&id)))?.tags;
            if self.store.contains(&keys::image(&id))? {
                records.push_back(Ok((id, tags)));
            }
        }
        Ok(Page {
            next: next_page_start(&page),
            records,
        })
    }
}

impl TagStore for SledCatalog {
    fn get_tags(&self, images: &[ImageId]) -> Result<Vec<Option<ImageTags>>, CatalogError> {
        let _no_writer = self.reading();
        let tags = |id: &ImageId| {
            if !self.store.contains(&keys::image(id))? {
                return Ok(None);
            }
            self.store.get(&keys::tags(self.space, id), || tags_name(id))
        };
        images.iter().map(tags).collect()
    }

    fn put_tags(&self, tagged: &[(ImageId, ImageTags)]) -> Result<(), CatalogError> {
        let mut state = self.writing();
        if let Some(prepared) = self.builder(&state).build_tags(tagged)? {
            self.commit(&mut state, prepared)?;
        }
        Ok(())
    }

    fn images_with_tag(&self, tag: &str) -> Result<Vec<ImageId>, CatalogError> {
        let tag = normalize_tag(tag);
        let _no_writer = self.reading();
        let page = self.store.page(keys::tag_images(self.space, &tag), usize::MAX)?;
        let image = |(key, _): &(sled::IVec, sled::IVec)| keys::image_of_tag_image(self.space, &tag, key);
        Ok(page.iter().filter_map(image).collect())
    }

    fn tag_summary(&self) -> Result<TagSummary, CatalogError> {
        let pages = Paged::new(keys::all_tags(self.space).0, |from| self.tags_page(from));
        let mut failed = None;
        let readable = pages.map_while(|tagged| tagged.map_err(|error| failed = Some(error)).ok());
        let readable = readable.map(|(_, tags)| tags);
        let summary = TagSummary::count(readable);
        failed.map_or(Ok(summary), Err)
    }
}
