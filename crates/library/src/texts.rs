//! Stored texts: named sets of texts that are embedded once per space, beside the images, and searched by an image or by
//! words.
//!
//! ```text
//! texts/HASH.texts         a set: its texts with ids and fields                  primary, replaced as a whole
//! text-vectors/            in the directory of each space:
//!   vectors.bin, index.bin the vector store, as for images                       made again by the model
//!   rows.bin               which row has the vector of which text                made again from the vectors
//! ```
//!
//! A vector belongs to the hash of a text, so equal texts share one, within a set and between sets. The order of writing
//! is that of images: vectors, then the rows' log, then the set that names the texts; removal is the reverse.
//!
//! A set says nothing of where its texts come from. One that is made from something else than a file, such as the
//! captions beside images, would need a name of its own and nothing more here.

mod check;
mod index;
mod reader;
mod report;
mod rows;
mod search;
mod set_file;
mod sets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_indexer::{RunContext, RunStage};

use self::reader::hash;
use self::set_file::{SetWriter, TextSet};
use self::sets::{
    check_name, create_directory, find_set, fingerprint, fingerprints, open_sets, texts_directory,
};
use crate::operations::{Operation, OperationGuard};
use crate::space::refresh_graph;
use crate::{Library, LibraryError, Space};

pub(crate) use self::check::{check_sets, check_vectors, repair_sets, repair_vectors};
pub(crate) use self::index::TextIndex;
pub use reader::{TextFormat, TextReader};
pub use report::{StoredText, TextSetCount, TextSetStatus, TextsError, TextsReport};
pub use search::{TextHit, TextQuery, TextQueryBy, TextResults};

/// Interval of checking whether another change of the texts has ended.
const LOCK_POLL: Duration = Duration::from_millis(50);
/// Texts are counted for the observer in steps of this many while they are read.
const COUNT_STEP: u64 = 4096;

/// Sets by name.
pub(crate) type SetMap = BTreeMap<String, Arc<TextSet>>;

impl Library {
    /// Makes `name` the set of these texts. Texts that the set has already keep their vectors; those that it had and that
    /// are not among `texts` are removed.
    ///
    /// All texts are read before anything is changed. Then new ones are embedded in the active space, and the set takes
    /// the place of the old one in one step. A run that is stopped leaves the old set, and continues where it stopped
    /// when it is repeated.
    ///
    /// Errors: the name or a text is invalid; model or files fail. The set is as it was before.
    pub fn add_texts(
        &self,
        name: &str,
        texts: impl Iterator<Item = Result<StoredText, TextsError>>,
        context: &RunContext<'_>,
    ) -> Result<TextsReport, LibraryError> {
        let start = Instant::now();
        check_name(name)?;
        self.require_writable()?;
        let mut report = TextsReport {
            set: name.to_owned(),
            ..TextsReport::default()
        };
        let Some(_texts) = self.wait_for_texts(context) else {
            report.cancelled = true;
            return Ok(report);
        };
        let sets = self.text_sets_map()?;
        let directory = self.texts_directory();
        create_directory(&directory).map_err(LibraryError::io(&directory))?;
        let failed = || LibraryError::io(&directory);
        context.observer.stage(RunStage::EmbeddingTexts);
        let mut writer = SetWriter::create(&directory, name).map_err(failed())?;
        if !self.read_texts(&mut writer, texts, &sets, &mut report, context)? {
            report.cancelled = true;
            return Ok(report);
        }
        let draft = writer.finish().map_err(failed())?;
        let space = self.active();
        report.space = space.id().to_string();
        let encoder = space.encoder()?;
        self.record_precision(&space)?;
        let index = space.text_index(&sets)?;
        index.remove_damaged()?;
        context.observer.total(report.texts);
        let embedded = index.embed_missing(draft.texts()?, encoder, context)?;
        report.embedded = embedded.texts;
        report.cancelled = embedded.cancelled;
        if embedded.cancelled {
            index.hide_unused(&sets)?;
        } else {
            let installed = Arc::new(writer.install(draft).map_err(failed())?);
            report.unreadable = index.coverage(&installed).1;
            let sets = self.change_sets(|sets| drop(sets.insert(name.to_owned(), installed)))?;
            index.sweep(&sets)?;
            refresh_text_graph(&space, &index, context);
        }
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Removes a set. Returns the number of its texts.
    pub fn remove_texts(&self, name: &str) -> Result<u64, LibraryError> {
        self.require_writable()?;
        let _texts = self
            .operations
            .try_lock(Operation::Texts)
            .ok_or(LibraryError::TextsBusy)?;
        let sets = self.text_sets_map()?;
        let set = Arc::clone(find_set(&sets, name)?);
        let directory = self.texts_directory();
        fs::remove_file(&set.path).map_err(LibraryError::io(&set.path))?;
        eidetic_atomic_file::sync_directory(&directory).map_err(LibraryError::io(&directory))?;
        let sets = self.change_sets(|sets| drop(sets.remove(name)))?;
        let space = self.active();
        // Vectors that remain after a failure do no harm, and the next change removes them.
        if let Err(error) = space.text_index(&sets).and_then(|index| index.sweep(&sets)) {
            tracing::warn!("cannot remove the vectors of removed texts yet: {error}");
        }
        Ok(set.len())
    }

    /// Every set, by name.
    pub fn text_sets(&self) -> Result<Vec<TextSetStatus>, LibraryError> {
        let sets = self.text_sets_map()?;
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let index = self.active().text_index(&sets)?;
        let status = |set: &Arc<TextSet>| {
            let (known, unreadable) = index.coverage(set);
            TextSetStatus {
                name: set.name.clone(),
                texts: set.len(),
                distinct: set.distinct(),
                missing: set.distinct().saturating_sub(known),
                unreadable,
                bytes: set.bytes(),
                damage: set.damage.clone(),
            }
        };
        Ok(sets.values().map(status).collect())
    }

    /// Every set with its size, by name, without opening the vectors.
    pub(crate) fn text_set_counts(&self) -> Result<Vec<TextSetCount>, LibraryError> {
        let sets = self.text_sets_map()?;
        let count = |set: &Arc<TextSet>| TextSetCount {
            name: set.name.clone(),
            texts: set.len(),
        };
        Ok(sets.values().map(count).collect())
    }

    /// Errors: no set has this name.
    pub fn require_text_set(&self, name: &str) -> Result<(), LibraryError> {
        find_set(&*self.text_sets_map()?, name).map(drop)
    }

    /// Reads all texts into the draft of a set, and compares them with the set as it is. Returns whether it reached the
    /// end.
    fn read_texts(
        &self,
        writer: &mut SetWriter,
        texts: impl Iterator<Item = Result<StoredText, TextsError>>,
        sets: &SetMap,
        report: &mut TextsReport,
        context: &RunContext<'_>,
    ) -> Result<bool, LibraryError> {
        let mut before = match sets.get(&report.set) {
            Some(set) => fingerprints(set)?,
            None => HashMap::new(),
        };
        let directory = self.texts_directory();
        let failed = LibraryError::io(&directory);
        for text in texts {
            let text = text?;
            if context.is_cancelled() {
                return Ok(false);
            }
            writer.push(&text).map_err(&failed)?;
            report.texts += 1;
            match before.remove(&hash(&text.id)) {
                None => report.added += 1,
                Some(known) if known == fingerprint(&text) => report.unchanged += 1,
                Some(_) => report.changed += 1,
            }
            if report.texts.is_multiple_of(COUNT_STEP) {
                context.observer.discovered(report.texts);
            }
        }
        report.removed = before.len() as u64;
        Ok(true)
    }

    /// Embeds the texts of all sets that have no vector in `space`; the caller holds the lock of the texts. Returns
    /// whether it reached the end.
    pub(crate) fn fill_texts(
        &self,
        _texts: &OperationGuard<'_>,
        space: &Space,
        context: &RunContext<'_>,
    ) -> Result<bool, LibraryError> {
        let sets = self.text_sets_map()?;
        if sets.is_empty() {
            return Ok(true);
        }
        let encoder = space.encoder()?;
        let index = space.text_index(&sets)?;
        index.remove_damaged()?;
        if index.missing(&sets) == 0 {
            return Ok(true);
        }
        context.observer.stage(RunStage::EmbeddingTexts);
        for set in sets.values() {
            context.observer.total(set.len());
            if index.embed_missing(set.texts()?, encoder, context)?.cancelled {
                return Ok(false);
            }
        }
        index.sweep(&sets)?;
        refresh_text_graph(space, &index, context);
        Ok(true)
    }

    /// Makes searches of images and of stored texts in the active space fast again ([`Space::refresh_graph`]).
    pub fn refresh_graphs(&self, context: &RunContext<'_>) -> Result<(), LibraryError> {
        let space = self.active();
        space.refresh_graph(context)?;
        let sets = self.text_sets_map()?;
        if !sets.is_empty()
            && let Some(_texts) = self.wait_for_texts(context)
        {
            refresh_text_graph(&space, &*space.text_index(&sets)?, context);
        }
        Ok(())
    }

    /// The same for the active space where its files show that something is missing, without opening the vectors.
    pub(crate) fn fill_missing_texts(
        &self,
        space: &Space,
        context: &RunContext<'_>,
    ) -> Result<(), LibraryError> {
        let sets = self.text_sets_map()?;
        if sets.is_empty() || !self.has_missing_texts(space)? {
            return Ok(());
        }
        if let Some(texts) = self.wait_for_texts(context) {
            self.fill_texts(&texts, space, context)?;
        }
        Ok(())
    }

    /// Whether a text of a set is not embedded in `space`.
    pub(crate) fn has_missing_texts(&self, space: &Space) -> Result<bool, LibraryError> {
        let sets = self.text_sets_map()?;
        if sets.is_empty() {
            return Ok(false);
        }
        let opened = space
            .text_index
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(index) = opened {
            return Ok(index.missing(&sets) > 0 || !index.read().damaged().is_empty());
        }
        let known = index::known_prefixes(&space.directory)?;
        let mut wanted = sets.values().flat_map(|set| set.prefixes());
        Ok(wanted.any(|prefix| !known.contains(&prefix)))
    }

    /// Number of different texts that have a vector in `space`; 0 where there are no sets.
    pub(crate) fn texts_in(&self, space: &Space) -> Result<u64, LibraryError> {
        let sets = self.text_sets_map()?;
        if sets.is_empty() {
            return Ok(0);
        }
        Ok(space.text_index(&sets)?.len())
    }

    /// Waits for the end of another change of the texts and excludes others; `None` if the run was cancelled before.
    pub(crate) fn wait_for_texts(&self, context: &RunContext<'_>) -> Option<OperationGuard<'_>> {
        while !context.is_cancelled() {
            match self.operations.try_lock(Operation::Texts) {
                Some(lock) => return Some(lock),
                None => thread::sleep(LOCK_POLL),
            }
        }
        None
    }

    /// The sets, read from the disk on first use.
    fn text_sets_map(&self) -> Result<Arc<SetMap>, LibraryError> {
        let mut sets = self.text_sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sets) = &*sets {
            return Ok(Arc::clone(sets));
        }
        let read = Arc::new(open_sets(&self.texts_directory())?);
        *sets = Some(Arc::clone(&read));
        Ok(read)
    }

    fn change_sets(&self, change: impl FnOnce(&mut SetMap)) -> Result<Arc<SetMap>, LibraryError> {
        let mut changed = SetMap::clone(&*self.text_sets_map()?);
        change(&mut changed);
        let changed = Arc::new(changed);
        let mut sets = self.text_sets.lock().unwrap_or_else(PoisonError::into_inner);
        *sets = Some(Arc::clone(&changed));
        Ok(changed)
    }

    fn texts_directory(&self) -> PathBuf {
        texts_directory(&self.directory)
    }
}

impl Space {
    /// The number of texts that are not embedded, counted again only after a change.
    fn missing_texts(&self, index: &TextIndex, sets: &Arc<SetMap>) -> u64 {
        let changes = index.changes();
        let mut cached = self.missing_texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*cached
            && known.changes == changes
            && Arc::ptr_eq(&known.sets, sets)
        {
            return known.missing;
        }
        let missing = index.missing(sets);
        *cached = Some(MissingTexts {
            changes,
            sets: Arc::clone(sets),
            missing,
        });
        missing
    }

    /// The vectors of texts in the space, opened on first use.
    fn text_index(&self, sets: &SetMap) -> Result<Arc<TextIndex>, LibraryError> {
        let mut opened = self.text_index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*opened {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(TextIndex::open(&self.directory, self.id(), sets)?);
        *opened = Some(Arc::clone(&index));
        Ok(index)
    }
}

/// How many texts are not embedded in a space, and what that was counted for.
pub(crate) struct MissingTexts {
    changes: u64,
    sets: Arc<SetMap>,
    missing: u64,
}

/// Searches are complete without a graph, so a failure only makes them slower.
fn refresh_text_graph(space: &Space, index: &TextIndex, context: &RunContext<'_>) {
    if let Err(error) = refresh_graph(&index.store, space.is_writable(), context) {
        tracing::warn!("cannot store the search graph of texts, searches will be slower: {error}");
    }
}
