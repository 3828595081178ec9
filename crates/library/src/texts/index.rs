//! The vectors of all texts in one space.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_encoder::{Encoder, TextReading};
use eidetic_indexer::RunContext;
use eidetic_vectors::{IndexError, RowSet, VectorIndex, VectorStore, orphaned_rows};

use super::rows::{ReadLog, RowEntry, RowLog};
use super::set_file::{TextSet, key_of, prefix};
use super::{SetMap, StoredText};
use crate::LibraryError;

/// Texts in one run of the model.
const BATCH: usize = 256;
/// Vectors are committed when they take this many bytes …
const COMMIT_BYTES: usize = 8 << 20;
/// … or after this time.
const COMMIT_EVERY: Duration = Duration::from_secs(2);

/// The vectors of texts in one space. Vectors of texts that are in no set are hidden.
pub(crate) struct TextIndex {
    pub(super) store: RwLock<VectorStore>,
    /// Texts in which the model reads nothing that an image can show. They have no vector and are never hits.
    silent: RwLock<HashSet<ImageId>>,
    log: RowLog,
    /// Counts changes, so that what is derived from the rows is known to be old.
    changes: AtomicU64,
    /// The rows of a set, with the number of changes and the set that they were found for.
    set_rows: Mutex<HashMap<String, CachedRows>>,
}

struct CachedRows {
    changes: u64,
    set: Arc<TextSet>,
    rows: Arc<RowSet>,
}

/// What a run of the model did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Embedded {
    pub(super) texts: u64,
    pub(super) cancelled: bool,
}

/// The directory of the vectors of texts within the directory of a space.
pub(super) fn directory_in(space: &Path) -> PathBuf {
    space.join("text-vectors")
}

/// What the files of a space say without opening the vectors.
pub(super) fn known_prefixes(space: &Path) -> Result<HashSet<u64>, LibraryError> {
    let read = RowLog::new(&directory_in(space)).read()?;
    Ok(read.entries.iter().map(|(key, _)| prefix(key)).collect())
}

impl TextIndex {
    /// Opens the vectors of texts in the directory of a space, or creates them. A damaged log is made again from the
    /// vectors, a damaged header from `space`.
    pub(super) fn open(space_directory: &Path, space: &SpaceId, sets: &SetMap) -> Result<Self, LibraryError> {
        let directory = directory_in(space_directory);
        if !directory.is_dir() {
            fs::create_dir_all(&directory).map_err(LibraryError::io(&directory))?;
            eidetic_atomic_file::sync_directory(space_directory)
                .map_err(LibraryError::io(space_directory))?;
        }
        if VectorStore::exists(&directory) {
            VectorStore::restore_header(&directory, space)?;
        }
        let log = RowLog::new(&directory);
        let entries = known_rows(&log, &directory, space)?;
        let is_used = |key: &ImageId| sets.values().any(|set| set.contains(key));
        let (mut live, mut unused, mut silent) = (Vec::new(), Vec::new(), HashSet::new());
        for (key, row) in entries {
            match row {
                None => drop(silent.insert(key)),
                Some(row) if is_used(&key) => live.push((row, key)),
                Some(row) => unused.push((row, key)),
            }
        }
        // Texts whose vectors are damaged have no row then, and count as not embedded.
        let (mut store, _) = VectorStore::open(&directory, space, &live)?;
        store.hide_rows(&unused)?;
        Ok(Self {
            store: RwLock::new(store),
            silent: RwLock::new(silent),
            log,
            changes: AtomicU64::new(0),
            set_rows: Mutex::default(),
        })
    }

    /// Number of vectors.
    pub(super) fn len(&self) -> u64 {
        self.read().len() as u64
    }

    /// Counts up with every change of the rows.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The different texts of `set` that are embedded here, or in which the model reads nothing; and the latter alone.
    pub(super) fn coverage(&self, set: &TextSet) -> (u64, u64) {
        let vectors: HashSet<u64> = self.read().live().map(|(_, key)| prefix(&key)).collect();
        let silent: HashSet<u64> = self.silent().iter().map(prefix).collect();
        let is_silent = |found: &u64| silent.contains(found) && !vectors.contains(found);
        let unread = set.prefixes().filter(is_silent).count() as u64;
        let embedded = set.prefixes().filter(|found| vectors.contains(found)).count() as u64;
        (embedded + unread, unread)
    }

    /// Number of different texts of all sets that are not embedded here.
    pub(super) fn missing(&self, sets: &SetMap) -> u64 {
        let mut known: HashSet<u64> = self.read().live().map(|(_, key)| prefix(&key)).collect();
        known.extend(self.silent().iter().map(prefix));
        let missing: HashSet<u64> = sets
            .values()
            .flat_map(|set| set.prefixes())
            .filter(|found| !known.contains(found))
            .collect();
        missing.len() as u64
    }

    /// The rows of the texts of a set, cached until rows or set change.
    pub(super) fn rows_of(&self, set: &Arc<TextSet>) -> Arc<RowSet> {
        let changes = self.changes();
        let mut cache = self.set_rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cache.get(&set.name)
            && cached.changes == changes
            && Arc::ptr_eq(&cached.set, set)
        {
            return Arc::clone(&cached.rows);
        }
        let store = self.read();
        let rows = store
            .live()
            .filter(|(_, key)| set.contains(key))
            .map(|(row, _)| row);
        let rows = Arc::new(RowSet::below(store.end(), rows));
        cache.insert(
            set.name.clone(),
            CachedRows {
                changes,
                set: Arc::clone(set),
                rows: Arc::clone(&rows),
            },
        );
        rows
    }

    /// Verifies all vectors and forgets damaged ones, so that their texts are embedded again.
    pub(super) fn remove_damaged(&self) -> Result<(), LibraryError> {
        let damaged = self.read().verify()?;
        if !damaged.is_empty() {
            self.write().remove(&damaged)?;
        }
        Ok(())
    }

    /// Embeds those of `texts` that have no vector, in batches: vectors first, then the log. What is done survives a
    /// crash and a cancellation. `done` is told how many texts have been looked at.
    pub(super) fn embed_missing(
        &self,
        texts: impl Iterator<Item = StoredText>,
        encoder: &dyn Encoder,
        context: &RunContext<'_>,
    ) -> Result<Embedded, LibraryError> {
        let mut run = EmbeddingRun::new(self, encoder);
        let embedded = run.embed_all(texts, context);
        // Also after an error: the next run need not embed these again.
        run.commit()?;
        embedded?;
        Ok(run.embedded)
    }

    /// Removes what is of no set: from the log first, then from the vectors.
    pub(super) fn sweep(&self, sets: &SetMap) -> Result<(), LibraryError> {
        let is_used = |key: &ImageId| sets.values().any(|set| set.contains(key));
        let read = self.log.read()?;
        let known: BTreeMap<ImageId, Option<RowId>> = read.entries.into_iter().collect();
        let (used, unused): (Vec<RowEntry>, Vec<RowEntry>) =
            known.into_iter().partition(|(key, _)| is_used(key));
        if unused.is_empty() {
            return Ok(());
        }
        self.log
            .replace(&used)
            .map_err(LibraryError::io(self.log.path()))?;
        let unused: Vec<ImageId> = unused.into_iter().map(|(key, _)| key).collect();
        let mut silent = self.silent.write().unwrap_or_else(PoisonError::into_inner);
        silent.retain(is_used);
        drop(silent);
        self.write().remove(&unused)?;
        Ok(())
    }

    /// Hides the vectors of texts that are in no set, such as those of an interrupted run.
    pub(super) fn hide_unused(&self, sets: &SetMap) -> Result<(), LibraryError> {
        let is_used = |key: &ImageId| sets.values().any(|set| set.contains(key));
        let unused: Vec<ImageId> = self
            .read()
            .live()
            .map(|(_, key)| key)
            .filter(|key| !is_used(key))
            .collect();
        if !unused.is_empty() {
            self.write().hide(&unused)?;
        }
        Ok(())
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, VectorStore> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a change of rows.
    fn write(&self) -> RwLockWriteGuard<'_, VectorStore> {
        let store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        self.changes.fetch_add(1, Ordering::AcqRel);
        store
    }

    fn silent(&self) -> RwLockReadGuard<'_, HashSet<ImageId>> {
        self.silent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, key: &ImageId) -> bool {
        self.read().row(key).is_some() || self.silent().contains(key)
    }
}

/// One pass over texts.
struct EmbeddingRun<'a> {
    index: &'a TextIndex,
    encoder: &'a dyn Encoder,
    /// Texts that have no vector yet, each once.
    batch: Vec<(ImageId, String)>,
    in_batch: HashSet<ImageId>,
    /// Embedded, but not written yet.
    vectors: Vec<(ImageId, Embedding)>,
    /// In these the model reads nothing.
    silent: Vec<ImageId>,
    last_commit: Instant,
    embedded: Embedded,
}

impl<'a> EmbeddingRun<'a> {
    fn new(index: &'a TextIndex, encoder: &'a dyn Encoder) -> Self {
        Self {
            index,
            encoder,
            batch: Vec::new(),
            in_batch: HashSet::new(),
            vectors: Vec::new(),
            silent: Vec::new(),
            last_commit: Instant::now(),
            embedded: Embedded::default(),
        }
    }

    fn embed_all(
        &mut self,
        texts: impl Iterator<Item = StoredText>,
        context: &RunContext<'_>,
    ) -> Result<(), LibraryError> {
        for (looked_at, text) in (1_u64..).zip(texts) {
            if context.is_cancelled() {
                self.embedded.cancelled = true;
                return Ok(());
            }
            self.push(&text.text)?;
            if looked_at % BATCH as u64 == 0 {
                context.observer.done(looked_at);
            }
        }
        self.embed()
    }

    fn push(&mut self, text: &str) -> Result<(), LibraryError> {
        let key = key_of(text);
        if self.index.is_known(&key) || !self.in_batch.insert(key) {
            return Ok(());
        }
        self.batch.push((key, text.to_owned()));
        if self.batch.len() < BATCH {
            return Ok(());
        }
        self.embed()?;
        let bytes = self.vectors.len() * self.encoder.space().dimension * size_of::<f32>();
        if bytes >= COMMIT_BYTES || self.last_commit.elapsed() >= COMMIT_EVERY {
            self.commit()?;
        }
        Ok(())
    }

    /// Embeds the batch. A text that an earlier run embedded has a hidden vector.
    fn embed(&mut self) -> Result<(), LibraryError> {
        let keys: Vec<ImageId> = self.batch.iter().map(|(key, _)| *key).collect();
        let restored = self.index.write().restore(&keys)?;
        let batch = std::mem::take(&mut self.batch);
        let missing = batch.into_iter().zip(restored).filter(|(_, row)| row.is_none());
        let (mut readings, mut wanted): (Vec<TextReading>, Vec<ImageId>) = (Vec::new(), Vec::new());
        for ((key, text), _) in missing {
            let reading = self.encoder.read_text(&text);
            if reading.has_content() {
                readings.push(reading);
                wanted.push(key);
            } else {
                self.silent.push(key);
            }
        }
        if readings.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = readings.iter().map(|reading| reading.text.as_str()).collect();
        let vectors = self.encoder.encode_texts(&texts)?;
        self.vectors.extend(wanted.into_iter().zip(vectors));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), LibraryError> {
        let (vectors, silent) = (
            std::mem::take(&mut self.vectors),
            std::mem::take(&mut self.silent),
        );
        self.in_batch.clear();
        self.in_batch.extend(self.batch.iter().map(|(key, _)| *key));
        self.last_commit = Instant::now();
        if vectors.is_empty() && silent.is_empty() {
            return Ok(());
        }
        let rows = self.index.write().upsert(&vectors)?;
        self.index.read().commit()?;
        let keys = vectors.iter().map(|(key, _)| *key);
        let entries = keys.zip(rows.into_iter().map(Some));
        let entries: Vec<RowEntry> = entries.chain(silent.iter().map(|key| (*key, None))).collect();
        let log = &self.index.log;
        log.append(&entries).map_err(LibraryError::io(log.path()))?;
        let mut known = self.index.silent.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(&silent);
        drop(known);
        self.embedded.texts += vectors.len() as u64;
        tracing::debug!(total = self.embedded.texts, "committed texts");
        Ok(())
    }
}

/// The entries of the log, the last one of each text; made again from the vectors where the log is damaged or lost.
fn known_rows(log: &RowLog, directory: &Path, space: &SpaceId) -> Result<Vec<RowEntry>, LibraryError> {
    let ReadLog { entries, damage } = log.read()?;
    let is_lost = !log.exists() && VectorStore::exists(directory);
    let known: HashMap<ImageId, Option<RowId>> = entries.into_iter().collect();
    let mut known: Vec<RowEntry> = known.into_iter().collect();
    if damage.is_none() && !is_lost {
        return Ok(known);
    }
    let of_log: HashSet<ImageId> = known.iter().map(|(key, _)| *key).collect();
    let live: Vec<(RowId, ImageId)> = known
        .iter()
        .filter_map(|(key, row)| Some(((*row)?, *key)))
        .collect();
    let found = match orphaned_rows(directory, space, &live) {
        Ok(found) => found,
        Err(error @ IndexError::Io { .. }) => return Err(error.into()),
        // The vectors cannot be read either: everything is embedded again.
        Err(_) => Vec::new(),
    };
    let found = found.into_iter().filter(|(_, key)| !of_log.contains(key));
    known.extend(found.map(|(row, key)| (key, Some(row))));
    if let Err(error) = log.replace(&known) {
        tracing::warn!("{}: {error}", log.path().display());
    }
    Ok(known)
}
