//! The rows that match a filter, and a cache of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eidetic_catalog::{Catalog, CatalogError};
use eidetic_domain::{Filter, ImageId, RowId};
use eidetic_vectors::RowSet;
use quick_cache::sync::Cache;

/// The rows that match the most recent filters, so that a repeated filter costs no scan of the catalog.
///
/// Call [`clear`](Self::clear) after every change of the catalog.
pub struct FilterCache {
    rows: Cache<(u64, String), Arc<RowSet>>,
    /// Number of calls of `clear`. It is part of the key, so that a result computed before a change is not
    /// used after it.
    generation: AtomicU64,
}

impl FilterCache {
    /// A cache of at most `capacity` filters.
    pub fn new(capacity: usize) -> Self {
        Self {
            rows: Cache::new(capacity),
            generation: AtomicU64::new(0),
        }
    }

    /// Removes all entries, since the catalog changed.
    pub fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.rows.clear();
    }

    /// Number of changes of the catalog so far.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The rows below `end` whose images match `filter`, by the function that gives the row of an image; `None` if every image
    /// matches.
    ///
    /// A row may be reused for another image after the catalog was read, so check the images of the hits
    /// again.
    pub fn matching_rows(
        &self,
        catalog: &dyn Catalog,
        filter: &Filter,
        row: &dyn Fn(&ImageId) -> Option<RowId>,
        end: u64,
    ) -> Result<Option<Arc<RowSet>>, CatalogError> {
        if filter.is_empty() {
            return Ok(None);
        }
        // The debug form has every field of the filter, so equal keys are equal filters.
        let key = (self.generation(), format!("{filter:?}"));
        self.rows
            .get_or_insert_with(&key, || {
                let images = matching_images(catalog, filter)?;
                let rows = images.iter().filter_map(row);
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

fn matching_images(catalog: &dyn Catalog, filter: &Filter) -> Result<Vec<ImageId>, CatalogError> {
    let tags = filter.required_tags();
    if tags.is_empty() {
        return catalog.images_matching(filter, None);
    }
    catalog.images_matching(filter, Some(&catalog.images_with_all(&tags)?))
}
