//! What is damaged in a library, and what a repair saves.

mod relink;
mod repair;

use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, CatalogError, Finding, ReadOnlyReason, SledCatalog};
use eidetic_domain::{ImageId, RowId};
use eidetic_imaging::ThumbnailStore;
use eidetic_vectors::{IndexError, VectorStore};
use serde::{Deserialize, Serialize};

use crate::lock::Lock;
use crate::manifest::{COPY_NAME, FILE_NAME, FoundManifest, Manifest, SpaceEntry};
use crate::open::missing;
use crate::space::live_rows;
use crate::{LibraryError, Owner, TagOptions};

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
    /// What is damaged.
    pub findings: Vec<Finding>,
}

/// Reads and verifies everything in the library at `directory`. Writes nothing but the name of the owner, and loads no
/// model.
pub fn check(directory: &Path, owner: &Owner) -> Result<CheckReport, LibraryError> {
    let _lock = lock(directory, owner)?;
    examine(directory, &find_manifest(directory)?)
}

fn find_manifest(directory: &Path) -> Result<FoundManifest, LibraryError> {
    Manifest::find(directory)?.ok_or_else(|| LibraryError::Missing {
        path: directory.to_owned(),
    })
}

/// The files are examined under the lock, so that no writer changes them meanwhile.
fn lock(directory: &Path, owner: &Owner) -> Result<Lock, LibraryError> {
    if Manifest::find(directory)?.is_none() {
        return Err(missing(directory)?);
    }
    Lock::take(directory, owner)
}

fn examine(directory: &Path, found: &FoundManifest) -> Result<CheckReport, LibraryError> {
    let mut report = CheckReport {
        library: directory.to_owned(),
        ..CheckReport::default()
    };
    report.add_manifest(directory, found);
    report.add_catalog(directory, &found.manifest)?;
    let path = directory.join("catalog");
    let nothing_is_written = ReadOnlyReason::Unwritable("it is being checked".to_owned());
    let catalog = SledCatalog::read(&path, nothing_is_written)?;
    for entry in found.manifest.spaces() {
        report.add_space(directory, entry, &catalog.for_space(entry.number))?;
    }
    report.add_thumbnails(directory, &catalog)?;
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

    fn add_manifest(&mut self, directory: &Path, found: &FoundManifest) {
        match &found.damage {
            Some(LibraryError::DamagedManifest { path, reason }) => {
                self.add(path, format!("{reason}; its copy is whole, and nothing is lost"));
            }
            Some(error) => self.add(directory.join(FILE_NAME), error.to_string()),
            None if found.manifest.is_copy_damaged(directory) => {
                self.add(
                    directory.join(COPY_NAME),
                    "it is missing, damaged or old; it is derived, and nothing is lost",
                );
            }
            None => {}
        }
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
        self.add_vectors(&vectors, entry, &live_rows(catalog)?)?;
        if VectorStore::has_damaged_snapshot(&vectors, &entry.space) {
            self.add(
                &vectors,
                "the saved graph is damaged; it is derived, and nothing is lost",
            );
        }
        if let Some(fault) = crate::calibration::fault(&directory, catalog) {
            self.add(&directory, fault.to_string());
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
                    "the vectors of {} images are missing; `eidetic index` computes them again",
                    live.len()
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
            Err(error) => return Err(error.into()),
        };
        let damaged = opened.damaged.len() + store.verify()?.len();
        self.vectors += (live.len() - damaged.min(live.len())) as u64;
        if damaged > 0 {
            let what =
                format!("the vectors of {damaged} images are damaged; `eidetic index` computes them again");
            self.add(directory, what);
        }
        Ok(())
    }

    fn add_thumbnails(&mut self, library: &Path, catalog: &SledCatalog) -> Result<(), LibraryError> {
        let damaged = damaged_thumbnails(library, catalog)?.len();
        if damaged > 0 {
            let what = format!("{damaged} thumbnails are damaged; they are derived, and nothing is lost");
            self.add(library.join("thumbnails"), what);
        }
        Ok(())
    }
}

fn damaged_thumbnails(library: &Path, catalog: &SledCatalog) -> Result<Vec<ImageId>, LibraryError> {
    let directory = library.join("thumbnails");
    let store = ThumbnailStore::open(&directory);
    let mut damaged = Vec::new();
    for record in catalog.scan() {
        let image = record?.image;
        if store.is_damaged(&image).map_err(LibraryError::io(&directory))? {
            damaged.push(image);
        }
    }
    Ok(damaged)
}

/// The error of a repair that cannot write.
fn read_only(directory: &Path, reason: &std::io::Error) -> LibraryError {
    CatalogError::ReadOnly {
        path: directory.to_owned(),
        reason: ReadOnlyReason::Unwritable(reason.to_string()),
    }
    .into()
}
