//! What Eidetic knows about every image and path: the trait, on sled and in memory.

use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, Metadata, RowId};
use serde::{Deserialize, Serialize};

mod edit;
mod error;
mod feedback;
mod keys;
mod ledger;
mod memory;
mod records;
mod sled_catalog;
mod space;
mod store;
mod tags;

pub use error::CatalogError;
pub use feedback::{Feedback, FeedbackKey, FeedbackKind, FeedbackStore, MAX_FEEDBACK};
pub use memory::MemoryCatalog;
pub use sled_catalog::SledCatalog;
pub use space::{RowStore, SpaceNumber};
pub use tags::{ImageTags, Tag, TagStore, TagSummary};

/// Everything known about one image content.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// Its content's name.
    pub image: ImageId,
    /// Where its vector stands in the catalog's space; `None` where it has none there yet.
    pub row: Option<RowId>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What the file says about itself.
    pub metadata: Metadata,
    /// Absolute paths at which this content stands, sorted; never empty.
    pub paths: Vec<PathBuf>,
}

/// What a file looked like when it was last read; an equal stamp means that it need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970, as the file system gives it.
    pub modified_ns: i64,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileState {
    /// It is this image.
    Indexed(ImageId),
    /// It could not be read as a picture, for this reason. Remembered, so that it is not tried again until it changes.
    Failed(String),
    /// It is something other than a picture. Remembered, so that it is not opened again until it changes.
    NotImage,
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Absolute path.
    pub path: PathBuf,
    /// What it looked like when it was read.
    pub stamp: FileStamp,
    /// What became of it.
    pub state: FileState,
}

/// An image that the catalog does not know yet; its paths come with the batch's files.
#[derive(Debug, Clone, PartialEq)]
pub struct NewImage {
    /// Its content's name.
    pub image: ImageId,
    /// Where its vector stands in the catalog's space; the row must be durable before the batch is put.
    pub row: RowId,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What the file says about itself.
    pub metadata: Metadata,
}

/// Changes that become visible and durable together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteBatch {
    /// Images met for the first time (or again, with a new row).
    pub images: Vec<NewImage>,
    /// Files read; each replaces what was known of its path.
    pub files: Vec<FileRecord>,
    /// Paths at which no file stands any more.
    pub removed: Vec<PathBuf>,
}

/// The catalog as one space sees it: images and files are the same for all spaces, rows and tags are that space's.
///
/// Methods take `&self`: implementations synchronise within.
pub trait Catalog: RowStore + TagStore + FeedbackStore + Send + Sync {
    /// One answer an id, in order; `None` for an unknown image.
    fn get_many(&self, images: &[ImageId]) -> Result<Vec<Option<ImageRecord>>, CatalogError>;

    /// The image with this content, if it is known.
    fn find_by_hash(&self, image: &ImageId) -> Result<Option<ImageRecord>, CatalogError> {
        Ok(self.get_many(std::slice::from_ref(image))?.pop().flatten())
    }

    /// Whether an image is known; cheaper than asking for all its paths.
    fn contains(&self, image: &ImageId) -> Result<bool, CatalogError> {
        Ok(self.find_by_hash(image)?.is_some())
    }

    /// Applies a batch atomically and returns once it would survive power loss.
    ///
    /// An image that thereby stands at no path any more is forgotten, with its rows and tags in all spaces; the ids of
    /// those are returned, so that their vectors and thumbnails can go too. A file that names an image which is neither known nor in the batch is an
    /// error, and nothing is applied.
    fn put_batch(&self, batch: &WriteBatch) -> Result<Vec<ImageId>, CatalogError>;

    /// Forgets images and all their files, durably; unknown ids are passed over.
    fn remove(&self, images: &[ImageId]) -> Result<(), CatalogError>;

    /// Every image, in order of id. Not a snapshot: what is written meanwhile may or may not be seen.
    fn scan(&self) -> Box<dyn Iterator<Item = Result<ImageRecord, CatalogError>> + '_>;

    /// What is known of one path.
    fn file(&self, path: &Path) -> Result<Option<FileRecord>, CatalogError>;

    /// Every file at or below `folder`, in order of path (component by component, as `Path` is ordered).
    ///
    /// Not a snapshot: a record written meanwhile may or may not be seen, but a record that stands throughout is seen once.
    fn files_under(&self, folder: &Path) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_>;

    /// How many images, paths that stand for one, and failed files there are; costs nothing.
    fn counts(&self) -> Result<CatalogCounts, CatalogError>;
}

/// How much a catalog holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CatalogCounts {
    /// Different image contents.
    pub images: u64,
    /// Paths at which an image stands.
    pub paths: u64,
    /// Files that could not be read as pictures.
    pub failed: u64,
}
