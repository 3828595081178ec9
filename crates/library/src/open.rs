//! Opening and creating a library.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use eidetic_catalog::{CatalogError, ReadOnlyReason, SledCatalog, SnapshotAge, SpaceNumber};
use eidetic_domain::Precision;
use eidetic_encoder::Encoder;
use eidetic_hub::DownloadProgress;
use eidetic_imaging::ThumbnailStore;
use eidetic_inference::{LoadOptions, load_encoder};

use crate::decode_limits::SharedLimits;
use crate::duplicates::FingerprintFile;
use crate::lock::Lock;
use crate::manifest::{COPY_NAME, FILE_NAME, FoundManifest, Manifest};
use crate::operations::OperationLocks;
use crate::texts::SetMap;
use crate::warn_once::WarnOnce;
use crate::watching::WatchState;
use crate::{Fallback, LibraryError, LoadedModel, ModelSource, Owner, Space};

/// An open library. All methods take `&self` and may be called from several threads: searches run during an indexing
/// run, and while another space is filled.
///
/// What concerns one space only is a method of [`Space`]: `library.active().search(&query)`.
pub struct Library {
    pub(crate) directory: PathBuf,
    pub(crate) manifest: RwLock<Manifest>,
    /// The catalog that all spaces share.
    pub(crate) catalog: SledCatalog,
    pub(crate) thumbnails: ThumbnailStore,
    pub(crate) fingerprints: FingerprintFile,
    pub(crate) active: RwLock<Arc<Space>>,
    /// Spaces beside the active one that have been opened.
    pub(crate) others: Mutex<BTreeMap<SpaceNumber, Arc<Space>>>,
    /// For indexing and switching; each space has a view of them.
    pub(crate) operations: OperationLocks,
    /// Of decoding; each space has a view of them.
    pub(crate) limits: SharedLimits,
    /// What was wrong with the manifest, of which the copy was read.
    pub(crate) manifest_damage: Option<String>,
    /// Says once that thumbnails cannot be stored.
    pub(crate) unstored: WarnOnce,
    /// The sets of stored texts, read on first use.
    pub(crate) text_sets: Mutex<Option<Arc<SetMap>>>,
    /// What is known of its being watched.
    pub(crate) watching: WatchState,
    /// Set where the library is read as its owner has published it.
    published: Option<Published>,
    /// None where the library is read as its owner has published it.
    lock: Option<Lock>,
}

/// The state of a library that was opened beside its owner, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// How old it is.
    pub age: SnapshotAge,
    /// The process that owned the library when it was opened, if any.
    pub owner: Option<Owner>,
}

/// How to create a library that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOptions {
    /// Its model.
    pub model: ModelSource,
    /// The precision to compute in, also where the library exists; `None`: as it was last indexed. A new library takes the
    /// one that is fastest here without changing embeddings, and remembers it.
    pub precision: Option<Precision>,
    /// How the model is loaded, also where the library exists. Its precision is replaced by `precision`.
    pub load: LoadOptions,
}

/// The library used when none is named: `eidetic` in the platform's directory for a user's data.
///
/// `None` where the system has no home directory.
pub fn default_directory() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "eidetic").map(|dirs| dirs.data_dir().to_owned())
}

impl Library {
    /// Opens the library at `directory` for `owner`.
    pub fn open(directory: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        if Manifest::find(directory)?.is_none() {
            return Err(missing(directory)?);
        }
        let lock = Lock::take(directory, owner)?;
        // Read again: before the lock was ours, its owner could have changed it.
        let found = Manifest::find(directory)?.ok_or_else(|| no_library(directory))?;
        if found.damage.is_none() && matches!(lock, Lock::Owned(_)) {
            found.manifest.refresh_copy(directory);
        }
        Self::assemble(directory, found, lock)
    }

    /// Opens the library at `directory` for a command that changes nothing: what its last owner has published, so that it
    /// neither waits for another process nor keeps one out. A library of which nothing current is published is opened as by
    /// [`open`](Self::open).
    ///
    /// Errors: among others, a server owns the library and can be asked instead.
    pub fn open_to_read(directory: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        match Lock::owner(directory) {
            Some(server) if server.address.is_some() && Manifest::find(directory)?.is_some() => {
                Err(LibraryError::InUse {
                    path: directory.to_owned(),
                    owner: server,
                })
            }
            _ => Self::open_beside(directory, owner),
        }
    }

    /// Opens the library at `directory` as [`open_to_read`](Self::open_to_read) does, also beside a server, for a command that a
    /// server does not offer.
    pub fn open_beside(directory: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        let Some(found) = Manifest::find(directory)? else {
            return Err(missing(directory)?);
        };
        let other = Lock::owner(directory);
        let is_owned = other.is_some();
        match Self::open_snapshot(directory, found, other) {
            Ok(Some(library)) => Ok(library),
            // Its owner goes on publishing it.
            Err(error) if is_owned => Err(error),
            Err(LibraryError::Catalog(error)) => {
                tracing::info!("the snapshot of the library is published anew: {error}");
                // What cannot be removed is of no use, but does no harm to an owner.
                let _ = SledCatalog::discard_snapshot(&directory.join("catalog"));
                Self::open(directory, owner)
            }
            // An owner says what else is wrong.
            Ok(None) | Err(_) => Self::open(directory, owner),
        }
    }

    /// `None` where nothing current is published.
    fn open_snapshot(
        directory: &Path,
        found: FoundManifest,
        owner: Option<Owner>,
    ) -> Result<Option<Self>, LibraryError> {
        let catalog = directory.join("catalog");
        match SledCatalog::read_snapshot(&catalog, ReadOnlyReason::Snapshot)? {
            Some((catalog, age)) if age.behind == 0 || owner.is_some() => {
                Self::assemble_snapshot(directory, found, (catalog, age), owner).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Opens the library at `directory` for a command that changes a little where it can: as its owner, or, beside another
    /// process, as [`open_to_read`](Self::open_to_read) does.
    pub fn open_or_read(directory: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        match Self::open(directory, owner) {
            Err(LibraryError::InUse { .. }) => Self::open_to_read(directory, owner),
            opened => opened,
        }
    }

    fn assemble_snapshot(
        directory: &Path,
        found: FoundManifest,
        (catalog, age): (SledCatalog, SnapshotAge),
        owner: Option<Owner>,
    ) -> Result<Self, LibraryError> {
        let operations = OperationLocks::default();
        let limits = SharedLimits::new(found.manifest.indexing.max_megapixels);
        let active = Space::open(directory, &found.manifest.active, &catalog, &operations, &limits)?;
        let library = Self::with_parts(directory, found, None, (catalog, active), (operations, limits));
        Ok(Self {
            published: Some(Published { age, owner }),
            ..library
        })
    }

    /// Opens the library at `directory`, or creates one with the model that `options` names.
    ///
    /// An existing library keeps its model: naming another one is an error. A new library loads its model at once; where
    /// that is not the default one though none is named, the second part of the result says why.
    pub fn open_or_create(
        directory: &Path,
        options: &CreateOptions,
        owner: &Owner,
        progress: &dyn DownloadProgress,
    ) -> Result<(Self, Option<Fallback>), LibraryError> {
        match Self::open(directory, owner) {
            Ok(library) => {
                let active = library.active();
                if let Some(precision) = options.precision {
                    active.set_precision(precision);
                }
                active.set_load_options(options.load.clone());
                require_model(&active, &options.model, progress)?;
                Ok((library, None))
            }
            Err(LibraryError::Missing { .. }) => Self::create(directory, options, owner, progress),
            Err(error) => Err(error),
        }
    }

    /// Loads the model first, so that a failed download leaves no half-made library behind.
    fn create(
        directory: &Path,
        options: &CreateOptions,
        owner: &Owner,
        progress: &dyn DownloadProgress,
    ) -> Result<(Self, Option<Fallback>), LibraryError> {
        let model = LoadedModel::load(&options.model, options.precision, &options.load, progress)?;
        let mut manifest = Manifest::new(model.reference.to_string(), model.encoder.space().clone());
        manifest.active.precision_choice = model.choice;
        // Its owner chose this model, or is told now why it is not another one.
        manifest.told_of = Some(manifest.active.model.clone());
        let library = Self::write_new(directory, manifest, owner)?;
        let active = library.active();
        active.set_precision(model.precision);
        active.set_load_options(options.load.clone().with_precision(model.precision));
        active.encoder.set(model.encoder)?;
        Ok((library, model.fallback))
    }

    /// Opens or creates the library at `directory` with an encoder of the caller's: for programs that bring their own
    /// model, and for tests.
    ///
    /// Such a library stores the name of its encoder's model, but cannot load it: only this function opens it again.
    pub fn with_encoder(
        directory: &Path,
        encoder: Box<dyn Encoder>,
        owner: &Owner,
    ) -> Result<Self, LibraryError> {
        let library = match Self::open(directory, owner) {
            Err(LibraryError::Missing { .. }) => {
                let space = encoder.space();
                let manifest = Manifest::new(space.model.clone(), space.clone());
                Self::write_new(directory, manifest, owner)?
            }
            opened => opened?,
        };
        library.active().encoder.set(encoder)?;
        Ok(library)
    }

    fn write_new(directory: &Path, manifest: Manifest, owner: &Owner) -> Result<Self, LibraryError> {
        create_directory(directory).map_err(LibraryError::io(directory))?;
        let lock = Lock::take(directory, owner)?;
        manifest.write(directory)?;
        let found = FoundManifest {
            manifest,
            damage: None,
        };
        Self::assemble(directory, found, lock)
    }

    fn assemble(directory: &Path, found: FoundManifest, lock: Lock) -> Result<Self, LibraryError> {
        let FoundManifest { manifest, damage } = found;
        let operations = OperationLocks::default();
        let limits = SharedLimits::new(manifest.indexing.max_megapixels);
        let shared = (&operations, &limits);
        let opened = open_active(directory, &manifest, &lock, shared)?;
        let found = FoundManifest { manifest, damage };
        let library = Self::with_parts(directory, found, Some(lock), opened, (operations, limits));
        if library.read_only().is_none()
            && let Err(error) = library.remove_dropped()
        {
            // It is unused, and the next opening tries again.
            tracing::warn!("cannot remove a dropped space yet: {error}");
        }
        Ok(library)
    }

    fn with_parts(
        directory: &Path,
        FoundManifest { manifest, damage }: FoundManifest,
        lock: Option<Lock>,
        (catalog, active): (SledCatalog, Space),
        (operations, limits): (OperationLocks, SharedLimits),
    ) -> Self {
        Self {
            directory: directory.to_owned(),
            manifest: RwLock::new(manifest),
            catalog,
            thumbnails: ThumbnailStore::open(directory.join("thumbnails")),
            fingerprints: FingerprintFile::of(directory),
            active: RwLock::new(Arc::new(active)),
            others: Mutex::default(),
            operations,
            limits,
            manifest_damage: damage.map(|error| match error {
                LibraryError::DamagedManifest { path, reason } => {
                    format!("{} is damaged ({reason})", path.display())
                }
                other => other.to_string(),
            }),
            unstored: WarnOnce::default(),
            text_sets: Mutex::default(),
            watching: WatchState::default(),
            published: None,
            lock,
        }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The process that owns the library in `directory`, if one does now.
    pub fn owner(directory: &Path) -> Option<Owner> {
        Lock::owner(directory)
    }

    /// Set where the library is read as its owner has published it.
    pub fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// The space that searches use now. An operation of several steps keeps this space for all of them.
    pub fn active(&self) -> Arc<Space> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes who owns the library now, such as a server's address, for other processes to read.
    pub fn announce(&self, owner: &Owner) -> Result<(), LibraryError> {
        let announced = self.lock.as_ref().map_or(Ok(()), |lock| lock.announce(owner));
        announced.map_err(LibraryError::io(&self.directory))
    }

    pub(crate) fn read_manifest(&self) -> RwLockReadGuard<'_, Manifest> {
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
            self.require_writable()?;
            changed.write(&self.directory)?;
            *manifest = changed;
        }
        Ok(outcome)
    }
}

/// Rejects a named model that is of another space than the library's own.
fn require_model(
    space: &Space,
    source: &ModelSource,
    progress: &dyn DownloadProgress,
) -> Result<(), LibraryError> {
    let ModelSource::Named(reference) = source else {
        return Ok(());
    };
    let reference = &reference.canonical();
    if reference.to_string() == space.model() {
        return Ok(());
    }
    // Another name may mean the same weights, so compare spaces.
    let encoder = load_encoder(reference, &space.encoder.load_options(), progress)?;
    space.encoder.set(encoder)
}

/// Opens the catalog and the active space. Where the catalog is damaged, or cannot be written, what is whole is read, and
/// the library can be searched but not changed.
fn open_active(
    directory: &Path,
    manifest: &Manifest,
    lock: &Lock,
    (operations, limits): (&OperationLocks, &SharedLimits),
) -> Result<(SledCatalog, Space), LibraryError> {
    let path = directory.join("catalog");
    let opened = match lock {
        Lock::Owned(_) => open_catalog(&path, manifest).and_then(|catalog| {
            let active = Space::open(directory, &manifest.active, &catalog, operations, limits)?;
            Ok((catalog, active))
        }),
        Lock::Shared { reason, .. } => Err(CatalogError::ReadOnly {
            path: path.clone(),
            reason: ReadOnlyReason::Unwritable(eidetic_atomic_file::described(reason)),
        }
        .into()),
    };
    let reason = match opened {
        Err(LibraryError::Catalog(error)) => match error.read_only_reason() {
            Some(reason) => reason,
            None => return Err(error.into()),
        },
        opened => return opened,
    };
    let catalog = read_catalog(&path, reason)?;
    let active = Space::open(directory, &manifest.active, &catalog, operations, limits)?;
    Ok((catalog, active))
}

/// The catalog that cannot be written: as its last owner has published it, which is fast, or from its log.
fn read_catalog(path: &Path, reason: ReadOnlyReason) -> Result<SledCatalog, LibraryError> {
    if let ReadOnlyReason::Unwritable(_) = reason
        && let Ok(Some((catalog, age))) = SledCatalog::read_snapshot(path, reason.clone())
        && age.behind == 0
    {
        return Ok(catalog);
    }
    Ok(SledCatalog::read(path, reason)?)
}

/// Sources are added only after the catalog was created, so sources without a catalog mean that it was lost.
fn open_catalog(path: &Path, manifest: &Manifest) -> Result<SledCatalog, LibraryError> {
    if !manifest.sources.is_empty() && !path.exists() {
        return Err(CatalogError::Damaged {
            path: path.to_owned(),
            what: "it is missing".into(),
        }
        .into());
    }
    Ok(SledCatalog::open(path)?)
}

/// Creates the library's directory; once this returns, it survives power loss.
fn create_directory(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    eidetic_atomic_file::sync_directory(parent.unwrap_or(Path::new(".")))
}

/// The error for a directory without a manifest: empty or missing, or with other files in it. A lock and a temporary
/// manifest are left by a creation that was interrupted, and count as empty.
pub(crate) fn missing(directory: &Path) -> Result<LibraryError, LibraryError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(no_library(directory)),
        Err(error) => return Err(LibraryError::io(directory)(error)),
    };
    let foreign = entries.flatten().any(|entry| {
        let name = entry.file_name();
        let unfinished = [FILE_NAME, COPY_NAME].map(|name| format!("{name}.new"));
        name != "lock" && !unfinished.iter().any(|leftover| name == leftover.as_str())
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
