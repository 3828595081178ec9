//! Lists of images and counts of their values, from a table in memory that follows the store.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError, RwLock};

use eidetic_domain::{Details, Filter, ImageId};

use super::{PAGE, Page, Paged, SledCatalog, next_page_start};
use crate::batch::details_name;
use crate::image_table::{Change, ImageTable, Needs, NumberedTags, Timeline};
use crate::records::{StoredDetails, decode_checked};
use crate::store::Changes;
use crate::{
    Catalog, CatalogError, FacetQuery, Facets, FileState, ListOrder, ListPage, ListQuery, Tag, TagStore,
    keys, matching_records,
};

/// Files up to which records are read one by one rather than all for the table.
const FEW: usize = 20_000;

/// The table, made by the first list.
#[derive(Default)]
pub(super) struct Listing {
    table: RwLock<Option<ImageTable>>,
    /// Images that changed since the table was made or brought up to date; none before it is made.
    changed: Mutex<Option<BTreeSet<ImageId>>>,
}

impl Listing {
    /// Notes which images a commit changed.
    pub(super) fn note(&self, changes: &Changes) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = &mut *changed {
            let of_images = changes.iter().filter(|(key, _)| b"ixetu".contains(&key[0]));
            changed.extend(of_images.filter_map(|(key, _)| keys::image_of(key)));
        }
    }

    fn is_made(&self) -> bool {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.is_some()
    }

    fn is_current(&self) -> bool {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// The images that changed; from now on, changes are noted.
    fn take_changed(&self) -> Option<BTreeSet<ImageId>> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.replace(BTreeSet::new())
    }

    fn put_back(&self, images: Option<BTreeSet<ImageId>>) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        *changed = match (changed.take(), images) {
            (Some(later), Some(before)) => Some(&later | &before),
            _ => None,
        };
    }
}

impl SledCatalog {
    /// A page of images. The first call reads all records; later ones only those that changed since.
    pub fn list(&self, query: &ListQuery) -> Result<ListPage, CatalogError> {
        self.with_table(&Needs::of_list(query), |table| table.page(query))
    }

    /// How many images have each value. The first call reads all records, details, and tags of this space; later ones only those
    /// that changed since.
    pub fn facets(&self, query: &FacetQuery) -> Result<Facets, CatalogError> {
        let needs = Needs {
            order: ListOrder::BY_ID,
            details: true,
            tags: Some(self.space),
        };
        self.with_table(&needs, |table| table.facets(query, self.space))
    }

    /// The images that match a filter, but for its tags, of those in `among`, by the time when they were taken.
    pub fn timeline(&self, filter: &Filter, among: Option<&[ImageId]>) -> Result<Timeline, CatalogError> {
        let needs = Needs {
            order: ListOrder::BY_ID,
            details: true,
            tags: None,
        };
        self.with_table(&needs, |table| table.timeline(filter, among))
    }

    /// The tags of images in this space, by number.
    pub fn numbered_tags(&self, images: &[ImageId]) -> Result<NumberedTags, CatalogError> {
        let needs = Needs {
            order: ListOrder::BY_ID,
            details: false,
            tags: Some(self.space),
        };
        self.with_table(&needs, |table| table.numbered_tags(images, self.space))
    }

    /// See [`Catalog::images_matching`].
    pub(super) fn find_matching(
        &self,
        filter: &Filter,
        among: Option<&[ImageId]>,
    ) -> Result<Vec<ImageId>, CatalogError> {
        if !self.listing.is_made() {
            let few = match among {
                Some(among) => (among.len() <= FEW).then_some(Cow::Borrowed(among)),
                None => self.images_in_small_folders(filter)?.map(Cow::Owned),
            };
            if let Some(few) = few {
                return matching_records(self, &few, filter);
            }
        }
        self.with_table(&Needs::of_filter(filter), |table| table.matching(filter, among))
    }

    /// The images in the filter's folders, which are contiguous in the store; none where they are many, or all.
    fn images_in_small_folders(&self, filter: &Filter) -> Result<Option<Vec<ImageId>>, CatalogError> {
        if filter.folders.is_empty() {
            return Ok(None);
        }
        let mut images = BTreeSet::new();
        let mut files = 0;
        for folder in &filter.folders {
            for file in self.files_under(folder) {
                files += 1;
                if files > FEW {
                    return Ok(None);
                }
                if let FileState::Indexed(image) = file?.state {
                    images.insert(image);
                }
            }
        }
        Ok(Some(images.into_iter().collect()))
    }

    /// Brings the table up to date, and adds what is needed, before it is used.
    fn with_table<T>(&self, needs: &Needs, using: impl FnOnce(&ImageTable) -> T) -> Result<T, CatalogError> {
        let listing = &*self.listing;
        {
            let table = listing.table.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(table) = table.as_ref().filter(|table| table.has(needs))
                && listing.is_current()
            {
                return Ok(using(table));
            }
        }
        let mut table = listing.table.write().unwrap_or_else(PoisonError::into_inner);
        let changed = listing.take_changed();
        let known = table.get_or_insert_default();
        let updated = match &changed {
            Some(changed) => self.update(known, changed),
            None => ImageTable::of(self.scan()).map(|table| *known = table),
        };
        if let Err(error) = updated.and_then(|()| self.add_columns(known, needs)) {
            listing.put_back(changed);
            return Err(error);
        }
        known.ensure(needs.order);
        Ok(using(known))
    }

    fn update(&self, table: &mut ImageTable, changed: &BTreeSet<ImageId>) -> Result<(), CatalogError> {
        let changed: Vec<ImageId> = changed.iter().copied().collect();
        if changed.is_empty() {
            return Ok(());
        }
        let records = self.get_many(&changed)?;
        let spaces: Vec<Self> = table.tagged_spaces().map(|space| self.for_space(space)).collect();
        let mut changes = Vec::with_capacity(changed.len());
        for (image, record) in changed.into_iter().zip(records) {
            let is_described = table.has_details() && record.is_some();
            let details = if is_described { self.details(&image)? } else { None };
            let tags = spaces.iter().map(|space| {
                let tags = space.get_tags(&[image])?.pop().flatten();
                Ok(tags.map(|tags| names_of(tags.tags)).unwrap_or_default())
            });
            let tags = tags.collect::<Result<_, CatalogError>>()?;
            changes.push(Change {
                image,
                record,
                details,
                tags,
            });
        }
        table.apply(changes);
        Ok(())
    }

    fn add_columns(&self, table: &mut ImageTable, needs: &Needs) -> Result<(), CatalogError> {
        if needs.details && !table.has_details() {
            let pages = Paged::new(keys::all_details().0, |from| self.details_page(from));
            table.add_details(pages)?;
        }
        match needs.tags {
            Some(space) if table.tagged_spaces().all(|known| known != space) => {
                let space_tags = self.for_space(space);
                let pages = Paged::new(keys::all_tags(space).0, |from| space_tags.tags_page(from));
                table.add_tags(
                    space,
                    pages.map(|tagged| tagged.map(|(image, tags)| (image, names_of(tags)))),
                )
            }
            _ => Ok(()),
        }
    }

    /// The details of up to [`PAGE`] images from a key on; those of earlier versions are skipped.
    fn details_page(&self, from: Bound<Vec<u8>>) -> Result<Page<(ImageId, Details)>, CatalogError> {
        let page = self.store.page((from, keys::all_details().1), PAGE)?;
        let mut records = VecDeque::with_capacity(page.len());
        for (key, value) in &page {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let stored: Option<StoredDetails> = decode_checked(key, value);
            let stored = stored.ok_or_else(|| self.store.damaged(details_name(&id)))?;
            records.extend(stored.into_details().map(|details| Ok((id, details))));
        }
        Ok(Page {
            next: next_page_start(&page),
            records,
        })
    }
}

fn names_of(tags: Vec<Tag>) -> Vec<String> {
    tags.into_iter().map(|tag| tag.name).collect()
}
