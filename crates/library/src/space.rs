use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};

use eidetic_catalog::{Catalog, RowStore, SledCatalog, SpaceNumber};
use eidetic_confidence::Judge;
use eidetic_domain::{ImageId, Precision, RowId, SpaceId};
use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_imaging::DecodeSize;
use eidetic_search::{AdmissionCache, Answer, Query, Searcher, TextCache};
use eidetic_vectors::{VectorIndex, VectorStore};

use crate::manifest::SpaceEntry;
use crate::tagging::KeptTags;
use crate::{LibraryError, Loading};

/// One space of a library, opened: its vectors, its model, and what was learnt of its scores.
///
/// Whatever begins in a space ends in it, whichever space becomes the active one meanwhile.
pub struct Space {
    pub(crate) number: SpaceNumber,
    /// How to load its model: the text form of a `ModelRef`.
    pub(crate) model: String,
    id: SpaceId,
    /// Where all that is of this space alone stands.
    pub(crate) directory: PathBuf,
    /// As this space sees it.
    pub(crate) catalog: SledCatalog,
    pub(crate) vectors: RwLock<VectorStore>,
    /// Images whose vectors failed their checksum; the next indexing run embeds them anew.
    pub(crate) damaged: Mutex<Vec<ImageId>>,
    pub(crate) admissions: AdmissionCache,
    pub(crate) graph: Mutex<()>,
    encoder: OnceLock<Box<dyn Encoder>>,
    /// Asked for; without, the one that the space was last indexed in.
    precision: OnceLock<Precision>,
    last_precision: Precision,
    /// Asked for; without, the usual.
    model_loading: OnceLock<Loading>,
    loading: Mutex<()>,
    pub(crate) texts: TextCache,
    /// Made when first asked for, and anew when the space is calibrated.
    pub(crate) judge: RwLock<Option<Arc<Judge>>>,
    /// Held while calibrations are changed.
    pub(crate) calibrating: Mutex<()>,
    /// The vocabulary that images were tagged from last.
    pub(crate) tag_vectors: Mutex<Option<KeptTags>>,
    pub(crate) tagging: Mutex<()>,
    /// Held while images are embedded that it lacks.
    pub(crate) backfilling: Mutex<()>,
    /// The library's: held while it is indexed.
    indexing: Arc<Mutex<()>>,
}

impl Space {
    /// Opens the space that `entry` names, in the library at `library`, or makes it there.
    pub(crate) fn open(
        library: &Path,
        entry: &SpaceEntry,
        catalog: &SledCatalog,
        indexing: &Arc<Mutex<()>>,
    ) -> Result<Self, LibraryError> {
        let directory = entry.directory(library);
        let place = directory.join("vectors");
        make_folders(library, &place).map_err(LibraryError::io(&place))?;
        let catalog = catalog.for_space(entry.number);
        let (vectors, report) = VectorStore::open(&place, &entry.space, &live_rows(&catalog)?)?;
        Ok(Self {
            number: entry.number,
            model: entry.model.clone(),
            id: entry.space.clone(),
            directory,
            catalog,
            vectors: RwLock::new(vectors),
            damaged: Mutex::new(report.damaged),
            admissions: AdmissionCache::default(),
            graph: Mutex::new(()),
            encoder: OnceLock::new(),
            precision: OnceLock::new(),
            last_precision: entry.precision(),
            model_loading: OnceLock::new(),
            loading: Mutex::new(()),
            texts: TextCache::default(),
            judge: RwLock::default(),
            calibrating: Mutex::new(()),
            tag_vectors: Mutex::default(),
            tagging: Mutex::new(()),
            backfilling: Mutex::new(()),
            indexing: Arc::clone(indexing),
        })
    }

    /// The space of all its vectors.
    pub const fn space(&self) -> &SpaceId {
        &self.id
    }

    /// Makes its model compute in `precision` from its loading on. Only the first call counts, and only before the model
    /// was asked for.
    pub fn compute_in(&self, precision: Precision) {
        let _ = self.precision.set(precision);
    }

    /// Decides how its model is loaded. Only the first call counts, and only before the model was asked for.
    pub fn load_by(&self, loading: Loading) {
        let _ = self.model_loading.set(loading);
    }

    pub(crate) fn model_loading(&self) -> Loading {
        self.model_loading.get().copied().unwrap_or_default()
    }

    /// The precision that its model computes in: as asked for, else as the space was last indexed.
    pub fn precision(&self) -> Precision {
        self.precision.get().copied().unwrap_or(self.last_precision)
    }

    /// Its model, loaded when first asked for.
    pub fn encoder(&self) -> Result<&dyn Encoder, LibraryError> {
        self.load_encoder(&())
    }

    /// Its model, loaded when first asked for, with a progress display for its download.
    pub fn load_encoder(&self, progress: &dyn DownloadProgress) -> Result<&dyn Encoder, LibraryError> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.encoder.get().is_none() {
            let reference: ModelRef = self.model.parse()?;
            let encoder = crate::model::load(&reference, self.precision(), self.model_loading(), progress)?;
            self.use_encoder(encoder)?;
        }
        Ok(self.encoder.get().expect("set above, or before").as_ref())
    }

    /// Takes a model that was loaded before, unless there is one already. Errors: it gives vectors of another space.
    pub(crate) fn use_encoder(&self, encoder: Box<dyn Encoder>) -> Result<(), LibraryError> {
        self.same_space(encoder.space())?;
        let _ = self.encoder.set(encoder);
        Ok(())
    }

    /// How much of a picture its model sees: what every picture to search by must be decoded with, as indexing does.
    pub fn decode_size(&self) -> Result<DecodeSize, LibraryError> {
        Ok(DecodeSize::for_model(self.encoder()?.shorter_side()))
    }

    /// Answers a query.
    pub fn search(&self, query: &Query) -> Result<Answer, LibraryError> {
        if is_held(&self.indexing) || is_held(&self.backfilling) {
            // A run is changing the catalog, so what a filter admitted a moment ago may be out of date.
            self.admissions.clear();
        }
        let query = with_real_folders(query);
        let judge = self.judge()?;
        let searcher = Searcher {
            judge: Some(&judge),
            encoder: self.encoder()?,
            vectors: &self.vectors,
            catalog: &self.catalog,
            texts: &self.texts,
            admissions: &self.admissions,
        };
        Ok(searcher.search(&query)?)
    }

    /// Makes searching fast again after many changes: builds the graph where it is missing, damaged or stale, adds to it
    /// what came since, and saves it. Searching goes on meanwhile. Does nothing for a space that exact search serves well.
    pub fn refresh_graph(&self) -> Result<(), LibraryError> {
        let _one_at_a_time = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read_vectors().needs_graph() {
            // Built beside the store, so that neither searching nor indexing waits for the minutes that it takes.
            let source = self.read_vectors().graph_source();
            let graph = source.build();
            self.write_vectors().install_graph(graph);
        }
        // A little at a time, so that searches come in between.
        while self.write_vectors().absorb() {}
        let unsaved = self.read_vectors().unsaved();
        if let Some(unsaved) = unsaved {
            unsaved.save()?;
            self.write_vectors().note_saved();
        }
        Ok(())
    }

    /// How many images have vectors known to be damaged; the next indexing run of their folders repairs them.
    ///
    /// Vectors under a saved graph are checked when they are read, and all of them by the next indexing run.
    pub fn damaged(&self) -> usize {
        self.known_damaged().len() + self.read_vectors().damaged().len()
    }

    /// Lets go of vectors whose images the catalog has forgotten.
    pub(crate) fn let_go_of(&self, images: &[ImageId]) -> Result<(), LibraryError> {
        self.write_vectors().remove(images)?;
        self.admissions.clear();
        Ok(())
    }

    /// Reads every vector, since opening took those of a saved graph on trust, and lets go of those that are damaged.
    pub(crate) fn note_damaged(&self) -> Result<(), LibraryError> {
        let found = self.read_vectors().verify()?;
        self.write_vectors().remove(&found)?;
        let mut damaged = self.known_damaged();
        damaged.extend(found);
        damaged.sort_unstable();
        damaged.dedup();
        Ok(())
    }

    /// Makes the images with damaged vectors that are `met` count as not embedded. The others stay in the list, so that
    /// `status` goes on naming them.
    pub(crate) fn forget_damaged(
        &self,
        met: impl Fn(&eidetic_catalog::ImageRecord) -> bool,
    ) -> Result<(), LibraryError> {
        let mut damaged = self.known_damaged();
        let records = self.catalog.get_many(&damaged)?;
        let met: Vec<ImageId> = records
            .iter()
            .flatten()
            .filter(|record| met(record))
            .map(|record| record.image)
            .collect();
        self.catalog.remove_rows(&met)?;
        // Those that the catalog does not know any more are nobody's.
        let known = records.iter().flatten().map(|record| record.image);
        let met: std::collections::HashSet<ImageId> = met.into_iter().collect();
        *damaged = known.filter(|image| !met.contains(image)).collect();
        Ok(())
    }

    pub(crate) fn read_vectors(&self) -> RwLockReadGuard<'_, VectorStore> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_vectors(&self) -> RwLockWriteGuard<'_, VectorStore> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_damaged(&self) -> MutexGuard<'_, Vec<ImageId>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn same_space(&self, model: &SpaceId) -> Result<(), LibraryError> {
        if *model == self.id {
            return Ok(());
        }
        Err(LibraryError::OtherSpace {
            path: self.directory.clone(),
            library: Box::new(self.id.clone()),
            model: Box::new(model.clone()),
        })
    }
}

fn is_held(lock: &Mutex<()>) -> bool {
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

/// The folder `place` within `library`; once this returns, new ones survive power loss.
fn make_folders(library: &Path, place: &Path) -> std::io::Result<()> {
    if place.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(place)?;
    place
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(library))
        .try_for_each(eidetic_atomic_file::sync_directory)
}

/// What the catalog says is alive; every other row of the vector file is dropped.
fn live_rows(catalog: &SledCatalog) -> Result<Vec<(RowId, ImageId)>, LibraryError> {
    let named = catalog.scan().filter_map(|record| match record {
        Ok(record) => record.row.map(|row| Ok((row, record.image))),
        Err(error) => Some(Err(LibraryError::from(error))),
    });
    named.collect()
}

/// The catalog names files as the walk met them, perhaps through a link; people name folders either way.
fn with_real_folders(query: &Query) -> Cow<'_, Query> {
    let named = &query.filter.folders;
    let real = named.iter().filter_map(|folder| folder.canonicalize().ok());
    let real: Vec<PathBuf> = real.filter(|folder| !named.contains(folder)).collect();
    if real.is_empty() {
        return Cow::Borrowed(query);
    }
    let mut query = query.clone();
    query.filter.folders.extend(real);
    Cow::Owned(query)
}
