//! The repair of a library: what is whole is kept, what is damaged is set aside.

use std::path::{Path, PathBuf};

use eidetic_catalog::{Finding, SledCatalog};
use eidetic_imaging::ThumbnailStore;
use eidetic_vectors::VectorStore;
use serde::{Deserialize, Serialize};

use super::relink::relink;
use super::{CheckReport, KnownManifest, Thumbnails, examine, lock, read_only};
use crate::duplicates::FingerprintFile;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::{LibraryError, Owner, TagOptions, map, texts};

/// The result of a repair.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairReport {
    /// The numbers after the repair, with what was found before it.
    #[serde(flatten)]
    pub check: CheckReport,
    /// Damaged files and folders that were set aside, in case that more can be read of them.
    pub kept: Vec<PathBuf>,
    /// Images whose record was lost, and whose vector was recognized by the content of their file.
    pub relinked: u64,
    /// Images that are lost; `eidetic index` finds those again whose files exist, and embeds them.
    pub lost_images: u64,
    /// Images whose tags are lost; `eidetic tag` computes them again.
    pub lost_tags: u64,
    /// What is still damaged, such as vectors, whose images `eidetic index` embeds again.
    pub remaining: Vec<Finding>,
}

/// Saves everything that is whole of the library at `directory`, and keeps what is damaged aside. Afterwards the library
/// can be changed again.
pub fn repair(directory: &Path, owner: &Owner) -> Result<RepairReport, LibraryError> {
    let taken = lock(directory, owner)?;
    if let Lock::Shared { reason, .. } = &taken {
        return Err(read_only(directory, reason));
    }
    let found = KnownManifest::find(directory)?;
    let before = examine(directory, &found)?;
    if before.sound {
        return Ok(RepairReport {
            check: before,
            ..RepairReport::default()
        });
    }
    let KnownManifest { manifest, .. } = found;
    manifest.write(directory)?;
    let mut report = RepairReport::default();
    report.repair_catalog(directory, &manifest)?;
    report.repair_rest(directory, &manifest)?;
    let after = examine(directory, &KnownManifest::find(directory)?)?;
    report.remaining = after.findings;
    report.check = CheckReport {
        sound: false,
        findings: before.findings,
        ..after
    };
    Ok(report)
}

impl RepairReport {
    fn repair_catalog(&mut self, directory: &Path, manifest: &Manifest) -> Result<(), LibraryError> {
        let path = directory.join("catalog");
        let was_missing = !path.exists();
        let repaired = SledCatalog::repair(&path)?;
        for entry in manifest.spaces() {
            let vectors = entry.directory(directory).join("vectors");
            if VectorStore::exists(&vectors) {
                VectorStore::restore_header(&vectors, &entry.space)?;
            }
        }
        if was_missing || !repaired.before.findings.is_empty() {
            let catalog = SledCatalog::open(&path)?;
            self.relinked = relink(directory, manifest, &catalog, &repaired.lost)?;
        }
        let lost = &repaired.lost;
        let images = lost.images.len() as u64 + lost.paths.len() as u64 + lost.uncounted;
        self.lost_images = images.saturating_sub(self.relinked);
        self.lost_tags = lost.tags.len() as u64;
        self.kept.extend(repaired.set_aside);
        Ok(())
    }

    fn repair_rest(&mut self, directory: &Path, manifest: &Manifest) -> Result<(), LibraryError> {
        let catalog = SledCatalog::open(&directory.join("catalog"))?;
        for entry in manifest.spaces() {
            let space = entry.directory(directory);
            let vectors = space.join("vectors");
            if VectorStore::has_damaged_snapshot(&vectors, &entry.space) {
                VectorStore::remove_snapshot(&vectors)?;
            }
            let catalog = catalog.for_space(entry.number);
            if crate::calibration::fault(&space, &catalog).is_some() {
                self.kept
                    .extend(crate::calibration::accept_loss(&space, &catalog)?);
            }
            if let Some(path) = TagOptions::damaged_file(&space) {
                std::fs::remove_file(&path).map_err(LibraryError::io(&path))?;
            }
            if map::damage(&space, &entry.space).is_some() {
                let file = map::LayoutFile::of(&space);
                file.remove().map_err(LibraryError::io(file.path()))?;
            }
            texts::repair_vectors(&space, &entry.space)?;
        }
        self.kept.extend(texts::repair_sets(directory)?);
        let fingerprints = FingerprintFile::of(directory);
        if fingerprints.read().damage.is_some() {
            fingerprints
                .remove()
                .map_err(LibraryError::io(fingerprints.path()))?;
        }
        let thumbnails = directory.join("thumbnails");
        let store = ThumbnailStore::open(&thumbnails);
        for image in Thumbnails::examine(directory, &catalog)?.damaged {
            store.remove(&image).map_err(LibraryError::io(&thumbnails))?;
        }
        Ok(())
    }
}
