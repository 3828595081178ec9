use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_catalog::{Catalog, CatalogError, FileState};
use eidetic_domain::{Filter, ImageId, RowId};
use eidetic_vectors::RowSet;
use quick_cache::sync::Cache;

/// Which rows each of the filters used last admits, so that a repeated filter costs no walk through the catalog.
///
/// Call [`clear`](Self::clear) after every change of the catalog.
pub struct FilterCache {
    admitted: Cache<(u64, String), Arc<RowSet>>,
    /// Changes of the catalog so far. Part of the key, so that what a lookup found before a change is not kept after it.
    generation: AtomicU64,
}

impl FilterCache {
    /// A cache of at most `capacity` filters.
    pub fn new(capacity: usize) -> Self {
        Self {
            admitted: Cache::new(capacity),
            generation: AtomicU64::new(0),
        }
    }

    /// Forgets everything, because the catalog changed.
    pub fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.admitted.clear();
    }

    /// The rows of the images that `filter` admits, as far as they lie below `end`; `None` where it admits every image.
    ///
    /// A row may change hands after the catalog was asked, so an answer's images are still to be checked.
    pub fn admitted(
        &self,
        catalog: &dyn Catalog,
        filter: &Filter,
        end: u64,
    ) -> Result<Option<Arc<RowSet>>, CatalogError> {
        if filter.is_empty() {
            return Ok(None);
        }
        // The debug form names every field of the filter, so equal keys are equal filters.
        let key = (self.generation.load(Ordering::Acquire), format!("{filter:?}"));
        self.admitted
            .get_or_insert_with(&key, || {
                let rows = admitted_rows(catalog, filter)?;
                Ok(Arc::new(RowSet::below(end, rows)))
            })
            .map(Some)
    }
}

impl Default for FilterCache {
    fn default() -> Self {
        Self::new(16)
    }
}

fn admitted_rows(catalog: &dyn Catalog, filter: &Filter) -> Result<Vec<RowId>, CatalogError> {
    let tags = filter.required_tags();
    if filter.folders.is_empty() && tags.is_empty() {
        return passing(catalog.scan(), filter);
    }
    let candidates = if tags.is_empty() {
        images_in_folders(catalog, filter)?
    } else {
        images_with_tags(catalog, &tags)?
    };
    let records = catalog.get_many(&candidates)?;
    passing(records.into_iter().flatten().map(Ok), filter)
}

/// A folder's files are neighbours in the catalog, so a small folder of a large library is found quickly.
fn images_in_folders(catalog: &dyn Catalog, filter: &Filter) -> Result<Vec<ImageId>, CatalogError> {
    let mut images = HashSet::new();
    for folder in &filter.folders {
        for file in catalog.files_under(folder) {
            if let FileState::Indexed(image) = file?.state {
                images.insert(image);
            }
        }
    }
    Ok(images.into_iter().collect())
}

/// A tag's images are neighbours in the catalog too; `tags` are not empty.
fn images_with_tags(catalog: &dyn Catalog, tags: &BTreeSet<String>) -> Result<Vec<ImageId>, CatalogError> {
    let mut images: Option<Vec<ImageId>> = None;
    for tag in tags {
        let carrying = catalog.images_with_tag(tag)?;
        images = Some(match images {
            None => carrying,
            Some(mut before) => {
                // In order of id.
                before.retain(|image| carrying.binary_search(image).is_ok());
                before
            }
        });
    }
    Ok(images.unwrap_or_default())
}

/// The rows of those that have one and pass by path and date.
fn passing(
    records: impl Iterator<Item = Result<eidetic_catalog::ImageRecord, CatalogError>>,
    filter: &Filter,
) -> Result<Vec<RowId>, CatalogError> {
    records
        .filter_map(|record| match record {
            Ok(record) => record
                .row
                .filter(|_| filter.matches(&record.paths, record.metadata.taken))
                .map(Ok),
            Err(error) => Some(Err(error)),
        })
        .collect()
}
