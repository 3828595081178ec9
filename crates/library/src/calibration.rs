//! Calibration of a space's scores from labeled pairs and feedback.

mod file;
mod lost;
mod scoring;
mod store;

use std::time::{SystemTime, UNIX_EPOCH};

use eidetic_confidence::calibration::{
    Calibration, CalibrationOrigin, Clamped, LabelSource, Platt, Refit, RefitBounds, ScoredFeedback,
    UnchangedReason,
};
use eidetic_confidence::{Calibrator, QueryKind};

pub(crate) use lost::{accept_loss, fault};
pub use scoring::{FailedImage, ScoredPairs};
pub use store::{CalibrationEvent, CalibrationEventKind, CalibrationHistory, CurrentVersions};

use crate::operations::Operation;
use crate::{LibraryError, Space};

/// Weight of a prior that was not fitted to labels, in pairs.
const SHIPPED_WEIGHT: f64 = 100.0;
/// Largest weight of a prior, in pairs, so that feedback can still move one from many labels.
const MAX_WEIGHT: f64 = 400.0;

/// Whether a calibration is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationMode {
    /// It is stored and becomes the current one.
    Store,
    /// It is computed only.
    DryRun,
}

/// The result of a re-fit to feedback.
#[derive(Debug, Clone, PartialEq)]
pub enum RefitOutcome {
    /// Nothing changed, for this reason.
    Unchanged(UnchangedReason),
    /// A new version is the current one.
    Stored {
        /// That version.
        calibration: Box<Calibration>,
        /// The score of probability 0.5 before, if the score alone decided it.
        decision_threshold_before: Option<f64>,
        /// Whether bounds limited it.
        clamped: Clamped,
    },
}

impl Space {
    /// Fits a calibration to scored pairs; with [`CalibrationMode::Store`] it decides all confidences of `kind` from now on.
    ///
    /// Errors: pairs that cannot be fitted, calibrations that cannot be read or written; stored ones are not lost then.
    pub fn calibrate(
        &self,
        kind: QueryKind,
        pairs: &ScoredPairs,
        mode: CalibrationMode,
    ) -> Result<Calibration, LibraryError> {
        if mode == CalibrationMode::Store {
            self.require_writable()?;
        }
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        let origin = self.origin(&history, kind, LabelSource::Labels);
        let made = Calibration::fit(origin, pairs.labeled.clone(), pairs.all_confidences().as_deref())?;
        if mode == CalibrationMode::Store {
            history.add(made.clone(), CalibrationEventKind::Calibrated);
            self.replace_history(&history)?;
        }
        Ok(made)
    }

    /// Moves the calibration of `kind` towards feedback on hits, within bounds: by at most 5 % of the model's range of
    /// scores and a factor of 1.5 in slope at once, by three times as much in all since the last calibration from labels.
    ///
    /// `answers` are all stored ones, not only the new ones: they are weighted against the last calibration from labels,
    /// so that none counts twice.
    pub fn refit(&self, kind: QueryKind, answers: &ScoredPairs) -> Result<RefitOutcome, LibraryError> {
        self.require_writable()?;
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        let moved = match self.moved(&history, kind, answers)? {
            Ok(moved) => moved,
            Err(reason) => return Ok(RefitOutcome::Unchanged(reason)),
        };
        let origin = CalibrationOrigin {
            anchor: Some(moved.anchor),
            ..self.origin(&history, kind, LabelSource::Feedback)
        };
        let before = answers.all_confidences();
        let decision_threshold_before = self
            .current(&history, kind)
            .and_then(Calibration::decision_threshold);
        let labeled = answers.labeled.clone();
        let calibration =
            Calibration::from_fit(origin, Calibrator::Platt(moved.to), labeled, before.as_deref())?;
        history.add(calibration.clone(), CalibrationEventKind::Refitted);
        self.replace_history(&history)?;
        Ok(RefitOutcome::Stored {
            calibration: Box::new(calibration),
            decision_threshold_before,
            clamped: moved.clamped,
        })
    }

    /// Undoes the latest calibration of `kind`: the one before it becomes current again, or the model's own.
    pub fn undo_calibration(&self, kind: QueryKind) -> Result<CalibrationHistory, LibraryError> {
        self.require_writable()?;
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        history.undo(kind, now())?;
        self.replace_history(&history)?;
        Ok(history)
    }

    /// All stored calibrations, and the events that led to them.
    pub fn calibration_history(&self) -> Result<CalibrationHistory, LibraryError> {
        if let Some(history) = CalibrationHistory::find(&self.directory)? {
            return Ok(history);
        }
        let last = self.catalog.last_calibration()?.unwrap_or(0);
        Ok(CalibrationHistory::after(last))
    }

    /// The current calibration of `kind`; `None`: the model's own, also where the calibrations are damaged, of which
    /// [`calibration_fault`](Self::calibration_fault) tells.
    pub fn calibration(&self, kind: QueryKind) -> Result<Option<Calibration>, LibraryError> {
        match self.calibration_history() {
            Ok(history) => Ok(self.current(&history, kind).cloned()),
            Err(error @ LibraryError::DamagedCalibration { .. }) => {
                tracing::info!("{error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it has a calibration of its own, of any kind.
    pub(crate) fn has_calibrations(&self) -> bool {
        let has = |kind| self.calibration(kind).is_ok_and(|made| made.is_some());
        has(QueryKind::Text) || has(QueryKind::Image)
    }

    /// The current mapping of scores of `kind` to probabilities.
    pub fn calibrator(&self, kind: QueryKind) -> Result<Calibrator, LibraryError> {
        match self.calibration(kind)? {
            Some(calibration) => Ok(calibration.calibrator),
            None => self.shipped_calibrator(kind),
        }
    }

    fn shipped_calibrator(&self, kind: QueryKind) -> Result<Calibrator, LibraryError> {
        Ok(Calibrator::shipped(&self.encoder()?.score_calibration(), kind))
    }

    /// Calibrations of another space do not apply.
    fn current<'a>(&self, history: &'a CalibrationHistory, kind: QueryKind) -> Option<&'a Calibration> {
        let space = self.id().to_string();
        history.current(kind).filter(|made| made.origin.space == space)
    }

    fn origin(
        &self,
        history: &CalibrationHistory,
        kind: QueryKind,
        source: LabelSource,
    ) -> CalibrationOrigin {
        CalibrationOrigin {
            version: history.next_version(),
            replaces: history.current.of(kind),
            kind,
            space: self.id().to_string(),
            made_at: now(),
            source,
            anchor: None,
        }
    }

    /// Fits the answers: weighted against the anchor and clamped around it, then clamped around the current curve.
    fn moved(
        &self,
        history: &CalibrationHistory,
        kind: QueryKind,
        answers: &ScoredPairs,
    ) -> Result<Result<Moved, UnchangedReason>, LibraryError> {
        let current = self.current(history, kind);
        let prior = match current {
            None => self.shipped_calibrator(kind)?,
            Some(made) => made
                .origin
                .anchor
                .map_or_else(|| made.calibrator.clone(), Calibrator::Platt),
        };
        let span = self.encoder()?.score_calibration().range;
        let bounds = RefitBounds::from_range(f64::from(span.high - span.low));
        let weight = prior_weight(history, current);
        let refit = prior.refit(weight, &answers.feedback(), &bounds.total());
        let (anchor, wanted, clamped) = match refit {
            Refit::Unchanged(reason) => return Ok(Err(reason)),
            Refit::Moved { from, to, clamped } => (from, to, clamped),
        };
        let now = match current.map(|made| &made.calibrator) {
            Some(Calibrator::Platt(platt)) => *platt,
            _ => anchor,
        };
        let to = bounds.clamp(now, wanted);
        let clamped = if same_curve(to, wanted) {
            clamped
        } else {
            Clamped::Yes
        };
        Ok(Ok(Moved { anchor, to, clamped }))
    }

    /// Writes the file first: a confidence model that is made in between is dropped.
    fn replace_history(&self, history: &CalibrationHistory) -> Result<(), LibraryError> {
        history.write(&self.directory)?;
        self.note_last(history)?;
        self.clear_confidence_model();
        Ok(())
    }
}

/// The curve of a re-fit.
struct Moved {
    anchor: Platt,
    to: Platt,
    clamped: Clamped,
}

fn same_curve(a: Platt, b: Platt) -> bool {
    (a.center() - b.center()).abs() <= 1e-9 && (a.slope / b.slope - 1.0).abs() <= 1e-9
}

/// Weight of the prior in pairs: the number of labels that it was fitted to, within limits.
fn prior_weight(history: &CalibrationHistory, current: Option<&Calibration>) -> f64 {
    let replaced = |made: &Calibration| history.version(made.origin.replaces?);
    // Versions decrease along the chain; a file with other numbers must not make this loop forever.
    let older = |made: &&Calibration| {
        let version = made.origin.version;
        replaced(made).filter(|before| before.origin.version < version)
    };
    let labels = std::iter::successors(current, |made| older(made))
        .find(|made| made.origin.source == LabelSource::Labels)
        .map_or(0.0, |made| made.labeled.len() as f64);
    labels.clamp(SHIPPED_WEIGHT, MAX_WEIGHT)
}

impl ScoredPairs {
    fn feedback(&self) -> Vec<ScoredFeedback> {
        let pairs = self.labeled.iter().zip(&self.confidences);
        pairs
            .map(|(pair, confidence)| ScoredFeedback {
                labeled: pair.labeled_score(),
                confidence: *confidence,
            })
            .collect()
    }

    /// `None` if any is unknown.
    fn all_confidences(&self) -> Option<Vec<f64>> {
        self.confidences.iter().copied().collect()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
