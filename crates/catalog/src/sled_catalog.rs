//! The catalog on disk.

mod backup;
mod calibration;
mod feedback;
mod listing;
mod removed;
mod rows;
mod tags;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use eidetic_domain::{Details, Filter, ImageId, RowId};

use self::feedback::AnswerIndex;
use self::listing::Listing;
use crate::batch::{BatchBuilder, PreparedBatch, details_name, file_name, image_name, image_path_keys};
use crate::keys;
use crate::records::{StoreState, StoredDetails, StoredFile, StoredImage, decode_checked};
use crate::removed::now_ms;
use crate::store::{Store, failure};
use crate::{
    Catalog, CatalogCounts, CatalogError, FileRecord, ImageRecord, ReadOnlyReason, SpaceNumber, WriteBatch,
};

/// Number of records that iterators read at a time.
const PAGE: usize = 1024;

/// The catalog on disk: one sled store in which every record carries a checksum.
///
/// One process owns it, and can see it from several spaces at once: [`for_space`](Self::for_space). A batch
/// is one atomic sled batch followed by an fsync. A record whose checksum does not match is an error that
/// names the record. After an error of the disk or of sled every further call fails until the catalog is
/// opened again, because memory and disk may differ.
#[derive(Clone)]
pub struct SledCatalog {
    space: SpaceNumber,
    store: Arc<Store>,
    /// The counters. The lock also separates readers of several keys from the writer.
    state: Arc<RwLock<StoreState>>,
    answers: Arc<Mutex<Option<AnswerIndex>>>,
    listing: Arc<Listing>,
}

/// What was found when a catalog was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogCondition {
    /// Why it can only be read; `None` where it can be written.
    pub read_only: Option<ReadOnlyReason>,
    /// Changes that were reported as durable and are missing, as in a copy that is older than its commit
    /// sequence file. Counted until a repair accepts it.
    pub missing_changes: u64,
}

/// How old a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotAge {
    /// When its last commit was made, in milliseconds since 1970.
    pub at_ms: i64,
    /// Number of later commits, which it lacks: 0 unless the disk was full or unwritable when they were published.
    pub behind: u64,
}

impl SledCatalog {
    /// Opens the catalog in `dir`, or creates an empty one, as the first space sees it.
    ///
    /// Errors: among others, a clock before 1970, at which sled panics.
    pub fn open(dir: &Path) -> Result<Self, CatalogError> {
        require_clock(dir, now_ms())?;
        Store::open(dir).map(Self::new)
    }

    /// Reads what is whole of the catalog in `dir` into memory, as the first space sees it. Writes nothing, and
    /// refuses every change with [`CatalogError::ReadOnly`] and `reason`.
    pub fn read(dir: &Path, reason: ReadOnlyReason) -> Result<Self, CatalogError> {
        Store::read(dir, reason).map(Self::new)
    }

    /// Opens what the catalog's owner has published, beside it, as the first space sees it: the state of a moment, which
    /// does not change. Writes nothing, takes no lock, and refuses every change, for `reason`. `None` where nothing whole is published, as
    /// in a catalog that no version with snapshots has opened to write.
    pub fn read_snapshot(
        dir: &Path,
        reason: ReadOnlyReason,
    ) -> Result<Option<(Self, SnapshotAge)>, CatalogError> {
        let Some((store, state, behind)) = Store::read_snapshot(dir, reason)? else {
            return Ok(None);
        };
        let age = SnapshotAge {
            at_ms: store.snapshot_at_ms().unwrap_or_default(),
            behind,
        };
        Ok(Some((Self::new((store, state)), age)))
    }

    /// Removes what its owner has published of the catalog in `dir`, since it is damaged: the next owner publishes it anew.
    pub fn discard_snapshot(dir: &Path) -> Result<(), CatalogError> {
        crate::snapshot::remove(dir).map_err(|error| failure(dir, error))
    }

    fn new((store, state): (Store, StoreState)) -> Self {
        Self {
            space: SpaceNumber::FIRST,
            store: Arc::new(store),
            state: Arc::new(RwLock::new(state)),
            answers: Arc::default(),
            listing: Arc::default(),
        }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.store.directory()
    }

    /// What was found when the catalog was opened.
    pub fn condition(&self) -> CatalogCondition {
        CatalogCondition {
            read_only: self.store.read_only().cloned(),
            missing_changes: self.store.missing(),
        }
    }

    /// The same catalog as another space sees it. The store is closed when the last clone is dropped.
    #[must_use]
    pub fn for_space(&self, space: SpaceNumber) -> Self {
        Self {
            space,
            ..self.clone()
        }
    }

    // A poisoned lock is harmless: the state is replaced as a whole after a batch has succeeded.
    fn reading(&self) -> RwLockReadGuard<'_, StoreState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, StoreState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn image(&self, id: &ImageId) -> Result<Option<ImageRecord>, CatalogError> {
        let Some(stored) = self.store.get(&keys::image(id), || image_name(id))? else {
            return Ok(None);
        };
        let paths = image_path_keys(&self.store, id)?
            .iter()
            .map(|key| keys::path_from_bytes(keys::path_of_image_path(key)))
            .collect();
        let row = self.row(id, &stored)?;
        Ok(Some(image_record(*id, row, stored, paths)))
    }

    fn builder(&self, state: &StoreState) -> BatchBuilder<'_> {
        BatchBuilder::new(&self.store, self.space, state.counts())
    }

    /// Up to [`PAGE`] images from a key on. Paths and rows are read by range, not one image at a time.
    fn image_page(&self, from: Bound<Vec<u8>>) -> Result<Page<ImageRecord>, CatalogError> {
        let _no_writer = self.reading();
        let page = self.store.page((from, keys::all_images().1), PAGE)?;
        let ids: Vec<_> = page.iter().filter_map(|(key, _)| keys::image_of(key)).collect();
        let mut paths = self.paths_between(&ids)?;
        let rows = self.rows_between(&ids)?;
        let record = |(key, value): &(sled::IVec, sled::IVec)| {
            let id = keys::image_of(key).ok_or_else(|| self.store.damaged("a key".into()))?;
            let stored = decode_checked(key, value).ok_or_else(|| self.store.damaged(image_name(&id)))?;
            let row = self.row_among(&rows, &id, &stored);
            Ok(image_record(
                id,
                row,
                stored,
                paths.remove(&id).unwrap_or_default(),
            ))
        };
        Ok(Page {
            next: next_page_start(&page),
            records: page.iter().map(record).collect(),
        })
    }

    /// The paths of the images from the first of `ids` to the last.
    fn paths_between(&self, ids: &[ImageId]) -> Result<BTreeMap<ImageId, Vec<PathBuf>>, CatalogError> {
        let mut paths: BTreeMap<ImageId, Vec<PathBuf>> = BTreeMap::new();
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return Ok(paths);
        };
        for (key, _) in self.store.page(keys::image_paths(first, last), usize::MAX)? {
            if let Some(id) = keys::image_of(&key) {
                let path = keys::path_from_bytes(keys::path_of_image_path(&key));
                paths.entry(id).or_default().push(path);
            }
        }
        Ok(paths)
    }

    fn file_page(&self, from: Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> Result<Page<FileRecord>, CatalogError> {
        let page = self.store.page((from, to.clone()), PAGE)?;
        let record = |(key, value): &(sled::IVec, sled::IVec)| {
            let path = key.get(1..).unwrap_or_default();
            let stored = decode_checked(key, value).ok_or_else(|| self.store.damaged(file_name(path)))?;
            Ok(file_record(keys::path_from_bytes(path), stored))
        };
        Ok(Page {
            next: next_page_start(&page),
            records: page.iter().map(record).collect(),
        })
    }

    fn commit(&self, state: &mut StoreState, prepared: PreparedBatch) -> Result<Vec<ImageId>, CatalogError> {
        let next = state.next(prepared.counts);
        self.listing.note(&prepared.writes);
        self.store.commit(prepared.writes, &next)?;
        *state = next;
        Ok(prepared.deleted)
    }
}

impl Catalog for SledCatalog {
    fn get_many(&self, images: &[ImageId]) -> Result<Vec<Option<ImageRecord>>, CatalogError> {
        let _no_writer = self.reading();
        images.iter().map(|id| self.image(id)).collect()
    }

    fn details(&self, image: &ImageId) -> Result<Option<Details>, CatalogError> {
        if !self.store.contains(&keys::image(image))? {
            return Ok(None);
        }
        let stored = self
            .store
            .get::<StoredDetails>(&keys::details(image), || details_name(image))?;
        Ok(stored.and_then(StoredDetails::into_details))
    }

    fn contains(&self, image: &ImageId) -> Result<bool, CatalogError> {
        self.store.contains(&keys::image(image))
    }

    fn put_batch(&self, batch: &WriteBatch) -> Result<Vec<ImageId>, CatalogError> {
        if *batch == WriteBatch::default() {
            return Ok(Vec::new());
        }
        let mut state = self.writing();
        let prepared = self.builder(&state).build(batch)?;
        self.commit(&mut state, prepared)
    }

    fn remove(&self, images: &[ImageId]) -> Result<(), CatalogError> {
        let mut state = self.writing();
        let prepared = self.builder(&state).build_removal(images)?;
        if !prepared.deleted.is_empty() {
            self.commit(&mut state, prepared)?;
        }
        Ok(())
    }

    fn scan(&self) -> Box<dyn Iterator<Item = Result<ImageRecord, CatalogError>> + '_> {
        Box::new(Paged::new(keys::all_images().0, |from| self.image_page(from)))
    }

    fn images_matching(
        &self,
        filter: &Filter,
        among: Option<&[ImageId]>,
    ) -> Result<Vec<ImageId>, CatalogError> {
        self.find_matching(filter, among)
    }

    fn file(&self, path: &Path) -> Result<Option<FileRecord>, CatalogError> {
        let path = keys::path_bytes(path);
        let stored = self.store.get(&keys::file(&path), || file_name(&path))?;
        Ok(stored.map(|stored| file_record(keys::path_from_bytes(&path), stored)))
    }

    fn files_under(&self, folder: &Path) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_> {
        let (from, to) = keys::files_under(&keys::path_bytes(folder));
        Box::new(Paged::new(from, move |from| self.file_page(from, &to)))
    }

    fn all_files(&self) -> Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + '_> {
        let (from, to) = keys::all_files();
        Box::new(Paged::new(from, move |from| self.file_page(from, &to)))
    }

    fn counts(&self) -> Result<CatalogCounts, CatalogError> {
        Ok(self.reading().counts())
    }
}

fn require_clock(dir: &Path, now_ms: i64) -> Result<(), CatalogError> {
    if now_ms >= 0 {
        return Ok(());
    }
    Err(CatalogError::Store {
        path: dir.into(),
        source: "the system's clock is set to a time before 1970; set it right".into(),
    })
}

/// Some records, and the bound from which the next page is read; none after the last page.
struct Page<T> {
    records: VecDeque<Result<T, CatalogError>>,
    next: Option<Bound<Vec<u8>>>,
}

/// Iterates page by page, so that neither a lock nor an iterator of the store is held between records. Ends
/// after the first page that cannot be read.
struct Paged<T, F> {
    read: F,
    page: Page<T>,
}

impl<T, F> Paged<T, F>
where
    F: FnMut(Bound<Vec<u8>>) -> Result<Page<T>, CatalogError>,
{
    fn new(from: Bound<Vec<u8>>, read: F) -> Self {
        let page = Page {
            records: VecDeque::new(),
            next: Some(from),
        };
        Self { read, page }
    }
}

impl<T, F> Iterator for Paged<T, F>
where
    F: FnMut(Bound<Vec<u8>>) -> Result<Page<T>, CatalogError>,
{
    type Item = Result<T, CatalogError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.records.is_empty() {
            let from = self.page.next.take()?;
            match (self.read)(from) {
                Ok(page) => self.page = page,
                Err(error) => return Some(Err(error)),
            }
        }
        self.page.records.pop_front()
    }
}

fn next_page_start(page: &[(sled::IVec, sled::IVec)]) -> Option<Bound<Vec<u8>>> {
    let (last, _) = page.last().filter(|_| page.len() == PAGE)?;
    Some(Bound::Excluded(last.to_vec()))
}

fn image_record(image: ImageId, row: Option<RowId>, stored: StoredImage, paths: Vec<PathBuf>) -> ImageRecord {
    ImageRecord {
        image,
        row,
        bytes: stored.bytes,
        metadata: stored.metadata,
        taken_source: stored.taken_source,
        added_ms: stored.added_ms,
        paths,
    }
}

fn file_record(path: PathBuf, stored: StoredFile) -> FileRecord {
    FileRecord {
        path,
        stamp: stored.stamp(),
        state: stored.into_state(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_before_1970_is_named() {
        assert!(require_clock(Path::new("/c"), 0).is_ok());
        let error = require_clock(Path::new("/c"), -1).unwrap_err();
        assert!(error.to_string().contains("clock"), "{error}");
    }
}
