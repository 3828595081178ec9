use std::borrow::Cow;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use eidetic_catalog::{Catalog, CatalogError, SledCatalog};
use eidetic_domain::{ImageId, Precision, RowId, SpaceId};
use eidetic_encoder::Encoder;
use eidetic_encoder_candle::{DownloadProgress, ModelRef};
use eidetic_imaging::{Detail, ThumbnailStore};
use eidetic_search::confidence::Judge;
use eidetic_search::{AdmissionCache, Answer, Query, Searcher, TextCache};
use eidetic_vectors::VectorStore;

use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::tagging::KeptTags;
use crate::{LibraryError, LoadedModel, Loading, ModelSource, Owner};

/// An open library. All methods take `&self` and may be called from several threads; searching goes on during an
/// indexing run.
pub struct Library {
    pub(crate) directory: PathBuf,
    pub(crate) manifest: RwLock<Manifest>,
    pub(crate) catalog: SledCatalog,
    pub(crate) vectors: RwLock<VectorStore>,
    pub(crate) thumbnails: ThumbnailStore,
    /// Images whose vectors failed their checksum when the library was opened; the next indexing run embeds them anew.
    pub(crate) damaged: Mutex<Vec<ImageId>>,
    pub(crate) admissions: AdmissionCache,
    pub(crate) indexing: Mutex<()>,
    pub(crate) graph: Mutex<()>,
    space: SpaceId,
    encoder: OnceLock<Box<dyn Encoder>>,
    /// Asked for; without, the one that the library was last indexed in.
    precision: OnceLock<Precision>,
    /// Asked for; without, the usual.
    model_loading: OnceLock<Loading>,
    loading: Mutex<()>,
    pub(crate) texts: TextCache,
    /// Made when first asked for, and anew when the library is calibrated.
    pub(crate) judge: RwLock<Option<Arc<Judge>>>,
    /// Held while calibrations are changed.
    pub(crate) calibrating: Mutex<()>,
    /// The vocabulary that images were tagged from last.
    pub(crate) tag_vectors: Mutex<Option<KeptTags>>,
    pub(crate) tagging: Mutex<()>,
    lock: Lock,
}

/// What a library shall be made of, if it does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOptions {
    /// Its model.
    pub model: ModelSource,
    /// The precision to compute in, also where the library exists; `None`: as it was last indexed, f32 when new.
    pub precision: Option<Precision>,
    /// How the model is loaded otherwise, also where the library exists.
    pub loading: Loading,
}

impl Library {
    /// Opens the library at `directory` for `owner`.
    pub fn open(directory: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        if Manifest::read(directory)?.is_none() {
            return Err(missing(directory)?);
        }
        let lock = Lock::take(directory, owner)?;
        // Read again: before the lock was ours, its owner could have changed it.
        let manifest = Manifest::read(directory)?.ok_or_else(|| no_library(directory))?;
        Self::assemble(directory, manifest, lock)
    }

    /// Opens the library at `directory`, or makes one with the model that `options` asks for.
    ///
    /// An existing library keeps its model: naming another one is an error. The model is loaded either way for a new
    /// library, and the reason why it is not the best one stands in the second part of the answer.
    pub fn open_or_create(
        directory: &Path,
        options: &CreateOptions,
        owner: &Owner,
        progress: &dyn DownloadProgress,
    ) -> Result<(Self, Option<eidetic_encoder_candle::LoadError>), LibraryError> {
        match Self::open(directory, owner) {
            Ok(library) => {
                if let Some(precision) = options.precision {
                    library.compute_in(precision);
                }
                library.load_by(options.loading);
                library.insist_on(&options.model, progress)?;
                Ok((library, None))
            }
            Err(LibraryError::Missing { .. }) => Self::create(directory, options, owner, progress),
            Err(error) => Err(error),
        }
    }

    /// The model first: a failed download leaves no half-made library behind.
    fn create(
        directory: &Path,
        options: &CreateOptions,
        owner: &Owner,
        progress: &dyn DownloadProgress,
    ) -> Result<(Self, Option<eidetic_encoder_candle::LoadError>), LibraryError> {
        let precision = options.precision.unwrap_or_default();
        let LoadedModel {
            reference,
            encoder,
            fallback,
        } = LoadedModel::load(&options.model, precision, options.loading, progress)?;
        let manifest = Manifest::new(reference.to_string(), encoder.space().clone());
        let library = Self::make(directory, manifest, owner)?;
        library.compute_in(precision);
        library.load_by(options.loading);
        let _ = library.encoder.set(encoder);
        Ok((library, fallback))
    }

    /// Opens the library at `directory`, or makes one, with an encoder of the caller's: for programs that bring their own
    /// model, and for tests.
    ///
    /// Such a library names its encoder's model without knowing how to load it: only this function opens it again.
    pub fn with_encoder(
        directory: &Path,
        encoder: Box<dyn Encoder>,
        owner: &Owner,
    ) -> Result<Self, LibraryError> {
        let library = match Self::open(directory, owner) {
            Err(LibraryError::Missing { .. }) => {
                let space = encoder.space();
                Self::make(
                    directory,
                    Manifest::new(space.model.clone(), space.clone()),
                    owner,
                )?
            }
            opened => opened?,
        };
        library.same_space(encoder.space())?;
        let _ = library.encoder.set(encoder);
        Ok(library)
    }

    fn make(directory: &Path, manifest: Manifest, owner: &Owner) -> Result<Self, LibraryError> {
        fs::create_dir_all(directory).map_err(LibraryError::io(directory))?;
        let lock = Lock::take(directory, owner)?;
        manifest.write(directory)?;
        Self::assemble(directory, manifest, lock)
    }

    fn assemble(directory: &Path, manifest: Manifest, lock: Lock) -> Result<Self, LibraryError> {
        let catalog = open_catalog(directory, &manifest)?;
        let live = live_rows(&catalog)?;
        let place = directory.join("vectors");
        fs::create_dir_all(&place).map_err(LibraryError::io(&place))?;
        let (vectors, report) = VectorStore::open(&place, &manifest.space, &live)?;
        let thumbnails = directory.join("thumbnails");
        Ok(Self {
            directory: directory.to_owned(),
            space: manifest.space.clone(),
            manifest: RwLock::new(manifest),
            catalog,
            vectors: RwLock::new(vectors),
            thumbnails: ThumbnailStore::open(&thumbnails).map_err(LibraryError::io(&thumbnails))?,
            damaged: Mutex::new(report.damaged),
            admissions: AdmissionCache::default(),
            indexing: Mutex::new(()),
            graph: Mutex::new(()),
            encoder: OnceLock::new(),
            precision: OnceLock::new(),
            model_loading: OnceLock::new(),
            loading: Mutex::new(()),
            texts: TextCache::default(),
            judge: RwLock::default(),
            calibrating: Mutex::new(()),
            tag_vectors: Mutex::default(),
            tagging: Mutex::new(()),
            lock,
        })
    }

    /// The space of all vectors of this library.
    pub fn space(&self) -> &SpaceId {
        &self.space
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Tells other processes who owns the library now, such as a server's address.
    pub fn announce(&self, owner: &Owner) -> Result<(), LibraryError> {
        self.lock
            .announce(owner)
            .map_err(LibraryError::io(&self.directory))
    }

    /// Makes the library's model compute in `precision` from its loading on. Only the first call counts, and only before
    /// the model was asked for.
    pub fn compute_in(&self, precision: Precision) {
        let _ = self.precision.set(precision);
    }

    /// Decides how the library's model is loaded. Only the first call counts, and only before the model was asked for.
    pub fn load_by(&self, loading: Loading) {
        let _ = self.model_loading.set(loading);
    }

    fn model_loading(&self) -> Loading {
        self.model_loading.get().copied().unwrap_or_default()
    }

    /// The precision that the library's model computes in: as asked for, else as the library was last indexed.
    pub fn precision(&self) -> Precision {
        match self.precision.get() {
            Some(precision) => *precision,
            None => self.read_manifest().precision(),
        }
    }

    /// The library's model, loaded when first asked for.
    pub fn encoder(&self) -> Result<&dyn Encoder, LibraryError> {
        self.load_encoder(&())
    }

    /// The library's model, loaded when first asked for, with a progress display for its download.
    pub fn load_encoder(&self, progress: &dyn DownloadProgress) -> Result<&dyn Encoder, LibraryError> {
        let _one_at_a_time = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.encoder.get().is_none() {
            let reference: ModelRef = self.read_manifest().model.parse()?;
            let encoder = crate::model::load(&reference, self.precision(), self.model_loading(), progress)?;
            self.same_space(encoder.space())?;
            let _ = self.encoder.set(encoder);
        }
        Ok(self.encoder.get().expect("set above, or before").as_ref())
    }

    /// How much of a picture the library's model sees: what every picture to search by must be decoded with, as indexing
    /// does.
    pub fn detail(&self) -> Result<Detail, LibraryError> {
        Ok(Detail::of_model(self.encoder()?.shorter_side()))
    }

    /// Answers a query.
    pub fn search(&self, query: &Query) -> Result<Answer, LibraryError> {
        if self.indexing.try_lock().is_err() {
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

    pub(crate) fn read_manifest(&self) -> std::sync::RwLockReadGuard<'_, Manifest> {
        self.manifest.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read_vectors(&self) -> std::sync::RwLockReadGuard<'_, VectorStore> {
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a model other than the library's own, if one is named.
    fn insist_on(&self, source: &ModelSource, progress: &dyn DownloadProgress) -> Result<(), LibraryError> {
        let ModelSource::Named(reference) = source else {
            return Ok(());
        };
        let reference = &reference.lasting();
        if reference.to_string() == self.read_manifest().model {
            return Ok(());
        }
        // Another name may stand for the same weights, so the space decides.
        let encoder = crate::model::load(reference, self.precision(), self.model_loading(), progress)?;
        self.same_space(encoder.space())?;
        let _ = self.encoder.set(encoder);
        Ok(())
    }

    fn same_space(&self, model: &SpaceId) -> Result<(), LibraryError> {
        if *model == self.space {
            return Ok(());
        }
        Err(LibraryError::OtherSpace {
            path: self.directory.clone(),
            library: Box::new(self.space.clone()),
            model: Box::new(model.clone()),
        })
    }
}

/// Sources are named only after the catalog was made, so with sources and no catalog the truth is gone, not new.
fn open_catalog(directory: &Path, manifest: &Manifest) -> Result<SledCatalog, LibraryError> {
    let path = directory.join("catalog");
    if !manifest.sources.is_empty() && !path.exists() {
        return Err(CatalogError::Damaged {
            path,
            what: "it is missing".into(),
        }
        .into());
    }
    Ok(SledCatalog::open(&path)?)
}

/// What the catalog says is alive; every other row of the vector file is dropped.
fn live_rows(catalog: &SledCatalog) -> Result<Vec<(RowId, ImageId)>, LibraryError> {
    catalog
        .scan()
        .map(|record| record.map(|r| (r.row, r.image)).map_err(LibraryError::from))
        .collect()
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

/// Why there is no library: nothing there, or something else. A directory with only a lock comes from a creation that
/// was cut short, and counts as nothing.
fn missing(directory: &Path) -> Result<LibraryError, LibraryError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(no_library(directory)),
        Err(error) => return Err(LibraryError::io(directory)(error)),
    };
    let foreign = entries.flatten().any(|entry| {
        let name = entry.file_name();
        name != "lock" && name != "library.json.new"
    });
    Ok(if foreign {
        LibraryError::NotALibrary {
            path: directory.to_owned(),
        }
    } else {
        no_library(directory)
    })
}

fn no_library(directory: &Path) -> LibraryError {
    LibraryError::Missing {
        path: directory.to_owned(),
    }
}
