//! sled with three additions: a real fsync, a check that no batch was lost, and panics turned into errors.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use eidetic_atomic_file::sync_directory;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::IVec;

use crate::CatalogError;
use crate::keys::{self, Range};
use crate::ledger::{Ledger, LedgerEntry, LedgerError};
use crate::records::{StoreState, decode_checked, encode_checked};

/// The format version that this program writes and reads.
const FORMAT_VERSION: u32 = 1;
const CACHE_BYTES: u64 = 64 << 20;
/// Attempts, at intervals of [`LOCK_PAUSE`], to take sled's own lock. The commit sequence file is locked by then: only
/// threads of a catalog that this process has just closed can still hold sled's lock.
const LOCK_TRIALS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The open store.
pub struct Store {
    dir: PathBuf,
    db: sled::Db,
    /// The file that sled writes, opened for the fsync that sled omits.
    log: File,
    ledger: Ledger,
    /// Set by the first failure after which memory and disk may differ. The catalog must then be opened again.
    broken: AtomicBool,
}

impl Store {
    /// Opens or creates the store in `dir`.
    pub fn open(dir: &Path) -> Result<(Self, StoreState), CatalogError> {
        fs::create_dir_all(dir).map_err(|error| failure(dir, error))?;
        let ledger = Ledger::open(&dir.join("ledger")).map_err(|error| match error {
            LedgerError::Locked => CatalogError::InUse { path: dir.into() },
            LedgerError::Io(error) => failure(dir, error),
        })?;
        let db = open_sled(dir)?;
        let log = File::options()
            .read(true)
            .write(true)
            .open(dir.join("store").join("db"))
            .map_err(|error| failure(dir, error))?;
        let store = Self {
            dir: dir.into(),
            db,
            log,
            ledger,
            broken: AtomicBool::new(false),
        };
        let state = store.load_state()?;
        Ok((store, state))
    }

    /// The verified value of `key`; `what` names it in an error.
    pub fn get<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: impl FnOnce() -> String,
    ) -> Result<Option<T>, CatalogError> {
        match self.run(|| self.db.get(key))? {
            None => Ok(None),
            Some(encoded) => decode_checked(key, &encoded)
                .map(Some)
                .ok_or_else(|| self.damaged(what())),
        }
    }

    pub fn contains(&self, key: &[u8]) -> Result<bool, CatalogError> {
        self.run(|| self.db.contains_key(key))
    }

    /// The first `limit` entries of a range, in order.
    pub fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, CatalogError> {
        self.run(|| self.db.range::<Vec<u8>, _>(range).take(limit).collect())
    }

    /// Applies `batch` and the counters in `state` atomically. When this returns, they survive power loss.
    pub fn commit(&self, mut batch: sled::Batch, state: &StoreState) -> Result<(), CatalogError> {
        self.insert(&mut batch, keys::STATE, state)?;
        let done = self
            .run(|| {
                self.db.apply_batch(batch)?;
                self.db.flush()
            })
            .and_then(|_| {
                self.sync(state.sequence)
                    .map_err(|error| failure(&self.dir, error))
            });
        if done.is_err() {
            self.broken.store(true, Ordering::Release);
        }
        done
    }

    /// Adds a value with its checksum to a batch.
    pub fn insert<T: Serialize>(
        &self,
        batch: &mut sled::Batch,
        key: &[u8],
        value: &T,
    ) -> Result<(), CatalogError> {
        let encoded = encode_checked(key, value).map_err(|error| failure(&self.dir, error))?;
        batch.insert(key, encoded);
        Ok(())
    }

    pub fn damaged(&self, what: String) -> CatalogError {
        damaged(&self.dir, what)
    }

    /// sled flushes with `sync_file_range` on Linux, which neither flushes the disk's cache nor covers a file that grew:
    /// the fsync here makes a batch durable.
    fn sync(&self, sequence: u64) -> std::io::Result<()> {
        self.log.sync_all()?;
        self.ledger.write(sequence)
    }

    fn load_state(&self) -> Result<StoreState, CatalogError> {
        let ledger = self.ledger.read().map_err(|error| failure(&self.dir, error))?;
        let version = self.get::<u32>(keys::VERSION, || "the format version".into())?;
        match (ledger, version) {
            (LedgerEntry::Damaged, _) => Err(self.damaged("the commit sequence file is unreadable".into())),
            (LedgerEntry::New, None) => self.initialize(),
            (LedgerEntry::Sequence(_), None) => Err(self.damaged("the store is empty".into())),
            (_, Some(found)) if found != FORMAT_VERSION => Err(CatalogError::UnknownVersion {
                path: self.dir.clone(),
                found,
                supported: FORMAT_VERSION,
            }),
            (LedgerEntry::New, Some(_)) => match self.load_state_after(0)? {
                // The creation was interrupted.
                state if state.sequence == 0 => Ok(state),
                _ => Err(self.damaged("the commit sequence file is missing".into())),
            },
            (LedgerEntry::Sequence(sequence), Some(_)) => self.load_state_after(sequence),
        }
    }

    fn load_state_after(&self, sequence: u64) -> Result<StoreState, CatalogError> {
        let state: StoreState = self
            .get(keys::STATE, || "the counters".into())?
            .ok_or_else(|| self.damaged("the counters are missing".into()))?;
        if state.sequence < sequence {
            let missing = sequence - state.sequence;
            return Err(self.damaged(format!("batches missing at the end: {missing}")));
        }
        Ok(state)
    }

    fn initialize(&self) -> Result<StoreState, CatalogError> {
        let mut batch = sled::Batch::default();
        self.insert(&mut batch, keys::VERSION, &FORMAT_VERSION)?;
        let state = StoreState::default();
        self.commit(batch, &state)?;
        for directory in [&self.dir.join("store"), &self.dir] {
            sync_directory(directory).map_err(|error| failure(&self.dir, error))?;
        }
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

/// Runs sled code and turns panics into errors. sled asserts and unwraps what it reads: on damaged files it panics.
fn catch_panics<T>(dir: &Path, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, CatalogError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(failure(dir, error)),
        Ok(Err(error)) => Err(damaged(dir, error.to_string())),
        Err(_) => Err(damaged(dir, "the store cannot be read".into())),
    }
}

fn open_sled(dir: &Path) -> Result<sled::Db, CatalogError> {
    let config = sled::Config::new()
        .path(dir.join("store"))
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

fn damaged(dir: &Path, what: String) -> CatalogError {
    CatalogError::Damaged {
        path: dir.into(),
        what,
    }
}

fn failure(dir: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CatalogError {
    CatalogError::Store {
        path: dir.into(),
        source: source.into(),
    }
}
