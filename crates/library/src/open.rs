use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use eidetic_catalog::{CatalogError, SledCatalog, SpaceNumber};
use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::DownloadProgress;
use eidetic_imaging::ThumbnailStore;

use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::{LibraryError, LoadedModel, Loading, ModelSource, Owner, Space};

/// An open library. All methods take `&self` and may be called from several threads; searching goes on during an
/// indexing run, and while another space is made.
pub struct Library {
    pub(crate) directory: PathBuf,
    pub(crate) manifest: RwLock<Manifest>,
    /// For what all spaces share.
    pub(crate) catalog: SledCatalog,
    pub(crate) thumbnails: ThumbnailStore,
    pub(crate) active: RwLock<Arc<Space>>,
    /// Spaces beside the active one that have been opened.
    pub(crate) others: Mutex<BTreeMap<SpaceNumber, Arc<Space>>>,
    /// Held while the library is indexed.
    pub(crate) indexing: Arc<Mutex<()>>,
    /// Held while a space beside the active one is filled, or dropped.
    pub(crate) switching: Mutex<()>,
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
    ) -> Result<(Self, Option<eidetic_inference::LoadError>), LibraryError> {
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
    ) -> Result<(Self, Option<eidetic_inference::LoadError>), LibraryError> {
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
        library.active().use_encoder(encoder)?;
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
        library.active().use_encoder(encoder)?;
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
        let indexing = Arc::default();
        let active = Space::open(directory, &manifest.active, &catalog, &indexing)?;
        let thumbnails = directory.join("thumbnails");
        let library = Self {
            directory: directory.to_owned(),
            manifest: RwLock::new(manifest),
            catalog,
            thumbnails: ThumbnailStore::open(&thumbnails).map_err(LibraryError::io(&thumbnails))?,
            active: RwLock::new(Arc::new(active)),
            others: Mutex::default(),
            indexing,
            switching: Mutex::default(),
            lock,
        };
        if let Err(error) = library.remove_dropped() {
            // Nobody looks at it; the next opening tries again.
            tracing::warn!("something of a dropped space stays on disk: {error}");
        }
        Ok(library)
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

    pub(crate) fn read_manifest(&self) -> std::sync::RwLockReadGuard<'_, Manifest> {
        self.manifest.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the manifest, on disk first, in one step; an unchanged one is not written.
    pub(crate) fn change_manifest<T>(
        &self,
        change: impl FnOnce(&mut Manifest) -> T,
    ) -> Result<T, LibraryError> {
        let mut manifest = self.manifest.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = manifest.clone();
        let outcome = change(&mut changed);
        if changed != *manifest {
            changed.write(&self.directory)?;
            *manifest = changed;
        }
        Ok(outcome)
    }

    /// Refuses a model other than the library's own, if one is named.
    fn insist_on(&self, source: &ModelSource, progress: &dyn DownloadProgress) -> Result<(), LibraryError> {
        let ModelSource::Named(reference) = source else {
            return Ok(());
        };
        let reference = &reference.lasting();
        let active = self.active();
        if reference.to_string() == active.model {
            return Ok(());
        }
        // Another name may stand for the same weights, so the space decides.
        let encoder = crate::model::load(reference, active.precision(), active.model_loading(), progress)?;
        active.use_encoder(encoder)
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
