//! Calibrations that are damaged or lost: the model's own answer in their place, and the catalog, which knows the number
//! of the last one, tells.

use std::path::{Path, PathBuf};

use eidetic_catalog::SledCatalog;

use super::file::{self, FILE_NAME};
use super::store::CalibrationHistory;
use crate::{LibraryError, Space};

/// What is wrong with the calibrations of the space in `directory`, if anything is.
pub(crate) fn fault(directory: &Path, catalog: &SledCatalog) -> Option<LibraryError> {
    let last = catalog.last_calibration().ok()?.unwrap_or(0);
    let found = match CalibrationHistory::find(directory) {
        Ok(found) => found.map_or(0, |history| history.next_version() - 1),
        Err(error) => return Some(error),
    };
    (found < last).then(|| LibraryError::LostCalibration {
        path: directory.join(FILE_NAME),
        last,
        found,
    })
}

/// Keeps a damaged file aside and accepts that calibrations are lost. Returns where the file is kept, if there was one.
pub(crate) fn accept_loss(directory: &Path, catalog: &SledCatalog) -> Result<Option<PathBuf>, LibraryError> {
    let path = directory.join(FILE_NAME);
    let (kept, remaining) = match CalibrationHistory::find(directory) {
        Ok(found) => (None, found.map(|history| history.next_version() - 1)),
        Err(LibraryError::DamagedCalibration { .. }) => (
            Some(file::set_aside(directory).map_err(LibraryError::io(&path))?),
            None,
        ),
        Err(error) => return Err(error),
    };
    catalog.set_last_calibration(remaining.filter(|last| *last > 0))?;
    Ok(kept)
}

impl Space {
    /// What is wrong with the calibrations, if anything is: the model's own answer then, as far as they are lost.
    pub fn calibration_fault(&self) -> Option<LibraryError> {
        fault(&self.directory, &self.catalog)
    }

    /// Records the number of the last calibration, where a program wrote it that did not.
    pub(crate) fn note_calibrations(&self) -> Result<(), LibraryError> {
        let Ok(Some(history)) = CalibrationHistory::find(&self.directory) else {
            return Ok(());
        };
        self.note_last(&history)
    }

    pub(super) fn note_last(&self, history: &CalibrationHistory) -> Result<(), LibraryError> {
        let last = history.next_version() - 1;
        if last > self.catalog.last_calibration()?.unwrap_or(0) {
            self.catalog.set_last_calibration(Some(last))?;
        }
        Ok(())
    }
}
