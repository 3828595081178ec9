//! `calibration.json`: every labeled pair once, and versions that name their pairs by number.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use eidetic_confidence::calibration::{Calibration, ScoredPair};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::{CalibrationEvent, CalibrationHistory, CurrentVersions};
use crate::LibraryError;
use crate::checked_json::{self, Checksum, PLACEHOLDER};

pub(super) const FILE_NAME: &str = "calibration.json";
/// Versions of the file's layout: each calibration with its pairs; all pairs in one list. The latter is written.
const PAIRS_IN_VERSIONS: u32 = 1;
const PAIRS_ONCE: u32 = 2;
/// The field of a calibration that holds its pairs.
const PAIRS_FIELD: &str = "labelled";
/// Larger than any file that this program writes.
const MOST_BYTES: u64 = 512 << 20;

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    #[serde(default)]
    checksum: String,
    current: CurrentVersions,
    next: u32,
    events: Vec<CalibrationEvent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pairs: Vec<Value>,
    versions: Vec<Value>,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl CalibrationHistory {
    /// `None` where there is no file.
    ///
    /// Errors: an unknown format version, or a damaged file.
    pub(super) fn find(directory: &Path) -> Result<Option<Self>, LibraryError> {
        let path = directory.join(FILE_NAME);
        match contents(&path) {
            Ok(text) => parse(&text, &path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LibraryError::io(&path)(error)),
        }
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), LibraryError> {
        let path = directory.join(FILE_NAME);
        self.text()
            .and_then(|text| eidetic_atomic_file::write(&path, text.as_bytes()))
            .map_err(LibraryError::io(&path))
    }

    fn text(&self) -> io::Result<String> {
        let mut pairs = PairList::default();
        let versions = self.versions.iter().map(|made| pairs.take_from(made));
        let stored = Stored {
            format: PAIRS_ONCE,
            checksum: PLACEHOLDER.to_owned(),
            current: self.current.clone(),
            next: self.next_version(),
            events: self.events.clone(),
            versions: versions.collect::<Result<_, _>>()?,
            pairs: pairs.list,
        };
        Ok(checked_json::seal(&serde_json::to_string(&stored)?))
    }
}

/// The pairs of all versions, each once.
#[derive(Default)]
struct PairList {
    list: Vec<Value>,
    numbers: HashMap<String, usize>,
}

impl PairList {
    /// A calibration with the numbers of its pairs in the place of the pairs.
    fn take_from(&mut self, made: &Calibration) -> serde_json::Result<Value> {
        let without = Calibration {
            labeled: Vec::new(),
            ..made.clone()
        };
        let numbers = made.labeled.iter().map(|pair| self.number(pair));
        let numbers = numbers.collect::<serde_json::Result<Vec<usize>>>()?;
        let mut value = serde_json::to_value(without)?;
        value[PAIRS_FIELD] = numbers.into();
        Ok(value)
    }

    /// Scores are rounded, so that they read back as they were written and a pair is recognized.
    fn number(&mut self, pair: &ScoredPair) -> serde_json::Result<usize> {
        let rounded = ScoredPair {
            score: (pair.score * 1e9).round() / 1e9,
            ..pair.clone()
        };
        let text = serde_json::to_string(&rounded)?;
        if let Some(&number) = self.numbers.get(&text) {
            return Ok(number);
        }
        let number = self.list.len();
        self.list.push(serde_json::to_value(rounded)?);
        self.numbers.insert(text, number);
        Ok(number)
    }
}

fn parse(text: &[u8], path: &Path) -> Result<CalibrationHistory, LibraryError> {
    let damaged = |reason: String| LibraryError::DamagedCalibration {
        path: path.to_owned(),
        reason,
    };
    let checksum = checked_json::verify(text);
    if checksum == Checksum::Differs {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    // The version first: a later version may have other fields.
    let FormatOnly { format } = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    match format {
        PAIRS_ONCE if checksum == Checksum::Absent => {
            return Err(damaged("it has no checksum".to_owned()));
        }
        PAIRS_IN_VERSIONS | PAIRS_ONCE => {}
        found => {
            return Err(LibraryError::UnknownCalibrationVersion {
                path: path.to_owned(),
                found,
                supported: PAIRS_ONCE,
            });
        }
    }
    let read = read_versions(text).map_err(|error| damaged(error.to_string()))?;
    match read.fault() {
        Some(reason) => Err(damaged(reason)),
        None => Ok(read),
    }
}

fn read_versions(text: &[u8]) -> serde_json::Result<CalibrationHistory> {
    let stored: Stored = serde_json::from_slice(text)?;
    let with_pairs = |mut version: Value| {
        if let Some(numbers) = version[PAIRS_FIELD].as_array_mut() {
            for number in numbers {
                let position = number
                    .as_u64()
                    .and_then(|position| usize::try_from(position).ok());
                if let Some(pair) = position.and_then(|position| stored.pairs.get(position)) {
                    *number = pair.clone();
                }
            }
        }
        serde_json::from_value(version)
    };
    let versions = stored.versions.into_iter().map(with_pairs);
    Ok(CalibrationHistory::from_parts(
        stored.current,
        stored.next,
        stored.events,
        versions.collect::<serde_json::Result<_>>()?,
    ))
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// Moves a damaged file out of the way and returns where it is kept.
pub(super) fn set_aside(directory: &Path) -> io::Result<PathBuf> {
    let names = (1..).map(|number: u32| directory.join(format!("{FILE_NAME}.damaged-{number}")));
    let free = names.into_iter().find(|path| !path.exists());
    let free = free.unwrap_or_else(|| directory.join(format!("{FILE_NAME}.damaged")));
    std::fs::rename(directory.join(FILE_NAME), &free)?;
    eidetic_atomic_file::sync_directory(directory)?;
    Ok(free)
}
