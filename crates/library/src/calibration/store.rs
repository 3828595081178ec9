//! The calibrations on disk. They are primary data: labels cannot be recomputed.

use std::collections::{BTreeMap, HashSet};

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{Calibration, CalibrationScope, LabelSource, ScoredPair, with_answers};
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

/// The current version of each scope; `None`: the model's own calibration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentVersions {
    /// Of text queries.
    pub text: Option<u32>,
    /// Of image queries.
    #[serde(rename = "picture")]
    pub image: Option<u32>,
    /// Of texts under each profile that has one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, u32>,
}

/// A change of the current calibration of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationEvent {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The kind of queries.
    pub kind: QueryKind,
    /// The profile, if it was one's own calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
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
    /// The version of a scope.
    pub fn of(&self, scope: impl Into<CalibrationScope>) -> Option<u32> {
        match scope.into() {
            CalibrationScope {
                profile: Some(name), ..
            } => self.profiles.get(&name).copied(),
            CalibrationScope {
                kind: QueryKind::Text,
                ..
            } => self.text,
            CalibrationScope {
                kind: QueryKind::Image,
                ..
            } => self.image,
        }
    }

    fn set(&mut self, scope: CalibrationScope, version: Option<u32>) {
        match (scope.profile, scope.kind) {
            (Some(name), _) => {
                self.profiles.remove(&name);
                self.profiles.extend(version.map(|version| (name, version)));
            }
            (None, QueryKind::Text) => self.text = version,
            (None, QueryKind::Image) => self.image = version,
        }
    }

    /// Every scope, those of kinds first.
    fn scopes(&self) -> impl Iterator<Item = CalibrationScope> {
        let kinds = [QueryKind::Text, QueryKind::Image].map(CalibrationScope::from);
        let profiles = self.profiles.keys().map(CalibrationScope::profile);
        kinds.into_iter().chain(profiles)
    }
}

impl CalibrationHistory {
    /// The current calibration of a scope; `None`: the model's own.
    pub fn current(&self, scope: impl Into<CalibrationScope>) -> Option<&Calibration> {
        self.version(self.current.of(scope)?)
    }

    /// All current calibrations, those of kinds first, then those of profiles by name.
    pub fn all_current(&self) -> Vec<&Calibration> {
        let scopes = self.current.scopes();
        scopes.filter_map(|scope| self.current(scope)).collect()
    }

    /// The last calibration from labels that led to `made`, which is perhaps `made` itself.
    pub(super) fn labels_of<'a>(&'a self, made: &'a Calibration) -> Option<&'a Calibration> {
        let replaced = |made: &&'a Calibration| self.version(made.origin.replaces?);
        // Versions decrease along the chain; a file with other numbers must not make this loop forever.
        let older = |made: &&'a Calibration| {
            let version = made.origin.version;
            replaced(made).filter(|before| before.origin.version < version)
        };
        std::iter::successors(Some(made), older).find(|made| made.origin.source == LabelSource::Labels)
    }

    /// The calibration with this version number, if it is stored.
    pub fn version(&self, number: u32) -> Option<&Calibration> {
        self.versions.iter().find(|made| made.origin.version == number)
    }

    /// The number of the next calibration.
    pub(super) const fn next_version(&self) -> u32 {
        self.next
    }

    /// Makes `made` the current calibration of its scope.
    pub(super) fn add(&mut self, made: Calibration, what: CalibrationEventKind) {
        let (version, scope, at) = (made.origin.version, made.origin.scope(), made.origin.made_at);
        self.next = self.next.max(version) + 1;
        self.current.set(scope.clone(), Some(version));
        self.versions.push(made);
        self.push_event(at, scope.clone(), what);
        self.remove_old_versions(&scope);
        self.remove_surplus_pairs();
    }

    /// Undoes the latest calibration of a scope. Errors: there is none.
    pub(super) fn undo(&mut self, scope: CalibrationScope, at: u64) -> Result<(), LibraryError> {
        let current = self.current(&scope).ok_or(LibraryError::NothingToUndo)?;
        // A version that was removed cannot become current again; the model's own is current then.
        let before = current
            .origin
            .replaces
            .filter(|number| self.version(*number).is_some());
        self.current.set(scope.clone(), before);
        self.push_event(at, scope, CalibrationEventKind::Undone);
        Ok(())
    }

    fn push_event(&mut self, at: u64, scope: CalibrationScope, what: CalibrationEventKind) {
        let current = self.current(&scope);
        let event = CalibrationEvent {
            at,
            kind: scope.kind,
            profile: scope.profile,
            what,
            version: current.map(|made| made.origin.version),
            decision_threshold: current.and_then(Calibration::decision_threshold),
        };
        self.events.push(event);
        let surplus = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..surplus);
    }

    /// The version whose labels the current one began from is kept too.
    fn remove_old_versions(&mut self, scope: &CalibrationScope) {
        let is_of_scope = |made: &Calibration| made.origin.scope() == *scope;
        let count = self.versions.iter().filter(|made| is_of_scope(made)).count();
        let mut surplus = count.saturating_sub(VERSIONS);
        let current = self.current.of(scope);
        self.versions.retain(|made| {
            let goes = surplus > 0 && is_of_scope(made) && Some(made.origin.version) != current;
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
        let mut history = Self {
            current,
            next,
            events,
            versions,
        };
        history.join_labels();
        history
    }

    /// Earlier versions stored a re-fit with its answers only: adds the labels that it began from.
    fn join_labels(&mut self) {
        let needs_labels = |made: &Calibration| {
            made.origin.source == LabelSource::Feedback && !made.labeled.iter().any(|pair| pair.answer)
        };
        let joined: Vec<(usize, Vec<ScoredPair>)> = (0..self.versions.len())
            .filter(|at| needs_labels(&self.versions[*at]))
            .map(|at| {
                let made = &self.versions[at];
                let labels = self
                    .labels_of(made)
                    .map_or_else(Vec::new, |labels| labels.labeled.clone());
                (at, with_answers(labels, &made.labeled))
            })
            .collect();
        for (at, labeled) in joined {
            self.versions[at].labeled = labeled;
        }
    }

    /// Removes the oldest versions while there are more than [`MOST_PAIRS`] pairs in all: not the current ones, nor those
    /// before them, to which an undo leads.
    fn remove_surplus_pairs(&mut self) {
        let current = self.all_current();
        let before = current.iter().filter_map(|made| made.origin.replaces);
        let kept: Vec<u32> = current
            .iter()
            .map(|made| made.origin.version)
            .chain(before)
            .collect();
        while distinct_pairs(&self.versions) > MOST_PAIRS {
            let oldest = self
                .versions
                .iter()
                .position(|made| !kept.contains(&made.origin.version));
            match oldest {
                Some(oldest) => drop(self.versions.remove(oldest)),
                None => return,
            }
        }
    }

    /// Why the history is not valid, if it is not.
    pub(super) fn fault(&self) -> Option<String> {
        for scope in self.current.scopes() {
            let named = self.current.of(&scope);
            if named.is_some()
                && self
                    .current(&scope)
                    .is_none_or(|made| made.origin.scope() != scope)
            {
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
    use eidetic_confidence::calibration::{CalibrationOrigin, ScoredPair};
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
            answer: false,
        };
        let origin = CalibrationOrigin {
            version,
            replaces,
            kind,
            space: "s".to_owned(),
            made_at: u64::from(version),
            source: LabelSource::Labels,
            anchor: None,
            most_shift: None,
            profile: None,
            wordings: None,
        };
        Calibration::fit(origin, (0..20).map(pair).collect(), None).unwrap()
    }

    #[test]
    fn written_history_reads_back_and_undoes_stepwise() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = read(folder.path()).unwrap();
        assert!(matches!(
            history.undo(QueryKind::Text.into(), 0),
            Err(LibraryError::NothingToUndo)
        ));
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        history.add(made(2, None, QueryKind::Image), CalibrationEventKind::Calibrated);
        history.add(made(3, Some(1), QueryKind::Text), CalibrationEventKind::Refitted);
        history.write(folder.path()).unwrap();
        let mut history = read(folder.path()).unwrap();
        let number = |h: &CalibrationHistory| h.current(QueryKind::Text).map(|made| made.origin.version);
        assert_eq!((number(&history), history.next_version()), (Some(3), 4));
        history.undo(QueryKind::Text.into(), 9).unwrap();
        assert_eq!(number(&history), Some(1));
        history.undo(QueryKind::Text.into(), 10).unwrap();
        assert_eq!((number(&history), history.current.image), (None, Some(2)));
        assert!(history.undo(QueryKind::Text.into(), 11).is_err());
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
    fn older_refit_gets_labels_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = CalibrationHistory::default();
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        let mut refit = made(2, Some(1), QueryKind::Text);
        refit.origin.source = LabelSource::Feedback;
        for pair in &mut refit.labeled[..15] {
            pair.query = "another thing".to_owned();
        }
        history.add(refit, CalibrationEventKind::Refitted);
        history.write(folder.path()).unwrap();
        let read = read(folder.path()).unwrap();
        let joined = &read.current(QueryKind::Text).unwrap().labeled;
        let answers = joined.iter().filter(|pair| pair.answer).count();
        // Five answers are about labeled pairs.
        assert_eq!((joined.len(), answers), (35, 15));
        assert_eq!(read.fault(), None);
    }

    #[test]
    fn calibration_of_profile_is_current_for_it_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = CalibrationHistory::default();
        history.add(made(1, None, QueryKind::Text), CalibrationEventKind::Calibrated);
        let mut of_shop = made(2, None, QueryKind::Text);
        of_shop.origin.profile = Some("shop".to_owned());
        history.add(of_shop, CalibrationEventKind::Calibrated);
        history.write(folder.path()).unwrap();
        let mut history = read(folder.path()).unwrap();
        let version = |history: &CalibrationHistory, scope: CalibrationScope| history.current.of(scope);
        let shop = CalibrationScope::profile("shop");
        assert_eq!(version(&history, shop.clone()), Some(2));
        assert_eq!(version(&history, QueryKind::Text.into()), Some(1));
        assert_eq!(version(&history, CalibrationScope::profile("moderation")), None);
        assert_eq!(history.all_current().len(), 2);
        history.undo(shop.clone(), 9).unwrap();
        assert_eq!(version(&history, shop), None);
        assert_eq!(version(&history, QueryKind::Text.into()), Some(1));
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
        history.undo(QueryKind::Text.into(), 0).unwrap();
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
