//! The records of a catalog: in sled, or, where nothing can be written or something is damaged, in memory.

mod sled_store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::IVec;

use crate::keys::{self, Range};
use crate::ledger::{Ledger, LedgerError};
use crate::records::{FORMAT_VERSION, StoreState, decode_checked, encode_checked};
use crate::salvage::Salvage;
use crate::{CatalogError, ReadOnlyReason};
use sled_store::SledStore;

/// The open store.
pub struct Store {
    dir: PathBuf,
    engine: Engine,
    /// Changes that were reported as durable and are missing.
    missing: u64,
}

enum Engine {
    Sled(Box<SledStore>),
    Memory(MemoryStore),
}

/// Records that were read from the files, which are not changed.
struct MemoryStore {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    reason: ReadOnlyReason,
    /// Keeps writers out, where the file system has locks.
    _ledger: Option<Ledger>,
}

impl Store {
    /// Opens or creates the store in `dir`.
    pub fn open(dir: &Path) -> Result<(Self, StoreState), CatalogError> {
        let (store, state, missing) = SledStore::open(dir)?;
        let mut store = Self {
            dir: dir.into(),
            engine: Engine::Sled(Box::new(store)),
            missing,
        };
        let state = store.record_missing(state)?;
        Ok((store, state))
    }

    /// Reads the store in `dir` into memory, writing nothing.
    pub fn read(dir: &Path, reason: ReadOnlyReason) -> Result<(Self, StoreState), CatalogError> {
        let ledger =
            Ledger::open_for_reading(&dir.join("ledger")).map_err(|error| ledger_error(dir, error))?;
        let salvage = Salvage::read(dir, ledger.as_ref()).map_err(|error| failure(dir, error))?;
        if let Some(found) = salvage.other_version() {
            return Err(unknown_version(dir, found));
        }
        let consistent = salvage.into_consistent();
        let store = Self {
            dir: dir.into(),
            missing: consistent.missing,
            engine: Engine::Memory(MemoryStore {
                records: consistent.records,
                reason,
                _ledger: ledger,
            }),
        };
        Ok((store, consistent.state))
    }

    /// Its catalog's directory.
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// Changes that were reported as durable and are missing.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Why the store can only be read, if so.
    pub fn read_only(&self) -> Option<&ReadOnlyReason> {
        match &self.engine {
            Engine::Sled(_) => None,
            Engine::Memory(memory) => Some(&memory.reason),
        }
    }

    /// The verified value of `key`; `what` names it in an error.
    pub fn get<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: impl FnOnce() -> String,
    ) -> Result<Option<T>, CatalogError> {
        let encoded = match &self.engine {
            Engine::Sled(store) => store.get(key)?,
            Engine::Memory(memory) => memory.records.get(key).map(|value| value.as_slice().into()),
        };
        match encoded {
            None => Ok(None),
            Some(encoded) => decode_checked(key, &encoded)
                .map(Some)
                .ok_or_else(|| self.damaged(what())),
        }
    }

    pub fn contains(&self, key: &[u8]) -> Result<bool, CatalogError> {
        match &self.engine {
            Engine::Sled(store) => store.contains(key),
            Engine::Memory(memory) => Ok(memory.records.contains_key(key)),
        }
    }

    /// The first `limit` entries of a range, in order.
    pub fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, CatalogError> {
        match &self.engine {
            Engine::Sled(store) => store.page(range, limit),
            Engine::Memory(memory) => {
                let entries = memory.records.range::<Vec<u8>, _>(range).take(limit);
                Ok(entries
                    .map(|(key, value)| (key.as_slice().into(), value.as_slice().into()))
                    .collect())
            }
        }
    }

    /// Applies `batch` and the counters in `state` atomically. When this returns, they survive power loss.
    pub fn commit(&self, mut batch: sled::Batch, state: &StoreState) -> Result<(), CatalogError> {
        self.insert(&mut batch, keys::STATE, state)?;
        match &self.engine {
            Engine::Sled(store) => store.commit(batch, state.sequence),
            Engine::Memory(memory) => Err(CatalogError::ReadOnly {
                path: self.dir.clone(),
                reason: memory.reason.clone(),
            }),
        }
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

    /// Stores how many changes are missing before new ones hide it: their sequence number goes on from that of
    /// the ledger.
    fn record_missing(&mut self, state: StoreState) -> Result<StoreState, CatalogError> {
        let known: u64 = self
            .get(keys::MISSING, || "the number of missing changes".into())?
            .unwrap_or(0);
        let found = std::mem::replace(&mut self.missing, known);
        if found == 0 {
            return Ok(state);
        }
        self.missing = known + found;
        let mut batch = sled::Batch::default();
        self.insert(&mut batch, keys::MISSING, &self.missing)?;
        let next = StoreState::new(state.sequence + found + 1, state.counts());
        self.commit(batch, &next)?;
        Ok(next)
    }
}

pub fn damaged(dir: &Path, what: String) -> CatalogError {
    CatalogError::Damaged {
        path: dir.into(),
        what,
    }
}

pub fn failure(dir: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CatalogError {
    CatalogError::Store {
        path: dir.into(),
        source: source.into(),
    }
}

pub fn ledger_error(dir: &Path, error: LedgerError) -> CatalogError {
    match error {
        LedgerError::Locked => CatalogError::InUse { path: dir.into() },
        LedgerError::Io(error) => failure(dir, error),
    }
}

pub fn unknown_version(dir: &Path, found: u32) -> CatalogError {
    CatalogError::UnknownVersion {
        path: dir.into(),
        found,
        supported: FORMAT_VERSION,
    }
}
