//! Numbers of spaces, and the rows of vectors in a space.

use std::fmt;

use eidetic_domain::{ImageId, RowId};
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// Number of one of a library's spaces, which have separate vectors, rows and tags. Numbers are never reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceNumber(pub u32);

impl SpaceNumber {
    /// The first space of a library, and the only one in libraries older than support for several spaces.
    pub const FIRST: Self = Self(0);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for SpaceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The rows of one space. Deleting an image deletes its rows in all spaces.
pub trait RowStore {
    /// Sets the rows of known images, atomically and durably. The rows themselves must be durable before.
    ///
    /// Returns the images that the catalog does not know, because they were removed meanwhile: their
    /// vectors can be deleted.
    fn put_rows(&self, rows: &[(ImageId, RowId)]) -> Result<Vec<ImageId>, CatalogError>;

    /// Removes the rows of images, durably, and keeps the images; images without a row are skipped.
    ///
    /// Used for images whose vectors are damaged: they count as not embedded afterwards.
    fn remove_rows(&self, images: &[ImageId]) -> Result<(), CatalogError>;

    /// Every image that has a row, with the row, in order of id. Walks over all images, without their paths.
    ///
    /// Not a snapshot: concurrent writes may or may not be seen.
    fn rows(&self) -> Result<Vec<(RowId, ImageId)>, CatalogError>;

    /// Number of images that have a row. Walks over all images.
    fn count_rows(&self) -> Result<u64, CatalogError>;
}
