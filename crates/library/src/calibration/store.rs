//! The calibrations on disk. They are primary data: labels cannot be recomputed.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::Calibration;
use serde::{Deserialize, Serialize};

use crate::LibraryError;

const FILE_NAME: &str = "calibration.json";
/// Version of the file's layout that this program writes and reads.
const FORMAT: u32 = 1;
/// Versions of a kind that are kept; older ones are removed.
const VERSIONS: usize = 20;
const EVENTS: usize = 1000;
/// Larger than any file that this program writes.
const MOST_BYTES: u64 = 512 << 20;

/// All stored calibrations, the current ones, and the events that led to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationHistory {
    format: u32,
    /// The current version of each kind.
    pub current: CurrentVersions,
    /// The number of the next version; numbers are never reused.
    next: u32,
    /// The changes, the most recent last.
    pub events: Vec<CalibrationEvent>,
    /// The calibrations, the most recent last, with those that were undone.
    pub versions: Vec<Calibration>,
}

/// The current version of each kind; `None`: the model's own calibration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentVersions {
    /// Of text queries.
    pub text: Option<u32>,
    /// Of image queries.
    #[serde(rename = "picture")]
    pub image: Option<u32>,
}

/// A change of the current calibration of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationEvent {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The kind of queries.
    pub kind: QueryKind,
    /// What was done.
    pub what: CalibrationEventKind,
    /// The version that is current since; `None`: the model's own.
    pub version: Option<u32>,
    /// The score of probability 0.5 since, if the score alone decides it.
    #[serde(rename = "even_score")]
    pub decision_threshold: Option<f64>,
}

/// The kinds of changes of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationEventKind {
    /// Fitted to labelled pairs.
    Calibrated,
    /// Re-fitted to feedback on hits.
    Refitted,
    /// The latest one was undone.
    Undone,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Default for CalibrationHistory {
    fn default() -> Self {
        Self {
            format: FORMAT,
            current: CurrentVersions::default(),
            next: 1,
            events: Vec::new(),
            versions: Vec::new(),
        }
    }
}

impl CurrentVersions {
    /// The version of a kind.
    pub const fn of(&self, kind: QueryKind) -> Option<u32> {
        match kind {
            QueryKind::Text => self.text,
            QueryKind::Image => self.image,
        }
    }

    fn set(&mut self, kind: QueryKind, version: Option<u32>) {
        match kind {
            QueryKind::Text => self.text = version,
            QueryKind::Image => self.image = version,
        }
    }
}

impl CalibrationHistory {
    /// The current calibration of a kind; `None`: the model's own.
    pub fn current(&self, kind: QueryKind) -> Option<&Calibration> {
        self.version(self.current.of(kind)?)
    }

    /// The calibration with this version number, if it is stored.
    pub fn version(&self, number: u32) -> Option<&Calibration> {
        self.versions.iter().find(|made| made.origin.version == number)
    }

    /// The number of the next calibration.
    pub(super) const fn next_version(&self) -> u32 {
        self.next
    }

    /// Makes `made` the current calibration of its kind.
    pub(super) fn add(&mut self, made: Calibration, what: CalibrationEventKind) {
        let (version, kind, at) = (made.origin.version, made.origin.kind, made.origin.made_at);
        self.next = self.next.max(version) + 1;
        self.current.set(kind, Some(version));
        self.versions.push(made);
        self.push_event(at, kind, what);
        self.remove_old_versions(kind);
    }

    /// Undoes the latest calibration of a kind. Errors: there is none.
    pub(super) fn undo(&mut self, kind: QueryKind, at: u64) -> Result<(), LibraryError> {
        let current = self.current(kind).ok_or(LibraryError::NothingToUndo)?;
        // A version that was removed cannot become current again; the model's own is current then.
        let before = current
            .origin
            .replaces
            .filter(|number| self.version(*number).is_some());
        self.current.set(kind, before);
        self.push_event(at, kind, CalibrationEventKind::Undone);
        Ok(())
    }

    fn push_event(&mut self, at: u64, kind: QueryKind, what: CalibrationEventKind) {
        let current = self.current(kind);
        let event = CalibrationEvent {
            at,
            kind,
            what,
            version: current.map(|made| made.origin.version),
            decision_threshold: current.and_then(Calibration::decision_threshold),
        };
        self.events.push(event);
        let surplus = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..surplus);
    }

    fn remove_old_versions(&mut self, kind: QueryKind) {
        let of_kind = self
            .versions
            .iter()
            .filter(|made| made.origin.kind == kind)
            .count();
        let mut surplus = of_kind.saturating_sub(VERSIONS);
        let current = self.current.of(kind);
        self.versions.retain(|made| {
            let goes = surplus > 0 && made.origin.kind == kind && Some(made.origin.version) != current;
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// An empty history where there is no file.
    ///
    /// Errors: an unknown format version, or a damaged file.
    pub(super) fn read(library: &Path) -> Result<Self, LibraryError> {
        let path = library.join(FILE_NAME);
        let text = match contents(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(LibraryError::io(&path)(error)),
        };
        let damaged = |reason: String| LibraryError::DamagedCalibration {
            path: path.clone(),
            reason,
        };
        // The version first: a later version may have other fields.
        let FormatOnly { format } =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT {
            return Err(LibraryError::UnknownCalibrationVersion {
                path,
                found: format,
                supported: FORMAT,
            });
        }
        let read: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        match read.fault() {
            Some(reason) => Err(damaged(reason)),
            None => Ok(read),
        }
    }

    pub(super) fn write(&self, library: &Path) -> Result<(), LibraryError> {
        let path = library.join(FILE_NAME);
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| eidetic_atomic_file::write(&path, &text))
            .map_err(LibraryError::io(&path))
    }

    /// Why the history is not valid, if it is not.
    fn fault(&self) -> Option<String> {
        for kind in [QueryKind::Text, QueryKind::Image] {
            let named = self.current.of(kind);
            if named.is_some() && self.current(kind).is_none_or(|made| made.origin.kind != kind) {
                return Some("its current version does not exist".to_owned());
            }
        }
        self.versions.iter().find_map(|made| {
            let fault = made.fault()?;
            Some(format!("version {}: {fault}", made.origin.version))
        })
    }
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_confidence::calibration::{CalibrationOrigin, LabelSource, ScoredPair};
    use eidetic_domain::ImageId;

    fn made(version: u32, replaces: Option<u32>, kind: QueryKind) -> Calibration {
        let pair = |i: u32| ScoredPair {
            image: ImageId::of(&i.to_le_bytes()),
            path: format!("/{i}.jpg"),
            query: "a thing".to_owned(),
            query_image: None,
            score: 0.2 + f64::from(i * 7 % 20) / 200.0 + f64::from(version) / 100.0,
            matches: i * 7 % 20 > 9,
        };
        let origin = CalibrationOrigin {
            version,
            replaces,
            kind,
            space: "s".to_owned(),
            made_at: u64::from(version),
            source: LabelSource::Labels,
            anchor: None,
        };
        Calibration::fit(origin, (0..20).map(pair).collect(), None).unwrap()
    }

    #[test]
    fn written_history_reads_back_and_undoes_stepwise() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = CalibrationHistory::read(folder.path()).unwrap();
        assert!(matches!(
            history.undo(QueryKind::Text, 0),
            Err(LibraryError::NothingToUndo)
        ));
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        history.add(made(2, None, QueryKind::Image), CalibrationEventKind::Calibrated);
        history.add(made(3, Some(1), QueryKind::Text), CalibrationEventKind::Refitted);
        history.write(folder.path()).unwrap();
        let mut history = CalibrationHistory::read(folder.path()).unwrap();
        let number = |h: &CalibrationHistory| h.current(QueryKind::Text).map(|made| made.origin.version);
        assert_eq!((number(&history), history.next_version()), (Some(3), 4));
        history.undo(QueryKind::Text, 9).unwrap();
        assert_eq!(number(&history), Some(1));
        history.undo(QueryKind::Text, 10).unwrap();
        assert_eq!((number(&history), history.current.image), (None, Some(2)));
        assert!(history.undo(QueryKind::Text, 11).is_err());
        let moved: Vec<_> = history
            .events
            .iter()
            .map(|event| (event.what, event.version))
            .collect();
        assert_eq!(
            moved[3..],
            [
                (CalibrationEventKind::Undone, Some(1)),
                (CalibrationEventKind::Undone, None)
            ]
        );
        assert!(history.events[0].decision_threshold < history.events[2].decision_threshold);
        assert_eq!(history.versions.len(), 3, "undone versions stay");
    }

    #[test]
    fn old_versions_are_removed_current_stays() {
        let mut history = CalibrationHistory::default();
        for version in 1..=25 {
            history.add(
                made(version, None, QueryKind::Text),
                CalibrationEventKind::Calibrated,
            );
        }
        assert_eq!(history.versions.len(), VERSIONS);
        assert_eq!(history.versions[0].origin.version, 6);
        assert!(history.current(QueryKind::Text).is_some());
    }

    #[test]
    fn unknown_formats_and_damage_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let error = |content: &str| {
            std::fs::write(&path, content).unwrap();
            CalibrationHistory::read(folder.path()).unwrap_err().to_string()
        };
        assert!(error(r#"{"format":2,"more":[]}"#).contains("format version 2"));
        for content in ["", "{", "[]", r#"{"format":1}"#, "\u{0}\u{0}"] {
            let error = error(content);
            assert!(
                error.contains("calibration.json is damaged") && error.contains("move it away"),
                "{error}"
            );
        }
        let mut history = CalibrationHistory::default();
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        let good = serde_json::to_string(&history).unwrap();
        assert!(error(&good.replace("\"text\":1", "\"text\":7")).contains("does not exist"));
        assert!(error(&good.replace("\"slope\":", "\"slope\":-")).contains("version 1: its curve"));
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert!(CalibrationHistory::read(folder.path()).is_err());
        std::fs::write(&path, &good).unwrap();
        // A process that was killed while writing leaves a temporary file, and the file as it was.
        std::fs::write(folder.path().join("calibration.json.new"), "{\"format\":").unwrap();
        let read = CalibrationHistory::read(folder.path()).unwrap();
        // Equal but for the last bit: the parser is not more exact.
        let pairs = history.versions[0].labeled.iter().zip(&read.versions[0].labeled);
        for (written, read) in pairs {
            assert_eq!((written.image, written.matches), (read.image, read.matches));
            assert!((written.score - read.score).abs() < 1e-12);
        }
        assert_eq!((read.current, read.next), (history.current, history.next));
    }
}
