//! Lists of images, from a table in memory that follows the store.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock};

use eidetic_domain::{Filter, ImageId};

use super::SledCatalog;
use crate::image_table::ImageTable;
use crate::store::Changes;
use crate::{Catalog, CatalogError, FileState, ListOrder, ListPage, ListQuery, keys, matching_records};

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
            let of_images = changes.iter().filter(|(key, _)| b"ix".contains(&key[0]));
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
        self.with_table(query.order, |table| table.page(query))
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
        self.with_table(ListOrder::BY_ID, |table| table.matching(filter, among))
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

    /// Brings the table up to date, and sorted, before it is used.
    fn with_table<T>(
        &self,
        order: ListOrder,
        using: impl FnOnce(&ImageTable) -> T,
    ) -> Result<T, CatalogError> {
        let listing = &*self.listing;
        {
            let table = listing.table.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(table) = table.as_ref().filter(|table| table.has(order))
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
        if let Err(error) = updated {
            listing.put_back(changed);
            return Err(error);
        }
        known.ensure(order);
        Ok(using(known))
    }

    fn update(&self, table: &mut ImageTable, changed: &BTreeSet<ImageId>) -> Result<(), CatalogError> {
        let changed: Vec<ImageId> = changed.iter().copied().collect();
        if changed.is_empty() {
            return Ok(());
        }
        let records = self.get_many(&changed)?;
        table.apply(changed.into_iter().zip(records).collect());
        Ok(())
    }
}
