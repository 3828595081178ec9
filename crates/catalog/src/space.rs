use std::fmt;

use eidetic_domain::{ImageId, RowId};
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// Which of a library's spaces: vectors, rows and tags of each stand apart. Numbers are never used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpaceNumber(pub u32);

impl SpaceNumber {
    /// The space that a library begins with, and the only one of libraries made before there could be several.
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

/// The rows of one space. They go with their image: forgetting it forgets its rows in all spaces.
pub trait RowStore {
    /// Says in which rows the vectors of known images stand, atomically, and returns once that would survive power loss;
    /// the rows must be durable before. Images that the catalog does not know were removed meanwhile: they are passed
    /// over and returned, so that their vectors can go too.
    fn put_rows(&self, rows: &[(ImageId, RowId)]) -> Result<Vec<ImageId>, CatalogError>;

    /// Takes the rows of images away, durably, but not the images; those without one are passed over. The way back for
    /// images whose vectors turned out damaged: they count as not embedded.
    fn remove_rows(&self, images: &[ImageId]) -> Result<(), CatalogError>;

    /// How many images have a row; walks over all of them.
    fn count_rows(&self) -> Result<u64, CatalogError>;
}
