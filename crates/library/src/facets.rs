//! How many images have each value: what a list or a search can be narrowed down to.

use std::path::PathBuf;

use eidetic_catalog::{FacetQuery, Facets, FolderLevel};
use eidetic_domain::Filter;

use crate::{Library, LibraryError, Space};

/// Of which images to count the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetOptions {
    /// Only those that match it.
    pub filter: Filter,
    /// The folder whose folders are counted; none for the sources.
    pub parent: Option<PathBuf>,
    /// Most values of each kind.
    pub most: usize,
}

impl Library {
    /// Counts images by date, folder, camera, lens, place, keyword, format, orientation, rating, and by the tags that they have in
    /// `space`. The first call of a process reads what is known of all images, later ones only what changed.
    ///
    /// Errors: among others, the filter names what the library does not have.
    pub fn facets(&self, space: &Space, options: &FacetOptions) -> Result<Facets, LibraryError> {
        let filter = self.resolve_filter(&options.filter)?;
        let folders = match &options.parent {
            Some(parent) => FolderLevel::Within(parent.clone()),
            None => FolderLevel::Roots(self.sources()),
        };
        let query = FacetQuery {
            among: space.images_with_tags_of(&filter)?,
            filter: filter.into_owned(),
            folders,
            most: options.most,
        };
        let facets = space.catalog.facets(&query)?;
        if facets.total == 0 {
            space.require_known_values(&query.filter)?;
        }
        Ok(facets)
    }
}
