//! Calibration of a space's scores from labeled pairs and feedback.

mod file;
mod lost;
mod scoring;
mod store;

use std::time::{SystemTime, UNIX_EPOCH};

use eidetic_confidence::calibration::{
    Calibration, CalibrationOrigin, CalibrationScope, Clamped, LabelSource, Platt, Refit, RefitBounds,
    ScoredFeedback, UnchangedReason,
};
use eidetic_confidence::{Calibrator, QueryKind};

pub(crate) use lost::{accept_loss, fault};
pub(crate) use scoring::read_image;
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
    /// Fits a calibration to scored pairs; with [`CalibrationMode::Store`] it decides all confidences of `scope` from now
    /// on.
    ///
    /// Errors: pairs that cannot be fitted, calibrations that cannot be read or written; stored ones are not lost then.
    pub fn calibrate(
        &self,
        scope: impl Into<CalibrationScope>,
        pairs: &ScoredPairs,
        mode: CalibrationMode,
    ) -> Result<Calibration, LibraryError> {
        if mode == CalibrationMode::Store {
            self.require_writable()?;
        }
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        let origin = self.origin(&history, scope.into(), LabelSource::Labels);
        let made = Calibration::fit(origin, pairs.labeled.clone(), pairs.all_confidences().as_deref())?;
        if mode == CalibrationMode::Store {
            history.add(made.clone(), CalibrationEventKind::Calibrated);
            self.replace_history(&history)?;
        }
        Ok(made)
    }

    /// Moves the calibration of `scope` towards feedback on hits, within bounds: by at most 5 % of the model's range of
    /// scores and a factor of 1.5 in slope at once, by three times as much in all since the last calibration from labels.
    ///
    /// `answers` are all stored ones, not only the new ones: they are weighted against the last calibration from labels,
    /// so that none counts twice. The labels stay beside the answers, so that thresholds of profiles keep both.
    pub fn refit(
        &self,
        scope: impl Into<CalibrationScope>,
        answers: &ScoredPairs,
    ) -> Result<RefitOutcome, LibraryError> {
        let scope = scope.into();
        self.require_writable()?;
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        let moved = match self.moved(&history, &scope, answers)? {
            Ok(moved) => moved,
            Err(reason) => return Ok(RefitOutcome::Unchanged(reason)),
        };
        let origin = CalibrationOrigin {
            anchor: Some(moved.anchor),
            most_shift: Some(moved.most_shift),
            ..self.origin(&history, scope.clone(), LabelSource::Feedback)
        };
        let before = answers.all_confidences();
        let current = self.current(&history, &scope);
        let decision_threshold_before = current.and_then(Calibration::decision_threshold);
        let labels = current.and_then(|made| history.labels_of(made));
        let labels = labels.map_or_else(Vec::new, |made| {
            made.labeled.iter().filter(|pair| !pair.answer).cloned().collect()
        });
        let calibration = Calibration::from_fit(
            origin,
            Calibrator::Platt(moved.to),
            labels,
            &answers.labeled,
            before.as_deref(),
        )?;
        history.add(calibration.clone(), CalibrationEventKind::Refitted);
        self.replace_history(&history)?;
        Ok(RefitOutcome::Stored {
            calibration: Box::new(calibration),
            decision_threshold_before,
            clamped: moved.clamped,
        })
    }

    /// Undoes the latest calibration of `scope`: the one before it becomes current again, or the model's own.
    pub fn undo_calibration(
        &self,
        scope: impl Into<CalibrationScope>,
    ) -> Result<CalibrationHistory, LibraryError> {
        self.require_writable()?;
        let _calibrate = self.operations.lock(Operation::Calibrate);
        let mut history = self.calibration_history()?;
        history.undo(scope.into(), now())?;
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

    /// The current calibration of `scope`; `None`: the model's own, also where the calibrations are damaged, of which
    /// [`calibration_fault`](Self::calibration_fault) tells.
    pub fn calibration(
        &self,
        scope: impl Into<CalibrationScope>,
    ) -> Result<Option<Calibration>, LibraryError> {
        match self.calibration_history() {
            Ok(history) => Ok(self.current(&history, scope).cloned()),
            Err(error @ LibraryError::DamagedCalibration { .. }) => {
                tracing::info!("{error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The calibration that decides under a profile: its own, else that of all texts.
    pub fn calibration_under(&self, profile: &str) -> Result<Option<Calibration>, LibraryError> {
        match self.calibration(CalibrationScope::profile(profile))? {
            Some(own) => Ok(Some(own)),
            None => self.calibration(QueryKind::Text),
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
    fn current<'a>(
        &self,
        history: &'a CalibrationHistory,
        scope: impl Into<CalibrationScope>,
    ) -> Option<&'a Calibration> {
        let space = self.id().to_string();
        history.current(scope).filter(|made| made.origin.space == space)
    }

    fn origin(
        &self,
        history: &CalibrationHistory,
        scope: CalibrationScope,
        source: LabelSource,
    ) -> CalibrationOrigin {
        CalibrationOrigin {
            version: history.next_version(),
            replaces: history.current.of(&scope),
            kind: scope.kind,
            space: self.id().to_string(),
            made_at: now(),
            source,
            anchor: None,
            most_shift: None,
            wordings: self.text_cache.variants().map(|variants| (*variants).clone()),
            profile: scope.profile,
        }
    }

    /// Fits the answers: weighted against the anchor and clamped around it, then clamped around the current curve.
    fn moved(
        &self,
        history: &CalibrationHistory,
        scope: &CalibrationScope,
        answers: &ScoredPairs,
    ) -> Result<Result<Moved, UnchangedReason>, LibraryError> {
        let current = self.current(history, scope);
        let prior = match current {
            // A profile without a calibration has used that of its kind.
            None if scope.profile.is_some() => self.calibrator(scope.kind)?,
            None => self.shipped_calibrator(scope.kind)?,
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
        let most_shift = bounds.total().center;
        Ok(Ok(Moved {
            anchor,
            to,
            clamped,
            most_shift,
        }))
    }

    /// Embeds texts from now on as the current calibration of texts was fitted.
    pub(crate) fn use_wordings(&self, history: &CalibrationHistory) {
        let current = self.current(history, QueryKind::Text);
        let wordings = current.and_then(|made| made.origin.wordings.clone());
        if wordings.as_ref() != self.text_cache.variants().as_deref() {
            self.text_cache.set_variants(wordings);
        }
    }

    /// Writes the file first: a confidence model that is made in between is dropped.
    fn replace_history(&self, history: &CalibrationHistory) -> Result<(), LibraryError> {
        history.write(&self.directory)?;
        self.note_last(history)?;
        self.use_wordings(history);
        self.clear_confidence_model();
        Ok(())
    }
}

/// The curve of a re-fit.
struct Moved {
    anchor: Platt,
    to: Platt,
    clamped: Clamped,
    /// How far a threshold may move, in all.
    most_shift: f64,
}

fn same_curve(a: Platt, b: Platt) -> bool {
    (a.center() - b.center()).abs() <= 1e-9 && (a.slope / b.slope - 1.0).abs() <= 1e-9
}

/// Weight of the prior in pairs: the number of labels that it was fitted to, within limits.
fn prior_weight(history: &CalibrationHistory, current: Option<&Calibration>) -> f64 {
    let labels = current.and_then(|made| history.labels_of(made));
    let labels = labels.map_or(0.0, |made| made.labeled.len() as f64);
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
