//! The calibrations on disk. They are primary data: labels cannot be recomputed.

use std::collections::HashSet;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::Calibration;
use serde::{Deserialize, Serialize};

use crate::LibraryError;

/// Versions of a kind that are kept; older ones are removed.
const VERSIONS: usize = 20;
const EVENTS: usize = 1000;
/// Labeled pairs of all versions together, so that the file stays below some ten megabytes.
const MOST_PAIRS: usize = 50_000;

/// All stored calibrations, the current ones, and the events that led to them.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationHistory {
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

impl Default for CalibrationHistory {
    fn default() -> Self {
        Self {
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
        self.remove_surplus_pairs();
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

    /// An empty history after the calibration with number `last`; numbers are never reused.
    pub(super) fn after(last: u32) -> Self {
        Self {
            next: last + 1,
            ..Self::default()
        }
    }

    pub(super) fn from_parts(
        current: CurrentVersions,
        next: u32,
        events: Vec<CalibrationEvent>,
        versions: Vec<Calibration>,
    ) -> Self {
        Self {
            current,
            next,
            events,
            versions,
        }
    }

    /// Removes the oldest versions while there are more than [`MOST_PAIRS`] pairs in all: not the current ones, nor those
    /// before them, to which an undo leads.
    fn remove_surplus_pairs(&mut self) {
        let current = [QueryKind::Text, QueryKind::Image].map(|kind| self.current(kind));
        let before = current.map(|made| made.and_then(|made| made.origin.replaces));
        let kept = [self.current.text, self.current.image, before[0], before[1]];
        while distinct_pairs(&self.versions) > MOST_PAIRS {
            let oldest = self
                .versions
                .iter()
                .position(|made| !kept.contains(&Some(made.origin.version)));
            match oldest {
                Some(oldest) => drop(self.versions.remove(oldest)),
                None => return,
            }
        }
    }

    /// Why the history is not valid, if it is not.
    pub(super) fn fault(&self) -> Option<String> {
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

/// Number of pairs that differ in image, query or label.
fn distinct_pairs(versions: &[Calibration]) -> usize {
    let pairs = versions.iter().flat_map(|made| &made.labeled);
    let distinct: HashSet<_> = pairs
        .map(|pair| {
            (
                pair.image,
                &pair.path,
                &pair.query,
                pair.query_image,
                pair.matches,
            )
        })
        .collect();
    distinct.len()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file::FILE_NAME;
    use super::*;
    use eidetic_confidence::calibration::{CalibrationOrigin, LabelSource, ScoredPair};
    use eidetic_domain::ImageId;

    fn read(folder: &Path) -> Result<CalibrationHistory, LibraryError> {
        Ok(CalibrationHistory::find(folder)?.unwrap_or_default())
    }

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
        let mut history = read(folder.path()).unwrap();
        assert!(matches!(
            history.undo(QueryKind::Text, 0),
            Err(LibraryError::NothingToUndo)
        ));
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        history.add(made(2, None, QueryKind::Image), CalibrationEventKind::Calibrated);
        history.add(made(3, Some(1), QueryKind::Text), CalibrationEventKind::Refitted);
        history.write(folder.path()).unwrap();
        let mut history = read(folder.path()).unwrap();
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
    fn repeated_pairs_are_stored_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = CalibrationHistory::default();
        let size = |history: &CalibrationHistory| {
            history.write(folder.path()).unwrap();
            std::fs::metadata(folder.path().join(FILE_NAME)).unwrap().len()
        };
        let again = |version: u32| {
            let mut again = made(1, None, QueryKind::Text);
            again.origin.version = version;
            again
        };
        history.add(again(1), CalibrationEventKind::Calibrated);
        let once = size(&history);
        let pairs = |folder: &Path| {
            let text = std::fs::read_to_string(folder.join(FILE_NAME)).unwrap();
            text.matches("\"query\":\"a thing\"").count()
        };
        assert_eq!(pairs(folder.path()), 20);
        for version in 2..=16 {
            history.add(again(version), CalibrationEventKind::Calibrated);
        }
        assert!(size(&history) < once * 16);
        assert_eq!(pairs(folder.path()), 20);
        let read = read(folder.path()).unwrap();
        assert_eq!(read.versions.len(), 16);
        assert!(read.versions.iter().all(|made| made.labeled.len() == 20));
    }

    #[test]
    fn oldest_versions_leave_when_pairs_exceed_limit() {
        let mut history = CalibrationHistory::default();
        for version in 1..=8 {
            let replaces = (version > 1).then(|| version - 1);
            let mut made = made(version, replaces, QueryKind::Text);
            let pair = made.labeled[0].clone();
            made.labeled = (0..10_000)
                .map(|number| ScoredPair {
                    query: format!("{version} {number}"),
                    ..pair.clone()
                })
                .collect();
            history.add(made, CalibrationEventKind::Calibrated);
        }
        let kept: Vec<u32> = history.versions.iter().map(|made| made.origin.version).collect();
        assert_eq!(kept, [4, 5, 6, 7, 8]);
        history.undo(QueryKind::Text, 0).unwrap();
        assert_eq!(history.current.text, Some(7));
    }

    #[test]
    fn unknown_formats_and_damage_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let error = |content: &str| {
            std::fs::write(&path, content).unwrap();
            read(folder.path()).unwrap_err().to_string()
        };
        assert!(error(r#"{"format":3,"more":[]}"#).contains("format version 3"));
        for content in ["", "{", "[]", r#"{"format":1}"#, "\u{0}\u{0}"] {
            let error = error(content);
            assert!(
                error.contains("calibration.json is damaged") && error.contains("--repair"),
                "{error}"
            );
        }
        let mut history = CalibrationHistory::default();
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        history.write(folder.path()).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        assert!(error(&good.replace("\"text\":1", "\"text\":7")).contains("checksum"));
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert!(read(folder.path()).is_err());
        std::fs::write(&path, &good).unwrap();
        // A process that was killed while writing leaves a temporary file, and the file as it was.
        std::fs::write(folder.path().join("calibration.json.new"), "{\"format\":").unwrap();
        let read = read(folder.path()).unwrap();
        // Equal but for the last bit: the parser is not more exact.
        let pairs = history.versions[0].labeled.iter().zip(&read.versions[0].labeled);
        for (written, read) in pairs {
            assert_eq!((written.image, written.matches), (read.image, read.matches));
            assert!((written.score - read.score).abs() < 1e-12);
        }
        assert_eq!((read.current, read.next), (history.current, history.next));
    }
}
