use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_catalog::{Catalog, CatalogError, FileState};
use eidetic_domain::{Filter, ImageId};
use quick_cache::sync::Cache;

/// Which images each of the filters used last admits, so that a repeated filter costs no walk through the catalog.
///
/// Call [`clear`](Self::clear) after every change of the catalog.
pub struct AdmissionCache {
    admitted: Cache<(u64, String), Arc<HashSet<ImageId>>>,
    /// Changes of the catalog so far. Part of the key, so that what a lookup found before a change is not kept after it.
    generation: AtomicU64,
}

impl AdmissionCache {
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

    /// The images that `filter` admits; `None` where it admits every one.
    pub fn admitted(
        &self,
        catalog: &dyn Catalog,
        filter: &Filter,
    ) -> Result<Option<Arc<HashSet<ImageId>>>, CatalogError> {
        if filter.is_empty() {
            return Ok(None);
        }
        // The debug form names every field of the filter, so equal keys are equal filters.
        let key = (self.generation.load(Ordering::Acquire), format!("{filter:?}"));
        self.admitted
            .get_or_insert_with(&key, || admitted_images(catalog, filter).map(Arc::new))
            .map(Some)
    }
}

impl Default for AdmissionCache {
    fn default() -> Self {
        Self::new(16)
    }
}

fn admitted_images(catalog: &dyn Catalog, filter: &Filter) -> Result<HashSet<ImageId>, CatalogError> {
    if filter.folders.is_empty() {
        return passing(catalog.scan(), filter);
    }
    let candidates = images_in_folders(catalog, filter)?;
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

fn passing(
    records: impl Iterator<Item = Result<eidetic_catalog::ImageRecord, CatalogError>>,
    filter: &Filter,
) -> Result<HashSet<ImageId>, CatalogError> {
    records
        .filter_map(|record| match record {
            Ok(record) => filter
                .admits(&record.paths, record.metadata.taken)
                .then_some(Ok(record.image)),
            Err(error) => Some(Err(error)),
        })
        .collect()
}
