//! sled, with what it lacks: a real fsync, a check that nothing went missing, and panics turned into errors.

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
use crate::ledger::{Entry, Ledger, OpenError};
use crate::records::{State, seal, unseal};

/// The format that this program writes and reads.
const FORMAT_VERSION: u32 = 1;
const CACHE_BYTES: u64 = 64 << 20;
/// How often, at intervals of [`LOCK_PAUSE`], sled's own lock is waited for. The ledger's lock is ours by then: only
/// threads of a catalog that this process has just closed can still hold sled's.
const LOCK_TRIALS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The open store.
pub struct Store {
    dir: PathBuf,
    db: sled::Db,
    /// The file that sled writes, for the fsync that sled does not do.
    log: File,
    ledger: Ledger,
    /// Set by the first failure after which memory and disk may differ. Only opening again helps then.
    broken: AtomicBool,
}

impl Store {
    /// Opens or makes the store in `dir`.
    pub fn open(dir: &Path) -> Result<(Self, State), CatalogError> {
        fs::create_dir_all(dir).map_err(|error| failure(dir, error))?;
        let ledger = Ledger::open(&dir.join("ledger")).map_err(|error| match error {
            OpenError::Locked => CatalogError::InUse { path: dir.into() },
            OpenError::Io(error) => failure(dir, error),
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
        let state = store.checked_state()?;
        Ok((store, state))
    }

    /// The value under `key`, its checksum verified; `what` names it where it is damaged.
    pub fn get<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: impl FnOnce() -> String,
    ) -> Result<Option<T>, CatalogError> {
        match self.guarded(|| self.db.get(key))? {
            None => Ok(None),
            Some(sealed) => unseal(key, &sealed).map(Some).ok_or_else(|| self.damaged(what())),
        }
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &[u8]) -> Result<bool, CatalogError> {
        self.guarded(|| self.db.contains_key(key))
    }

    /// The first `limit` entries of a range, in order.
    pub fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, CatalogError> {
        self.guarded(|| self.db.range::<Vec<u8>, _>(range).take(limit).collect())
    }

    /// Applies `batch` atomically, with `state` as what the store says of itself afterwards, and returns once it
    /// would survive power loss.
    pub fn commit(&self, mut batch: sled::Batch, state: &State) -> Result<(), CatalogError> {
        self.insert(&mut batch, keys::STATE, state)?;
        let done = self
            .guarded(|| {
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

    /// Adds a sealed value to a batch.
    pub fn insert<T: Serialize>(
        &self,
        batch: &mut sled::Batch,
        key: &[u8],
        value: &T,
    ) -> Result<(), CatalogError> {
        let sealed = seal(key, value).map_err(|error| failure(&self.dir, error))?;
        batch.insert(key, sealed);
        Ok(())
    }

    /// The error that names a damaged part.
    pub fn damaged(&self, what: String) -> CatalogError {
        damaged(&self.dir, what)
    }

    /// sled asks Linux to start writing (`sync_file_range`), which neither empties the disk's cache nor covers a file
    /// that grew: the fsync here is what makes a batch durable.
    fn sync(&self, sequence: u64) -> std::io::Result<()> {
        self.log.sync_all()?;
        self.ledger.write(sequence)
    }

    fn checked_state(&self) -> Result<State, CatalogError> {
        let ledger = self.ledger.read().map_err(|error| failure(&self.dir, error))?;
        let version = self.get::<u32>(keys::VERSION, || "the format version".into())?;
        match (ledger, version) {
            (Entry::Damaged, _) => Err(self.damaged("the ledger is unreadable".into())),
            (Entry::New, None) => self.initialise(),
            (Entry::Sequence(_), None) => Err(self.damaged("everything in the store is missing".into())),
            (_, Some(found)) if found != FORMAT_VERSION => Err(CatalogError::UnknownVersion {
                path: self.dir.clone(),
                found,
                supported: FORMAT_VERSION,
            }),
            (Entry::New, Some(_)) => match self.state_after(0)? {
                // Cut short while being made.
                state if state.sequence == 0 => Ok(state),
                _ => Err(self.damaged("its ledger is missing".into())),
            },
            (Entry::Sequence(sequence), Some(_)) => self.state_after(sequence),
        }
    }

    fn state_after(&self, sequence: u64) -> Result<State, CatalogError> {
        let state: State = self
            .get(keys::STATE, || "the counters".into())?
            .ok_or_else(|| self.damaged("the counters are missing".into()))?;
        if state.sequence < sequence {
            let missing = sequence - state.sequence;
            return Err(self.damaged(format!("its last {missing} changes are missing")));
        }
        Ok(state)
    }

    fn initialise(&self) -> Result<State, CatalogError> {
        let mut batch = sled::Batch::default();
        self.insert(&mut batch, keys::VERSION, &FORMAT_VERSION)?;
        let state = State::default();
        self.commit(batch, &state)?;
        for directory in [&self.dir.join("store"), &self.dir] {
            sync_directory(directory).map_err(|error| failure(&self.dir, error))?;
        }
        Ok(state)
    }

    fn guarded<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, CatalogError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(failure(
                &self.dir,
                "an earlier access failed; open the library again",
            ));
        }
        let result = contained(&self.dir, operation);
        if matches!(result, Err(CatalogError::Damaged { .. })) {
            self.broken.store(true, Ordering::Release);
        }
        result
    }
}

/// Runs sled code. sled asserts and unwraps on files that nobody but sled should have written: on damaged ones such a
/// panic means damage, and it ends here.
fn contained<T>(dir: &Path, operation: impl FnOnce() -> sled::Result<T>) -> Result<T, CatalogError> {
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
        match contained(dir, || config.open()) {
            Err(CatalogError::Store { source, .. })
                if source.to_string().contains("could not acquire lock") =>
            {
                thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
    contained(dir, || config.open())
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
