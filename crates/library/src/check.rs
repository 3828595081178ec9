//! What is damaged in a library, and what a repair saves.

mod rebuilt_manifest;
mod relink;
mod repair;

use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, CatalogError, Finding, ReadOnlyReason, RowStore, SledCatalog};
use eidetic_domain::{ImageId, RowId, counted};
use eidetic_imaging::ThumbnailStore;
use eidetic_vectors::{IndexError, VectorStore};
use serde::{Deserialize, Serialize};

use crate::duplicates::FingerprintFile;
use crate::lock::Lock;
use crate::manifest::{COPY_NAME, FILE_NAME, FoundManifest, Manifest, SpaceEntry};
use crate::open::missing;
use crate::{LibraryError, Owner, TagOptions, map, texts};

pub use repair::{RepairReport, repair};

/// The state of a library's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Its directory.
    pub library: PathBuf,
    /// Whether nothing is damaged.
    pub sound: bool,
    /// Images whose records are whole.
    pub images: u64,
    /// Their paths.
    pub paths: u64,
    /// Vectors of images that are whole, in all spaces.
    pub vectors: u64,
    /// Images with tags, in all spaces.
    pub tagged: u64,
    /// Answers of users.
    pub answers: u64,
    /// Stored texts, in all sets.
    #[serde(default)]
    pub texts: u64,
    /// What is damaged.
    pub findings: Vec<Finding>,
}

/// Reads and verifies everything in the library at `directory`. Writes nothing but the name of the owner, and loads no
/// model.
pub fn check(directory: &Path, owner: &Owner) -> Result<CheckReport, LibraryError> {
    let _lock = lock(directory, owner)?;
    examine(directory, &KnownManifest::find(directory)?)
}

/// The manifest to work with, and what is wrong with the one on disk.
struct KnownManifest {
    manifest: Manifest,
    finding: Option<Finding>,
}

impl KnownManifest {
    fn find(library: &Path) -> Result<Self, LibraryError> {
        let found = match Manifest::find(library) {
            Err(LibraryError::DamagedManifest { path, reason }) => {
                return Self::rebuild(library, path, reason);
            }
            Ok(None) => return Err(missing(library)?),
            Ok(Some(found)) => found,
            Err(error) => return Err(error),
        };
        let FoundManifest { manifest, damage } = found;
        let finding = match damage {
            Some(LibraryError::DamagedManifest { path, reason }) => {
                Some((path, format!("{reason}; its copy is whole, and nothing is lost")))
            }
            Some(error) => Some((library.join(FILE_NAME), error.to_string())),
            None if Manifest::is_copy_damaged(library) => {
                let what = "it is missing or damaged; it is derived, and nothing is lost";
                Some((library.join(COPY_NAME), what.to_owned()))
            }
            None => None,
        };
        let finding = finding.map(|(path, what)| Finding { path, what });
        Ok(Self { manifest, finding })
    }

    fn rebuild(library: &Path, path: PathBuf, reason: String) -> Result<Self, LibraryError> {
        let Some((manifest, known)) = rebuilt_manifest::rebuild(library)? else {
            return Err(LibraryError::DamagedManifest { path, reason });
        };
        let what = format!("{reason}; {known}");
        Ok(Self {
            manifest,
            finding: Some(Finding { path, what }),
        })
    }
}

/// The files are examined under the lock, so that no writer changes them meanwhile.
fn lock(directory: &Path, owner: &Owner) -> Result<Lock, LibraryError> {
    if matches!(Manifest::find(directory), Ok(None)) {
        return Err(missing(directory)?);
    }
    Lock::take(directory, owner)
}

fn nothing_is_written() -> ReadOnlyReason {
    ReadOnlyReason::Unwritable("it is being checked".to_owned())
}

fn examine(directory: &Path, found: &KnownManifest) -> Result<CheckReport, LibraryError> {
    let mut report = CheckReport {
        library: directory.to_owned(),
        ..CheckReport::default()
    };
    report.findings.extend(found.finding.clone());
    report.add_catalog(directory, &found.manifest)?;
    let path = directory.join("catalog");
    let catalog = SledCatalog::read(&path, nothing_is_written())?;
    for entry in found.manifest.spaces() {
        report.add_space(directory, entry, &catalog.for_space(entry.number))?;
    }
    report.add_thumbnails(directory, &catalog)?;
    report.add_fingerprints(directory);
    report.add_texts(directory, &found.manifest)?;
    report.sound = report.findings.is_empty();
    Ok(report)
}

impl CheckReport {
    fn add(&mut self, path: impl Into<PathBuf>, what: impl Into<String>) {
        self.findings.push(Finding {
            path: path.into(),
            what: what.into(),
        });
    }

    fn add_catalog(&mut self, directory: &Path, manifest: &Manifest) -> Result<(), LibraryError> {
        let path = directory.join("catalog");
        if !path.exists() && !manifest.sources.is_empty() {
            self.add(
                &path,
                "it is missing: paths, tags and answers of all images are lost",
            );
        }
        let checked = SledCatalog::check(&path)?;
        self.images = checked.counts.images;
        self.paths = checked.counts.paths;
        self.tagged = checked.tagged;
        self.answers = checked.answers;
        self.findings.extend(checked.findings);
        Ok(())
    }

    fn add_space(
        &mut self,
        library: &Path,
        entry: &SpaceEntry,
        catalog: &SledCatalog,
    ) -> Result<(), LibraryError> {
        let directory = entry.directory(library);
        let vectors = directory.join("vectors");
        self.add_vectors(&vectors, entry, &catalog.rows()?)?;
        if VectorStore::has_damaged_snapshot(&vectors, &entry.space) {
            self.add(
                &vectors,
                "the saved graph is damaged; it is derived, and nothing is lost",
            );
        }
        match crate::calibration::fault(&directory, catalog) {
            None => {}
            Some(LibraryError::DamagedCalibration { path, reason }) => self.add(path, reason),
            Some(LibraryError::LostCalibration { path, last, found }) => {
                let what = format!("it ends with calibration {found}, but the last one was {last}");
                self.add(path, what);
            }
            Some(fault) => self.add(&directory, fault.to_string()),
        }
        if let Some(damage) = map::damage(&directory, &entry.space) {
            let path = map::LayoutFile::of(&directory).path().to_owned();
            self.add(path, format!("{damage}; the map is derived, and nothing is lost"));
        }
        if let Some(path) = TagOptions::damaged_file(&directory) {
            self.add(
                path,
                "the words of the last tagging run cannot be read; the bundled ones are used",
            );
        }
        Ok(())
    }

    /// Opening would create a file that is missing.
    fn add_vectors(
        &mut self,
        directory: &Path,
        entry: &SpaceEntry,
        live: &[(RowId, ImageId)],
    ) -> Result<(), LibraryError> {
        if !VectorStore::exists(directory) {
            if !live.is_empty() {
                let what = format!(
                    "the vectors of {} are missing; `eidetic index` computes them again",
                    counted(live.len(), "image")
                );
                self.add(directory, what);
            }
            return Ok(());
        }
        let (store, opened) = match VectorStore::open(directory, &entry.space, live) {
            Ok(opened) => opened,
            Err(IndexError::Damaged { path, reason }) => {
                self.add(
                    path,
                    format!("{reason}; the vectors after it can be read once it is repaired"),
                );
                return Ok(());
            }
            Err(IndexError::Io { path, source }) => {
                self.add(path, format!("it cannot be checked: {source}"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let damaged = opened.damaged.len() + store.verify()?.len();
        self.vectors += (live.len() - damaged.min(live.len())) as u64;
        if damaged > 0 {
            let what = format!(
                "the vectors of {} are damaged; `eidetic index` computes them again",
                counted(damaged, "image")
            );
            self.add(directory, what);
        }
        Ok(())
    }

    fn add_texts(&mut self, library: &Path, manifest: &Manifest) -> Result<(), LibraryError> {
        let sets = texts::check_sets(library)?;
        self.texts = sets.texts;
        self.findings.extend(sets.findings);
        for entry in manifest.spaces() {
            let findings = texts::check_vectors(&entry.directory(library), &entry.space)?;
            self.findings.extend(findings);
        }
        Ok(())
    }

    fn add_fingerprints(&mut self, library: &Path) {
        let file = FingerprintFile::of(library);
        if let Some(damage) = file.read().damage {
            let what = format!("{damage}; fingerprints are derived, and nothing is lost");
            self.add(file.path(), what);
        }
    }

    fn add_thumbnails(&mut self, library: &Path, catalog: &SledCatalog) -> Result<(), LibraryError> {
        let Thumbnails { damaged, unreadable } = Thumbnails::examine(library, catalog)?;
        let directory = library.join("thumbnails");
        if !damaged.is_empty() {
            let what = format!(
                "{} damaged; thumbnails are derived, and nothing is lost",
                counted(damaged.len(), "thumbnail")
            );
            self.add(&directory, what);
        }
        if let Some((count, error)) = unreadable {
            self.add(
                directory,
                format!("{} cannot be checked: {error}", counted(count, "thumbnail")),
            );
        }
        Ok(())
    }
}

/// What is wrong with thumbnails.
#[derive(Default)]
struct Thumbnails {
    damaged: Vec<ImageId>,
    /// How many cannot be read, as those of another user, and why the first cannot.
    unreadable: Option<(u64, std::io::Error)>,
}

impl Thumbnails {
    fn examine(library: &Path, catalog: &SledCatalog) -> Result<Self, LibraryError> {
        let store = ThumbnailStore::open(library.join("thumbnails"));
        let mut found = Self::default();
        for record in catalog.scan() {
            let image = record?.image;
            match store.is_damaged(&image) {
                Ok(true) => found.damaged.push(image),
                Ok(false) => {}
                Err(error) => found.unreadable.get_or_insert((0, error)).0 += 1,
            }
        }
        Ok(found)
    }
}

/// The error of a repair that cannot write.
fn read_only(directory: &Path, reason: &std::io::Error) -> LibraryError {
    CatalogError::ReadOnly {
        path: directory.to_owned(),
        reason: ReadOnlyReason::Unwritable(eidetic_atomic_file::described(reason)),
    }
    .into()
}
