//! The catalog: what Eidetic knows about every image and path, on sled and, for tests, in memory.
//!
//! An image is one content, found at one or more paths. In each embedding space it has at most one vector,
//! in a row of that space's vector file. [`SledCatalog`] is the catalog of a library on disk;
//! `MemoryCatalog` (feature `testing`) is the simple implementation that it is compared with in tests.
//!
//! # What is durable when
//!
//! - [`SledCatalog::open`]: everything that earlier calls reported as durable is there, or the call fails with
//!   [`CatalogError::Damaged`] and has overwritten nothing that can be read. Only in a copy that is older than
//!   its commit sequence file something may be missing; [`CatalogCondition`] says how much.
//! - [`SledCatalog::read`]: what is whole is there; nothing is written.
//! - [`SledCatalog::read_snapshot`]: the state after the owner's last commit is there, beside the owner; nothing is written.
//! - [`put_batch`](Catalog::put_batch), [`remove`](Catalog::remove), [`put_rows`](RowStore::put_rows),
//!   [`remove_rows`](RowStore::remove_rows), [`put_tags`](TagStore::put_tags),
//!   [`purge`](RemovedStore::purge), [`add_feedback`](FeedbackStore::add_feedback) and [`remove_feedback`](FeedbackStore::remove_feedback): when
//!   the call returns, the change survives `kill -9` and power loss. After a crash during the call, all of it is
//!   there or none.
//! - [`SledCatalog::drop_space`]: when the call returns, the removals survive. After a crash during the call some
//!   rows and tags may be left, which the next call removes.
//! - All other calls write nothing.
//!
//! A record may name a row only after the row itself is durable: callers sync the vector file first. When
//! images are deleted, the catalog comes first and the row is reused afterwards.
//!
//! Every record carries a checksum of its key and value. A commit sequence file beside the store counts the
//! batches, so that a store that lost its latest batches is noticed when it is opened.

use std::path::{Path, PathBuf};

use eidetic_domain::{Details, Filter, ImageFacts, ImageId, Metadata, RowId, TakenSource};
use serde::{Deserialize, Serialize};

mod batch;
mod check;
mod error;
mod feedback;
mod image_table;
mod keys;
mod ledger;
#[cfg(feature = "testing")]
mod memory;
mod rebuild;
mod records;
mod removed;
mod salvage;
mod sled_catalog;
mod sled_log;
mod snapshot;
mod space;
mod store;
mod store_files;
mod tags;

pub use check::{CatalogCheck, CatalogRepair, Finding};
pub use error::{CatalogError, ReadOnlyReason};
pub use feedback::{Feedback, FeedbackKey, FeedbackKind, FeedbackStore, MAX_FEEDBACK};
pub use image_table::{
    FacetQuery, FacetValues, Facets, FolderCount, FolderLevel, ListOrder, ListPage, ListQuery, NumberedTags,
    Position, SortKey, Timeline, TimelineEntry, YearMonth,
};
#[cfg(feature = "testing")]
pub use memory::MemoryCatalog;
pub use removed::{RemovedImage, RemovedStore, now_ms};
pub use salvage::LostRecords;
pub use sled_catalog::{CatalogCondition, SledCatalog, SnapshotAge};
pub use space::{RowStore, SpaceNumber};
pub use tags::{ImageTags, Tag, TagStore, TagSummary};

/// Everything known about one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// Hash of its content.
    pub image: ImageId,
    /// Row of its vector in the catalog's space; `None` where it has no vector there yet.
    pub row: Option<RowId>,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Size, format, date, camera and position.
    pub metadata: Metadata,
    /// Where the date was found; `None` where there is none, and in records of earlier versions.
    pub taken_source: Option<TakenSource>,
    /// When it was added to the library, in milliseconds since 1970; `None` in records of earlier versions.
    pub added_ms: Option<i64>,
    /// Absolute paths of files with this content, sorted; never empty.
    pub paths: Vec<PathBuf>,
}

impl ImageRecord {
    /// What a filter looks at.
    pub fn facts<'a>(&'a self, details: Option<&'a Details>) -> ImageFacts<'a> {
        ImageFacts {
            paths: &self.paths,
            bytes: self.bytes,
            metadata: &self.metadata,
            details,
        }
    }
}

/// Size, times and inode of a file when it was last read. A file whose stamp [matches](Self::matches) is not read
/// again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileStamp {
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970, as reported by the file system.
    pub modified_ns: i64,
    /// Time of the last change of content or attributes, which no program can set (`ctime`). `None` where the system
    /// has none, and in records of earlier versions.
    pub changed_ns: Option<i64>,
    /// Number of the file in its file system. `None` where such numbers are not stable, and in records of earlier
    /// versions.
    pub inode: Option<u64>,
    /// Fingerprint of the side-cars that the details of the file's image were read with. `None` where they are to be
    /// read again, as in records of earlier versions.
    pub side_cars: Option<u64>,
}

impl FileStamp {
    /// The stamp of no file: a file with a record of this stamp is read again.
    pub const UNKNOWN: Self = Self {
        size: u64::MAX,
        modified_ns: i64::MIN,
        changed_ns: None,
        inode: None,
        side_cars: None,
    };

    /// Whether both are stamps of the same unchanged file, whatever its side-cars. What one of them lacks is not
    /// compared.
    pub fn matches(&self, other: &Self) -> bool {
        self.size == other.size
            && self.modified_ns == other.modified_ns
            && agree(self.changed_ns, other.changed_ns)
            && agree(self.inode, other.inode)
    }
}

/// Whether the values are equal or one is unknown.
fn agree<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left == right,
        _ => true,
    }
}

/// Result of reading a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileState {
    /// The file holds this image.
    Indexed(ImageId),
    /// The image could not be decoded, for this reason. Stored so that the file is not decoded again until
    /// it changes.
    Failed(String),
    /// The file is not an image. Stored so that the file is not opened again until it changes.
    NotImage,
    /// The file is an image of a format that is not supported, for this reason. Not a failure.
    Unsupported(String),
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// Absolute path.
    pub path: PathBuf,
    /// Its size and time when it was read.
    pub stamp: FileStamp,
    /// The result of reading it.
    pub state: FileState,
}

/// An image to add. Its paths are those of the batch's files.
#[derive(Debug, Clone, PartialEq)]
pub struct NewImage {
    /// Hash of its content.
    pub image: ImageId,
    /// Row of its vector in the catalog's space. The row must be durable before the batch is put.
    pub row: RowId,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Size, format, date, camera and position, as read from the file.
    pub metadata: Metadata,
}

/// Changes that become visible and durable together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteBatch {
    /// Images that are new, or known with a new row.
    pub images: Vec<NewImage>,
    /// Files that were read. Each replaces the record of its path.
    pub files: Vec<FileRecord>,
    /// Paths whose files no longer exist.
    pub removed: Vec<PathBuf>,
    /// Details of images that are known or in the batch; those of other images are skipped. They replace the present
    /// ones, and date, camera and position of the image's record.
    pub details: Vec<(ImageId, Details)>,
    /// The time now, in milliseconds since 1970, as the one at which new images were added; none leaves it unknown.
    pub at_ms: Option<i64>,
}

/// The catalog as one space sees it: images and files are shared by all spaces, rows and tags belong to one
/// space.
///
/// Methods take `&self`: implementations synchronize internally.
pub trait Catalog: RowStore + TagStore + FeedbackStore + RemovedStore + Send + Sync {
    /// The records of `images`, in their order; `None` for an unknown image.
    fn get_many(&self, images: &[ImageId]) -> Result<Vec<Option<ImageRecord>>, CatalogError>;

    /// The record of one image.
    fn find_by_hash(&self, image: &ImageId) -> Result<Option<ImageRecord>, CatalogError> {
        Ok(self.get_many(std::slice::from_ref(image))?.pop().flatten())
    }

    /// What is known of an image besides its record; `None` for an unknown image, and for one of an earlier version
    /// that was not read since.
    fn details(&self, image: &ImageId) -> Result<Option<Details>, CatalogError>;

    /// Whether an image is known. Cheaper than reading its record.
    fn contains(&self, image: &ImageId) -> Result<bool, CatalogError> {
        Ok(self.find_by_hash(image)?.is_some())
    }

    /// Applies a batch atomically. When this returns, the batch survives power loss.
    ///
    /// An image that has no path left is removed: no query returns it any more, and the ids of removed images are
    /// returned, so that their vectors are hidden too. Its record, its rows and its tags in all spaces are kept until
    /// they are [purged](RemovedStore::purge); a file that holds the image brings it back with them.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnknownImage`] if a file names an image that is neither known, nor kept, nor in the batch.
    /// Nothing is applied.
    fn put_batch(&self, batch: &WriteBatch) -> Result<Vec<ImageId>, CatalogError>;

    /// Deletes images and the records of all their files for good, durably. Unknown ids are skipped.
    fn remove(&self, images: &[ImageId]) -> Result<(), CatalogError>;

    /// Every image, ordered by id. Not a snapshot: concurrent writes may or may not be seen.
    fn scan(&self) -> Box<dyn Iterator<Item = Result<ImageRecord, CatalogError>> + '_>;

    /// The images that match a filter, but for its tags; of those in `among`, which is sorted by id, where that is given. In no
    /// useful order.
    fn images_matching(
        &self,
        filter: &Filter,
        among: Option<&[ImageId]>,
    ) -> Result<Vec<ImageId>, CatalogError>;

    /// Whether an image with this record matches a filter, but for its tags. Reads its details where the filter needs them.
    fn matches(&self, record: &ImageRecord, filter: &Filter) -> Result<bool, CatalogError> {
        let details = if filter.needs_details() {
            self.details(&record.image)?
        } else {
            None
        };
        Ok(filter.matches(&record.facts(details.as_ref())))
    }

    /// The record of one path.
    fn file(&self, path: &Path) -> Result<Option<FileRecord>, CatalogError>;

    /// Every file at or below `folder`, ordered by path (component by component, as `Path` is ordered).
    ///
    /// Not a snapshot: concurrent writes may or may not be seen, but a record that exists throughout is
    /// returned once.
    fn files_under(&self, folder: &Path) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_>;

    /// Every file, in no useful order.
    fn all_files(&self) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_>;

    /// Numbers of images, paths and failed files. Constant time.
    fn counts(&self) -> Result<CatalogCounts, CatalogError>;
}

/// Those of `images` that match a filter, but for its tags.
fn matching_records(
    catalog: &(impl Catalog + ?Sized),
    images: &[ImageId],
    filter: &Filter,
) -> Result<Vec<ImageId>, CatalogError> {
    let mut matching = Vec::new();
    for record in catalog.get_many(images)?.into_iter().flatten() {
        if catalog.matches(&record, filter)? {
            matching.push(record.image);
        }
    }
    Ok(matching)
}

/// Numbers of records in a catalog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CatalogCounts {
    /// Distinct images.
    pub images: u64,
    /// Files that hold an image.
    pub paths: u64,
    /// Files that could not be decoded.
    pub failed: u64,
}
