//! sled with four additions: its files are examined before it opens them, batches are synced, lost batches are
//! noticed, and panics become errors.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use eidetic_atomic_file::sync_directory;
use eidetic_domain::counted;
use sled::IVec;

use super::{damaged, failure, ledger_error, unknown_version};
use crate::CatalogError;
use crate::keys::{self, Range};
use crate::ledger::{Ledger, LedgerEntry};
use crate::records::{FORMAT_VERSION, StoreState, decode_checked, encode_checked};
use crate::salvage::Salvage;
use crate::sled_log::is_suspicious;
use crate::snapshot::EachRecord;
use crate::store_files::{self, DerivedFiles, STORE};

/// Number of records that [`SledStore::for_each_in`] reads at a time.
const PAGE: usize = 4096;
const CACHE_BYTES: u64 = 64 << 20;
/// Attempts, at intervals of [`LOCK_PAUSE`], to take sled's own lock. The commit sequence file is locked by
/// then: only threads of a catalog that this process has just closed can still hold sled's lock.
const LOCK_TRIALS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open sled store.
pub struct SledStore {
    dir: PathBuf,
    db: sled::Db,
    /// The file that sled writes, opened for the fsync that sled omits.
    log: File,
    ledger: Ledger,
    /// Set by the first failure after which memory and disk may differ. The catalog must then be opened
    /// again.
    broken: AtomicBool,
}

impl SledStore {
    /// Opens or creates the store in `dir`; returns its counters, and how many batches are missing although
    /// nothing in the files is damaged, as in a copy that is older than its ledger.
    pub fn open(dir: &Path) -> Result<(Self, StoreState, u64), CatalogError> {
        let failed = |error| failure(dir, error);
        create_directory(dir).map_err(failed)?;
        let ledger = Ledger::open(&dir.join("ledger")).map_err(|error| ledger_error(dir, error))?;
        crate::rebuild::finish(dir).map_err(failed)?;
        let from = DerivedFiles::list(&dir.join(STORE))
            .and_then(|files| files.make_usable(dir))
            .map_err(failed)?;
        require_complete(dir, &ledger, from)?;
        let db = open_sled_or_set_aside(dir)?;
        let log = File::options()
            .read(true)
            .write(true)
            .open(dir.join(STORE).join("db"))
            .map_err(failed)?;
        let store = Self {
            dir: dir.into(),
            db,
            log,
            ledger,
            broken: AtomicBool::new(false),
        };
        let (state, missing) = store.load_state()?;
        Ok((store, state, missing))
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<IVec>, CatalogError> {
        self.run(|| self.db.get(key))
    }

    pub fn contains(&self, key: &[u8]) -> Result<bool, CatalogError> {
        self.run(|| self.db.contains_key(key))
    }

    pub fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, CatalogError> {
        self.run(|| self.db.range::<Vec<u8>, _>(range).take(limit).collect())
    }

    /// Passes all records to `each`, in order of their keys.
    pub fn for_each(&self, each: EachRecord<'_>) -> io::Result<()> {
        self.for_each_in((Bound::Unbounded, Bound::Unbounded), io::Error::other, each)
    }

    /// Passes the records of a range to `each`, in order of their keys; `failed` makes an error of one of the store.
    pub fn for_each_in<E>(
        &self,
        range: Range,
        failed: impl Fn(CatalogError) -> E,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut from, to) = range;
        loop {
            let page = self.page((from, to.clone()), PAGE).map_err(&failed)?;
            for (key, value) in &page {
                each(key, value)?;
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => from = Bound::Excluded(last.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    /// Applies a batch atomically and records that `sequence` batches are durable.
    pub fn commit(&self, batch: sled::Batch, sequence: u64) -> Result<(), CatalogError> {
        let done = self
            .run(|| {
                self.db.apply_batch(batch)?;
                self.db.flush()
            })
            .and_then(|_| self.sync(sequence).map_err(|error| failure(&self.dir, error)));
        if done.is_err() {
            self.broken.store(true, Ordering::Release);
        }
        done
    }

    /// sled flushes with `sync_file_range` on Linux, which neither flushes the disk's cache nor covers a
    /// file that grew: the fsync here makes a batch durable.
    fn sync(&self, sequence: u64) -> io::Result<()> {
        self.log.sync_all()?;
        self.ledger.write(sequence)
    }

    fn load_state(&self) -> Result<(StoreState, u64), CatalogError> {
        let ledger = self.ledger.read().map_err(|error| failure(&self.dir, error))?;
        let damaged = |what: &str| damaged(&self.dir, what.into());
        let version: Option<u32> = self.decode(keys::VERSION, "the format version")?;
        match (ledger, version) {
            (LedgerEntry::Damaged, _) => Err(damaged("the commit sequence file is unreadable")),
            (LedgerEntry::New, None) => Ok((self.initialize()?, 0)),
            (LedgerEntry::Sequence(_), None) => Err(damaged("the store is empty")),
            (_, Some(found)) if found != FORMAT_VERSION => Err(unknown_version(&self.dir, found)),
            (LedgerEntry::New, Some(_)) => match self.state()? {
                // The creation was interrupted.
                state if state.sequence == 0 => Ok((state, 0)),
                _ => Err(damaged("the commit sequence file is missing")),
            },
            (LedgerEntry::Sequence(sequence), Some(_)) => {
                let state = self.state()?;
                if state.sequence > sequence {
                    // The process ended between store and file: from now on, the last batch counts as durable.
                    self.sync(state.sequence)
                        .map_err(|error| failure(&self.dir, error))?;
                }
                Ok((state, sequence.saturating_sub(state.sequence)))
            }
        }
    }

    fn state(&self) -> Result<StoreState, CatalogError> {
        self.decode(keys::STATE, "the counters")?
            .ok_or_else(|| damaged(&self.dir, "the counters are missing".into()))
    }

    fn decode<T: serde::de::DeserializeOwned>(
        &self,
        key: &[u8],
        what: &str,
    ) -> Result<Option<T>, CatalogError> {
        let decode = |value: IVec| {
            decode_checked(key, &value).ok_or_else(|| damaged(&self.dir, format!("{what} cannot be read")))
        };
        self.get(key)?.map(decode).transpose()
    }

    fn initialize(&self) -> Result<StoreState, CatalogError> {
        let failed = |error: io::Error| failure(&self.dir, error);
        let state = StoreState::default();
        let mut batch = sled::Batch::default();
        let encode = |error: postcard::Error| failure(&self.dir, error);
        let version = encode_checked(keys::VERSION, &FORMAT_VERSION).map_err(encode)?;
        batch.insert(keys::VERSION, version);
        batch.insert(keys::STATE, encode_checked(keys::STATE, &state).map_err(encode)?);
        let store = self.dir.join(STORE);
        store_files::sync_settings(&store).map_err(failed)?;
        for directory in [&store, &self.dir] {
            sync_directory(directory).map_err(failed)?;
        }
        self.commit(batch, state.sequence)?;
        Ok(state)
    }

    /// Runs sled code, unless an earlier failure left memory and disk different.
    fn run<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, CatalogError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(failure(
                &self.dir,
                "an earlier operation failed; open the library again",
            ));
        }
        let result = catch_panics(&self.dir, operation);
        if matches!(result, Err(CatalogError::Damaged { .. })) {
            self.broken.store(true, Ordering::Release);
        }
        result
    }
}

/// Creates the catalog's folder; once this returns, it survives power loss.
fn create_directory(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    sync_directory(dir.parent().unwrap_or(Path::new(".")))
}

/// Refuses a store of which sled would leave out, and then overwrite, something that can be read.
fn require_complete(dir: &Path, ledger: &Ledger, from: u64) -> Result<(), CatalogError> {
    let failed = |error| failure(dir, error);
    if !is_suspicious(&dir.join(STORE), from).map_err(failed)? {
        return Ok(());
    }
    let entry = ledger.read().map_err(failed)?;
    let lost = Salvage::lost_by_sled(dir, entry).map_err(failed)?;
    match lost {
        0 => Ok(()),
        places => Err(damaged(
            dir,
            format!("its log cannot be read in {}", counted(places, "place")),
        )),
    }
}

/// Snapshot and settings are derived: where sled refuses them, the log alone decides.
fn open_sled_or_set_aside(dir: &Path) -> Result<sled::Db, CatalogError> {
    match open_sled(dir) {
        Err(refused @ CatalogError::Damaged { .. }) => {
            let any = store_files::set_all_aside(dir).map_err(|error| failure(dir, error))?;
            if any && !is_suspicious(&dir.join(STORE), 0).map_err(|error| failure(dir, error))? {
                open_sled(dir)
            } else {
                Err(refused)
            }
        }
        other => other,
    }
    .inspect_err(|_| {
        // What sled began to write where the disk is full; the next opening would find it too.
        if let Ok(files) = DerivedFiles::list(&dir.join(STORE)) {
            files.drafts.iter().for_each(|draft| drop(fs::remove_file(draft)));
        }
    })
}

fn open_sled(dir: &Path) -> Result<sled::Db, CatalogError> {
    let config = sled::Config::new()
        .path(dir.join(STORE))
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    for _ in 1..LOCK_TRIALS {
        match catch_panics(dir, || config.open()) {
            Err(CatalogError::Store { source, .. })
                if source.to_string().contains("could not acquire lock") =>
            {
                thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
    catch_panics(dir, || config.open())
}

/// Runs sled code and turns panics into errors. sled asserts and unwraps what it reads: on damaged files it
/// panics.
fn catch_panics<T>(dir: &Path, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, CatalogError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(failure(dir, error)),
        Ok(Err(error)) => Err(damaged(dir, error.to_string())),
        Err(_) => Err(damaged(dir, "the store cannot be read".into())),
    }
}
