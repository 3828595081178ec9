//! The records of a catalog: in sled, for its owner; in a snapshot, for others; or, where nothing can be written or
//! something is damaged, in memory.

mod changes;
mod sled_store;

use std::collections::BTreeMap;
use std::convert;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::IVec;

use crate::keys::{self, Range};
use crate::ledger::{Ledger, LedgerError};
use crate::records::{FORMAT_VERSION, StoreState, decode_checked, encode_checked};
use crate::salvage::Salvage;
use crate::snapshot::{self, Publisher, Snapshot};
use crate::{CatalogError, ReadOnlyReason};
pub use changes::Changes;
use sled_store::SledStore;

/// The open store.
pub struct Store {
    dir: PathBuf,
    engine: Engine,
    /// Changes that were reported as durable and are missing.
    missing: u64,
}

enum Engine {
    Sled(Box<OwnedStore>),
    Memory(MemoryStore),
    Snapshot(Box<SnapshotStore>),
}

/// The store of the catalog's owner.
struct OwnedStore {
    store: SledStore,
    /// For those who read meanwhile.
    publisher: Publisher,
}

/// What the owner has published.
struct SnapshotStore {
    snapshot: Snapshot,
    reason: ReadOnlyReason,
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
        let publisher = Publisher::open(dir, state.sequence, &|each| store.for_each(each));
        let mut store = Self {
            dir: dir.into(),
            engine: Engine::Sled(Box::new(OwnedStore { store, publisher })),
            missing,
        };
        let state = store.record_missing(state)?;
        Ok((store, state))
    }

    /// Reads what is whole of the log in `dir` into memory, writing nothing.
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

    /// Opens the snapshot in `dir`, whoever owns the catalog, and says how many commits it is behind. `None` where there is
    /// no whole one.
    pub fn read_snapshot(
        dir: &Path,
        reason: ReadOnlyReason,
    ) -> Result<Option<(Self, StoreState, u64)>, CatalogError> {
        let failed = |error| failure(dir, error);
        let Some(durable) = Ledger::durable(&dir.join("ledger")).map_err(failed)? else {
            return Ok(None);
        };
        let folder = dir.join(snapshot::FOLDER);
        let Some(snapshot) = Snapshot::open(&folder, durable).map_err(failed)? else {
            return Ok(None);
        };
        let behind = durable - snapshot.end().sequence;
        let mut store = Self {
            dir: dir.into(),
            engine: Engine::Snapshot(Box::new(SnapshotStore { snapshot, reason })),
            missing: 0,
        };
        let version: Option<u32> = store.get(keys::VERSION, || "the format version".into())?;
        match version {
            Some(FORMAT_VERSION) => {}
            Some(found) => return Err(unknown_version(dir, found)),
            None => return Ok(None),
        }
        let Some(state) = store.get(keys::STATE, || "the counters".into())? else {
            return Ok(None);
        };
        store.missing = store
            .get(keys::MISSING, || "the number of missing changes".into())?
            .unwrap_or(0);
        Ok(Some((store, state, behind)))
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
            Engine::Snapshot(opened) => Some(&opened.reason),
        }
    }

    /// When the last commit of the snapshot was made, in milliseconds since 1970; `None` where the store is no snapshot.
    pub fn snapshot_at_ms(&self) -> Option<i64> {
        match &self.engine {
            Engine::Snapshot(opened) => Some(opened.snapshot.end().at_ms),
            Engine::Sled(_) | Engine::Memory(_) => None,
        }
    }

    /// The verified value of `key`; `what` names it in an error.
    pub fn get<T: DeserializeOwned>(
        &self,
        key: &[u8],
        what: impl FnOnce() -> String,
    ) -> Result<Option<T>, CatalogError> {
        let encoded = match &self.engine {
            Engine::Sled(owned) => owned.store.get(key)?,
            Engine::Memory(memory) => memory.records.get(key).map(|value| value.as_slice().into()),
            Engine::Snapshot(opened) => {
                let value = opened.snapshot.get(key);
                value.map_err(|error| failure(&self.dir, error))?.map(IVec::from)
            }
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
            Engine::Sled(owned) => owned.store.contains(key),
            Engine::Memory(memory) => Ok(memory.records.contains_key(key)),
            Engine::Snapshot(opened) => {
                let value = opened.snapshot.get(key);
                Ok(value.map_err(|error| failure(&self.dir, error))?.is_some())
            }
        }
    }

    /// The first `limit` entries of a range, in order.
    pub fn page(&self, range: Range, limit: usize) -> Result<Vec<(IVec, IVec)>, CatalogError> {
        match &self.engine {
            Engine::Sled(owned) => owned.store.page(range, limit),
            Engine::Memory(memory) => {
                let entries = memory.records.range::<Vec<u8>, _>(range).take(limit);
                Ok(entries
                    .map(|(key, value)| (key.as_slice().into(), value.as_slice().into()))
                    .collect())
            }
            Engine::Snapshot(opened) => {
                let mut page = Vec::new();
                let collect = |key: &[u8], value: &[u8]| {
                    page.push((IVec::from(key), IVec::from(value)));
                    Ok(page.len() < limit)
                };
                let read = opened.snapshot.for_each_in(&range, collect);
                read.map_err(|error| failure(&self.dir, error))?;
                Ok(page)
            }
        }
    }

    /// Passes the entries of a range to `each`, in order.
    pub fn for_each_in(
        &self,
        range: Range,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), CatalogError>,
    ) -> Result<(), CatalogError> {
        match &self.engine {
            Engine::Sled(owned) => owned.store.for_each_in(range, convert::identity, each),
            Engine::Memory(memory) => {
                let mut entries = memory.records.range::<Vec<u8>, _>(range);
                entries.try_for_each(|(key, value)| each(key, value))
            }
            Engine::Snapshot(opened) => {
                let mut seen = Ok(());
                let read = opened.snapshot.for_each_in(&range, |key, value| {
                    seen = each(key, value);
                    Ok(seen.is_ok())
                });
                read.map_err(|error| failure(&self.dir, error)).and(seen)
            }
        }
    }

    /// Applies `changes` and the counters in `state` atomically. When this returns, they survive power loss.
    pub fn commit(&self, mut changes: Changes, state: &StoreState) -> Result<(), CatalogError> {
        self.insert(&mut changes, keys::STATE, state)?;
        match &self.engine {
            Engine::Sled(owned) => {
                let OwnedStore { store, publisher } = &**owned;
                publisher.append(&changes, state.sequence, &|each| store.for_each(each));
                store.commit(changes.to_sled(), state.sequence)
            }
            Engine::Memory(MemoryStore { reason, .. }) => Err(self.read_only_error(reason)),
            Engine::Snapshot(opened) => Err(self.read_only_error(&opened.reason)),
        }
    }

    fn read_only_error(&self, reason: &ReadOnlyReason) -> CatalogError {
        CatalogError::ReadOnly {
            path: self.dir.clone(),
            reason: reason.clone(),
        }
    }

    /// Adds a value with its checksum.
    pub fn insert<T: Serialize>(
        &self,
        changes: &mut Changes,
        key: &[u8],
        value: &T,
    ) -> Result<(), CatalogError> {
        let encoded = encode_checked(key, value).map_err(|error| failure(&self.dir, error))?;
        changes.insert(key, encoded);
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
        let mut changes = Changes::default();
        self.insert(&mut changes, keys::MISSING, &self.missing)?;
        let next = StoreState::new(state.sequence + found + 1, state.counts());
        self.commit(changes, &next)?;
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
