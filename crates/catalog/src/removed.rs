//! Images without a file, which are kept for a while in case a file comes back.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eidetic_domain::{ImageId, RowId};

use crate::CatalogError;

/// An image that lost its last path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedImage {
    /// Hash of its content.
    pub image: ImageId,
    /// When it lost its last path, in milliseconds since 1970.
    pub removed_at_ms: i64,
    /// Row of its vector in the catalog's space, if it has one there.
    pub row: Option<RowId>,
    /// The path that it lost last.
    pub path: PathBuf,
}

/// Images that lost their last path. No query returns them; their records, rows and tags are kept until they are
/// purged, so that a return costs no embedding.
pub trait RemovedStore {
    /// Every kept image, ordered by id. Not a snapshot.
    fn removed(&self) -> Box<dyn Iterator<Item = Result<RemovedImage, CatalogError>> + '_>;

    /// Whether an image is kept.
    fn is_removed(&self, image: &ImageId) -> Result<bool, CatalogError>;

    /// Deletes kept images with their rows and tags for good, durably. Others are skipped.
    fn purge(&self, images: &[ImageId]) -> Result<(), CatalogError>;
}

/// The time now, in milliseconds since 1970; negative before.
pub fn now_ms() -> i64 {
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => milliseconds(after),
        Err(before) => -milliseconds(before.duration()),
    }
}
