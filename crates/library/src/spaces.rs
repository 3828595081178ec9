//! The spaces of a library: listing, finding, opening and dropping them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use eidetic_catalog::{Catalog, RowStore, SpaceNumber};
use eidetic_domain::Precision;
use eidetic_inference::{PrecisionChoice, resolve_model};
use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, SpaceEntry, directory_of};
use crate::operations::{Operation, OperationGuard};
use crate::status::bytes_below;
use crate::{Library, LibraryError, PreviousSpace, Space};

/// The state of one space of a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpaceStatus {
    /// Its number, which can be used as its name.
    pub number: u32,
    /// Whether searches use it.
    pub active: bool,
    /// How to load its model.
    pub model: String,
    /// Its identifier, as in search results.
    pub space: String,
    /// The precisions that its vectors were computed in, the most recent last.
    pub precisions: Vec<Precision>,
    /// The measurement that chose the precision of a new space, where one did.
    #[serde(default)]
    pub precision_choice: Option<PrecisionChoice>,
    /// Images that have a vector in it.
    pub images: u64,
    /// Images of the library that have none.
    pub missing: u64,
    /// Disk space of its vectors and graph.
    pub bytes: u64,
}

/// A switch that has begun and has not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchStatus {
    /// The number of the space that becomes active.
    pub number: u32,
    /// How to load its model.
    pub model: String,
    /// Images that have a vector in it.
    pub done: u64,
    /// Images of the library.
    pub total: u64,
    /// What happens to the space that is active now.
    pub old: PreviousSpace,
    /// Whether this process is running it; else it resumes with the next `eidetic space switch` or start of a server.
    pub running: bool,
}

impl Library {
    /// Every space, the active one first.
    pub fn spaces(&self) -> Result<Vec<SpaceStatus>, LibraryError> {
        let manifest = self.read_manifest().clone();
        manifest.spaces().map(|entry| self.space_status(entry)).collect()
    }

    /// The switch that has begun and has not finished, if there is one.
    pub fn planned_switch(&self) -> Result<Option<SwitchStatus>, LibraryError> {
        let manifest = self.read_manifest().clone();
        let planned = manifest.switch;
        let Some((planned, entry)) = planned.and_then(|planned| Some((planned, manifest.space(planned.to)?)))
        else {
            return Ok(None);
        };
        Ok(Some(SwitchStatus {
            number: entry.number.0,
            model: entry.model.clone(),
            done: self.images_of(entry.number)?,
            total: self.catalog.counts()?.images,
            old: planned.old,
            running: self.operations.is_running(Operation::Switch),
        }))
    }

    /// The space with this number, model, or identifier; opened if it is not open yet.
    pub fn space_named(&self, name: &str) -> Result<Arc<Space>, LibraryError> {
        let number = self.number_of(name)?;
        self.open_space(number)
    }

    /// Removes a space other than the active one, with its vectors, tags and calibrations, and abandons a switch to it.
    /// Returns its model.
    pub fn drop_space(&self, name: &str) -> Result<String, LibraryError> {
        let _switch = self.lock_switching()?;
        let number = self.number_of(name)?;
        let entry = self.read_manifest().space(number).cloned();
        let model = entry.map_or_else(String::new, |entry| entry.model);
        if number == self.active().number {
            return Err(LibraryError::ActiveSpace { model });
        }
        self.change_manifest(|manifest| manifest.drop_space(number))?;
        self.opened_others().remove(&number);
        self.remove_dropped()?;
        Ok(model)
    }

    /// Removes the remaining files and records of spaces that the manifest lists as dropped.
    pub(crate) fn remove_dropped(&self) -> Result<(), LibraryError> {
        let dropped = self.read_manifest().dropped.clone();
        for number in dropped {
            for path in self.files_of(number) {
                remove(&path).map_err(LibraryError::io(&path))?;
            }
            self.catalog.for_space(number).drop_space()?;
            self.change_manifest(|manifest| manifest.dropped.retain(|other| *other != number))?;
        }
        Ok(())
    }

    /// The space with this number, opened if it is not open yet.
    pub(crate) fn open_space(&self, number: SpaceNumber) -> Result<Arc<Space>, LibraryError> {
        let active = self.active();
        if active.number == number {
            return Ok(active);
        }
        // Held while the space is opened, so that images removed meanwhile are removed from it afterwards.
        let mut others = self.opened_others();
        if let Some(space) = others.get(&number) {
            return Ok(Arc::clone(space));
        }
        let manifest = self.read_manifest().clone();
        let entry = manifest
            .space(number)
            .ok_or_else(|| unknown(&number.to_string(), &manifest))?;
        let opened = Space::open(
            &self.directory,
            entry,
            &self.catalog,
            &self.operations,
            &self.limits,
        );
        let space = opened.map_err(|reason| LibraryError::UnreadableSpace {
            model: entry.model.clone(),
            number: number.0,
            reason: Box::new(reason),
        })?;
        // The same machine loads all models.
        space.set_load_options(active.encoder.load_options());
        let space = Arc::new(space);
        others.insert(number, Arc::clone(&space));
        Ok(space)
    }

    pub(crate) fn opened_others(&self) -> MutexGuard<'_, BTreeMap<SpaceNumber, Arc<Space>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Excludes other switches. Errors: one is running.
    pub(crate) fn lock_switching(&self) -> Result<OperationGuard<'_>, LibraryError> {
        self.require_writable()?;
        let lock = self.operations.try_lock(Operation::Switch);
        lock.ok_or(LibraryError::AlreadySwitching)
    }

    fn number_of(&self, name: &str) -> Result<SpaceNumber, LibraryError> {
        let manifest = self.read_manifest().clone();
        let mut numbers = manifest
            .spaces()
            .filter(|entry| matches_name(entry, name))
            .map(|entry| entry.number);
        match (numbers.next(), numbers.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(unknown(name, &manifest)),
            (Some(_), Some(_)) => Err(LibraryError::AmbiguousSpace {
                name: name.to_owned(),
                known: listed(&manifest),
            }),
        }
    }

    fn space_status(&self, entry: &SpaceEntry) -> Result<SpaceStatus, LibraryError> {
        let images = self.images_of(entry.number)?;
        let vectors = entry.directory(&self.directory).join("vectors");
        Ok(SpaceStatus {
            number: entry.number.0,
            active: entry.number == self.active().number,
            model: entry.model.clone(),
            space: entry.space.to_string(),
            precisions: entry.precisions().to_vec(),
            precision_choice: entry.precision_choice,
            images,
            missing: self.catalog.counts()?.images.saturating_sub(images),
            bytes: bytes_below(&vectors),
        })
    }

    /// Number of images with a vector in a space. A space that is not open is not opened for it.
    fn images_of(&self, number: SpaceNumber) -> Result<u64, LibraryError> {
        let active = self.active();
        if active.number == number {
            return Ok(active.images());
        }
        let opened = self.opened_others().get(&number).cloned();
        match opened {
            Some(space) => Ok(space.images()),
            None => Ok(self.catalog.for_space(number).count_rows()?),
        }
    }

    /// The files of one space alone. The first space shares its directory with the library.
    fn files_of(&self, number: SpaceNumber) -> Vec<PathBuf> {
        let directory = directory_of(number, &self.directory);
        if number != SpaceNumber::FIRST {
            return vec![directory];
        }
        let files = [
            "vectors",
            "text-vectors",
            "background.bin",
            "vocabulary.bin",
            "tagging.json",
            "calibration.json",
        ];
        files.iter().map(|name| directory.join(name)).collect()
    }
}

/// Removes a file, or a folder with its contents; succeeds where neither exists.
fn remove(path: &std::path::Path) -> std::io::Result<()> {
    let removed = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether `name` is the number, model or identifier of a space.
fn matches_name(entry: &SpaceEntry, name: &str) -> bool {
    let model = resolve_model(name);
    let is_model = model.is_ok_and(|model| model.canonical().to_string() == entry.model);
    let names = [
        &entry.model,
        &entry.space.model,
        &entry.space.to_string(),
        &entry.number.to_string(),
    ];
    is_model || names.contains(&&name.to_owned())
}

fn unknown(name: &str, manifest: &Manifest) -> LibraryError {
    LibraryError::UnknownSpace {
        name: name.to_owned(),
        known: listed(manifest),
    }
}

/// Such as `0 builtin, 1 google/siglip2-base-patch32-256`.
fn listed(manifest: &Manifest) -> String {
    let names: Vec<String> = manifest
        .spaces()
        .map(|entry| format!("{} {}", entry.number, entry.model))
        .collect();
    names.join(", ")
}
