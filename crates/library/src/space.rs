//! One space of a library: its vectors, its model, and its caches.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use eidetic_catalog::{
    Catalog, CatalogError, ImageRecord, ReadOnlyReason, RemovedStore, RowStore, SledCatalog, SpaceNumber,
};
use eidetic_confidence::ConfidenceModel;
use eidetic_domain::{Filter, ImageId, Precision, RowId, SpaceId};
use eidetic_encoder::Encoder;
use eidetic_hub::DownloadProgress;
use eidetic_imaging::DecodeSize;
use eidetic_indexer::{RunContext, RunStage};
use eidetic_inference::LoadOptions;
use eidetic_search::{FilterCache, Query, RankingCache, SearchResults, Searcher, TextCache};
use eidetic_vectors::{VectorIndex, VectorStore};

use crate::LibraryError;
use crate::decode_limits::SharedLimits;
use crate::lazy_encoder::LazyEncoder;
use crate::manifest::SpaceEntry;
use crate::map::MapLayout;
use crate::operations::{Operation, OperationLocks};
use crate::paths;
use crate::tagging::VocabularyVectors;
use crate::texts::{MissingTexts, TextIndex};

/// One open space of a library.
///
/// An operation that begins in a space ends in it, even if another space becomes the active one meanwhile: keep the
/// `Arc` for all its steps.
pub struct Space {
    pub(crate) number: SpaceNumber,
    id: SpaceId,
    /// Holds all files of this space alone.
    pub(crate) directory: PathBuf,
    /// The library's catalog with this space's rows and tags.
    pub(crate) catalog: SledCatalog,
    pub(crate) vectors: RwLock<VectorStore>,
    /// Images whose vectors failed their checksum; the next indexing run embeds them again.
    damaged: Mutex<Vec<ImageId>>,
    pub(crate) encoder: LazyEncoder,
    pub(crate) text_cache: TextCache,
    pub(crate) filter_cache: FilterCache,
    ranking_cache: RankingCache,
    /// Made on first use, and again after a calibration.
    pub(crate) confidence_model: RwLock<Option<Arc<ConfidenceModel>>>,
    /// Vectors of the vocabulary that images were tagged with last.
    pub(crate) vocabulary: Mutex<Option<VocabularyVectors>>,
    /// The vectors of stored texts, opened on first use.
    pub(crate) text_index: Mutex<Option<Arc<TextIndex>>>,
    pub(crate) missing_texts: Mutex<Option<MissingTexts>>,
    /// The latest layout of its images.
    pub(crate) map: Mutex<Option<Arc<MapLayout>>>,
    pub(crate) operations: OperationLocks,
    pub(crate) limits: SharedLimits,
}

impl Space {
    /// Opens the space that `entry` describes, in the library at `library`; creates its files if there are none.
    pub(crate) fn open(
        library: &Path,
        entry: &SpaceEntry,
        catalog: &SledCatalog,
        operations: &OperationLocks,
        limits: &SharedLimits,
    ) -> Result<Self, LibraryError> {
        let directory = entry.directory(library);
        let vectors = directory.join("vectors");
        let catalog = catalog.for_space(entry.number);
        if catalog.condition().read_only.is_none() {
            create_directories(library, &vectors).map_err(LibraryError::io(&vectors))?;
        }
        let (mut vectors, report) = VectorStore::open(&vectors, &entry.space, &catalog.rows()?)?;
        vectors.hide_rows(&removed_rows(&catalog)?)?;
        let space = Self {
            number: entry.number,
            id: entry.space.clone(),
            encoder: LazyEncoder::new(entry, directory.clone()),
            directory,
            catalog,
            vectors: RwLock::new(vectors),
            damaged: Mutex::new(report.damaged),
            text_cache: TextCache::default(),
            filter_cache: FilterCache::default(),
            ranking_cache: RankingCache::default(),
            confidence_model: RwLock::default(),
            vocabulary: Mutex::default(),
            text_index: Mutex::default(),
            missing_texts: Mutex::default(),
            map: Mutex::default(),
            operations: operations.for_space(),
            limits: limits.clone(),
        };
        // Damaged calibrations are reported by others.
        if let Ok(history) = space.calibration_history() {
            space.use_wordings(&history);
        }
        Ok(space)
    }

    /// The space of all its vectors.
    pub const fn id(&self) -> &SpaceId {
        &self.id
    }

    /// How to load its model: the text form of a [`ModelRef`](crate::ModelRef).
    pub fn model(&self) -> &str {
        self.encoder.model()
    }

    /// Sets the precision that the model computes in. Only the first call has an effect, and only before the model is
    /// loaded.
    pub fn set_precision(&self, precision: Precision) {
        self.encoder.set_precision(precision);
    }

    /// Sets how the model is loaded, except for its precision. Only the first call has an effect, and only before the model is loaded.
    pub fn set_load_options(&self, options: LoadOptions) {
        self.encoder.set_load_options(options);
    }

    /// The precision that the model computes in: as set, else that of the last indexing run.
    pub fn precision(&self) -> Precision {
        self.encoder.precision()
    }

    /// Whether the model is loaded.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_loaded()
    }

    /// The model, loaded on first use.
    pub fn encoder(&self) -> Result<&dyn Encoder, LibraryError> {
        self.encoder.get(&())
    }

    /// Loads the model if it is not loaded yet; `progress` receives its download.
    pub fn load_encoder(&self, progress: &dyn DownloadProgress) -> Result<&dyn Encoder, LibraryError> {
        self.encoder.get(progress)
    }

    /// The size at which images must be decoded for the model, as indexing decodes them.
    pub fn decode_size(&self) -> Result<DecodeSize, LibraryError> {
        Ok(DecodeSize::for_model(self.encoder()?.shorter_side()))
    }

    /// Runs a query. Of each hit's paths, those come first that are in the filter's folders and exist now.
    pub fn search(&self, query: &Query) -> Result<SearchResults, LibraryError> {
        self.search_resolved(&with_filter(query, with_canonical_folders(&query.filter)))
    }

    /// The same, of a query whose filter has the canonical forms of its folders.
    pub(crate) fn search_resolved(&self, query: &Query) -> Result<SearchResults, LibraryError> {
        let changing = [Operation::Index, Operation::Backfill];
        if changing
            .iter()
            .any(|operation| self.operations.is_running(*operation))
        {
            // The catalog is changing, so cached filter results may be out of date.
            self.filter_cache.clear();
        }
        if names_only_tags(query) {
            let mut results = self.images_by_tags(query)?;
            paths::arrange_all(&mut results, &query.filter);
            return Ok(results);
        }
        let model = self.confidence_model()?;
        let searcher = Searcher {
            confidence_model: Some(&model),
            encoder: self.encoder()?,
            vectors: &self.vectors,
            catalog: &self.catalog,
            text_cache: &self.text_cache,
            filter_cache: &self.filter_cache,
            ranking_cache: &self.ranking_cache,
        };
        let mut results = searcher.search(query)?;
        if results.hits.is_empty() {
            self.require_images()?;
        }
        paths::arrange_all(&mut results, &query.filter);
        Ok(results)
    }

    /// Errors: the catalog is damaged and nothing of it is left, so that an empty answer would say nothing.
    fn require_images(&self) -> Result<(), LibraryError> {
        match self.catalog.condition().read_only {
            Some(ReadOnlyReason::Damaged(what)) if self.catalog.counts()?.images == 0 => {
                Err(CatalogError::Damaged {
                    path: self.catalog.directory().to_owned(),
                    what,
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    /// Makes search fast again after many changes: builds the graph where it is missing, damaged or stale, inserts the
    /// vectors added since, and saves it. Searches run meanwhile. Does nothing where exact search is fast enough. A run that
    /// is stopped leaves the store without the graph.
    pub fn refresh_graph(&self, context: &RunContext<'_>) -> Result<(), LibraryError> {
        let _graph = self.operations.lock(Operation::Graph);
        refresh_graph(&self.vectors, self.is_writable(), context)
    }

    /// Number of images whose vectors are known to be damaged; the next indexing run of their folders repairs them.
    ///
    /// Vectors below a saved graph are checked when they are read, and all of them by the next indexing run.
    pub fn damaged(&self) -> usize {
        self.known_damaged().len() + self.read_vectors().damaged().len()
    }

    /// Whether anything can be stored.
    pub(crate) fn is_writable(&self) -> bool {
        self.catalog.condition().read_only.is_none()
    }

    /// Whether derived files can be stored: also beside the library's owner, since they are replaced as a whole.
    pub(crate) fn stores_derived_files(&self) -> bool {
        matches!(
            self.catalog.condition().read_only,
            None | Some(ReadOnlyReason::Snapshot)
        )
    }

    /// Errors: nothing can be stored. For operations that would find out late.
    pub(crate) fn require_writable(&self) -> Result<(), LibraryError> {
        match self.catalog.condition().read_only {
            None => Ok(()),
            Some(reason) => Err(CatalogError::ReadOnly {
                path: self.catalog.directory().to_owned(),
                reason,
            }
            .into()),
        }
    }

    /// Whether the catalog has images without a vector here.
    pub(crate) fn has_missing_embeddings(&self) -> Result<bool, LibraryError> {
        Ok(self.images() < self.catalog.counts()?.images)
    }

    /// Number of images that have a vector here.
    pub(crate) fn images(&self) -> u64 {
        self.read_vectors().len() as u64
    }

    /// Whether an image has a vector here.
    pub(crate) fn has_vector(&self, image: &ImageId) -> bool {
        self.read_vectors().row(image).is_some()
    }

    /// Removes the vectors of images that were removed from the catalog.
    pub(crate) fn remove(&self, images: &[ImageId]) -> Result<(), LibraryError> {
        self.write_vectors().remove(images)?;
        self.filter_cache.clear();
        Ok(())
    }

    /// Verifies every vector, also those below a saved graph that opening did not read, and removes damaged ones.
    pub(crate) fn remove_damaged_vectors(&self) -> Result<(), LibraryError> {
        let found = self.read_vectors().verify()?;
        self.write_vectors().remove(&found)?;
        let mut damaged = self.known_damaged();
        damaged.extend(found);
        damaged.sort_unstable();
        damaged.dedup();
        Ok(())
    }

    /// Makes the images with damaged vectors that `will_be_embedded` accepts count as not embedded. The others stay in
    /// the list, so that `status` goes on reporting them.
    pub(crate) fn forget_damaged(
        &self,
        will_be_embedded: impl Fn(&ImageRecord) -> bool,
    ) -> Result<(), LibraryError> {
        let mut damaged = self.known_damaged();
        let records = self.catalog.get_many(&damaged)?;
        let records = || records.iter().flatten();
        let forgotten: Vec<ImageId> = records()
            .filter(|record| will_be_embedded(record))
            .map(|record| record.image)
            .collect();
        self.catalog.remove_rows(&forgotten)?;
        let forgotten: HashSet<ImageId> = forgotten.into_iter().collect();
        // Images that are no longer in the catalog leave the list too.
        *damaged = records()
            .map(|record| record.image)
            .filter(|image| !forgotten.contains(image))
            .collect();
        Ok(())
    }

    pub(crate) fn read_vectors(&self) -> RwLockReadGuard<'_, VectorStore> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write_vectors(&self) -> RwLockWriteGuard<'_, VectorStore> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_damaged(&self) -> MutexGuard<'_, Vec<ImageId>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds or extends the graph of a store, and saves it where that is possible. The caller excludes other such runs.
pub(crate) fn refresh_graph(
    store: &RwLock<VectorStore>,
    is_writable: bool,
    context: &RunContext<'_>,
) -> Result<(), LibraryError> {
    let read = || store.read().unwrap_or_else(PoisonError::into_inner);
    let write = || store.write().unwrap_or_else(PoisonError::into_inner);
    if read().needs_graph() {
        // Built beside the store, so that searching and indexing need not wait for minutes.
        let builder = read().graph_builder();
        context.observer.stage(RunStage::BuildingGraph);
        context.observer.total(builder.rows() as u64);
        let on_step = |rows: usize| {
            context.observer.done(rows as u64);
            if context.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let Some(graph) = builder.build_while(&on_step) else {
            return Ok(());
        };
        write().install_graph(graph);
    }
    // In small steps, so that searches run in between.
    while !context.is_cancelled() && write().insert_pending() {}
    let pending = read().pending_snapshot();
    if let Some(pending) = pending.filter(|_| is_writable) {
        pending.save()?;
        write().mark_snapshot_saved();
    }
    Ok(())
}

/// Creates the folder `path` within `library`; once this returns, it survives power loss.
fn create_directories(library: &Path, path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    path.ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(library))
        .try_for_each(eidetic_atomic_file::sync_directory)
}

/// The rows of images that were removed and may come back.
fn removed_rows(catalog: &SledCatalog) -> Result<Vec<(RowId, ImageId)>, LibraryError> {
    let named = catalog.removed().filter_map(|removed| match removed {
        Ok(removed) => removed.row.map(|row| Ok((row, removed.image))),
        Err(error) => Some(Err(LibraryError::from(error))),
    });
    named.collect()
}

/// Whether the query asks for the images with some tags, by no words and no image.
fn names_only_tags(query: &Query) -> bool {
    let is_blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
    is_blank(&query.text)
        && is_blank(&query.negative)
        && query.image.is_none()
        && !query.filter.required_tags().is_empty()
}

/// The query with this filter; a copy only where the filter is one.
pub(crate) fn with_filter<'a>(query: &'a Query, filter: Cow<'_, Filter>) -> Cow<'a, Query> {
    match filter {
        Cow::Borrowed(_) => Cow::Borrowed(query),
        Cow::Owned(filter) => Cow::Owned(Query {
            filter,
            ..query.clone()
        }),
    }
}

/// Adds the canonical forms of a filter's folders: the catalog has the paths of the walk, a filter may name a link.
pub(crate) fn with_canonical_folders(filter: &Filter) -> Cow<'_, Filter> {
    let named = &filter.folders;
    let canonical = named.iter().filter_map(|folder| folder.canonicalize().ok());
    let added: Vec<PathBuf> = canonical.filter(|folder| !named.contains(folder)).collect();
    if added.is_empty() {
        return Cow::Borrowed(filter);
    }
    let mut filter = filter.clone();
    filter.folders.extend(added);
    Cow::Owned(filter)
}
