//! What labelled pairs teach a library about its scores.

mod scoring;
mod store;

use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use eidetic_confidence::calibration::{
    Answered, Bounds, Calibrated, Origin, Platt, Reach, Refit, Source, Unchanged,
};
use eidetic_confidence::{Fit, QueryKind};

pub use scoring::{FailedPicture, ScoredPairs};
pub use store::{CalibrationEvent, CalibrationHistory, Current, Happened};

use crate::{LibraryError, Space};

/// What a belief is worth in pairs, where it was not made from labels.
const SHIPPED_WORTH: f64 = 100.0;
/// A belief from very many labels is worth no more than this, or answers would never move it.
const MOST_WORTH: f64 = 400.0;

/// Whether a calibration is to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is stored, and counts from now on.
    Stored,
    /// It is only shown.
    OnlyShown,
}

/// What answers to hits came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Refitted {
    /// Nothing changed, for this reason.
    Unchanged(Unchanged),
    /// A new version counts.
    Stored {
        /// That version.
        calibrated: Box<Calibrated>,
        /// The score that was even before, where a score alone said it.
        even_score_before: Option<f64>,
        /// Whether bounds held it back.
        reach: Reach,
    },
}

impl Space {
    /// Learns from scored pairs; with [`Keep::Stored`] every confidence of `kind` follows it from now on.
    ///
    /// Errors: pairs that give no calibration, a file of calibrations that cannot be read or written; nothing stored is
    /// lost then.
    pub fn calibrate(
        &self,
        kind: QueryKind,
        pairs: &ScoredPairs,
        keep: Keep,
    ) -> Result<Calibrated, LibraryError> {
        let _one_at_a_time = self.claim_calibrations();
        let mut history = self.calibration_history()?;
        let origin = self.origin(&history, kind, Source::Labels);
        let made = Calibrated::learn(origin, pairs.labelled.clone(), pairs.confidences().as_deref())?;
        if keep == Keep::Stored {
            history.add(made.clone(), Happened::Calibrated);
            self.replace_history(&history)?;
        }
        Ok(made)
    }

    /// Moves what is believed of `kind` towards answers to hits, within bounds: at once by at most 5 % of the model's span
    /// of scores and a factor of 1.5 in slope, in all by three times as much from the last calibration by labels.
    ///
    /// `answers` are all that are remembered, not only the new ones: they are weighed against the last calibration by
    /// labels, so that none counts twice.
    pub fn refit(&self, kind: QueryKind, answers: &ScoredPairs) -> Result<Refitted, LibraryError> {
        let _one_at_a_time = self.claim_calibrations();
        let mut history = self.calibration_history()?;
        let moved = match self.moved(&history, kind, answers)? {
            Ok(moved) => moved,
            Err(why) => return Ok(Refitted::Unchanged(why)),
        };
        let origin = Origin {
            anchor: Some(moved.anchor),
            ..self.origin(&history, kind, Source::Feedback)
        };
        let before = answers.confidences();
        let even_score_before = self.current(&history, kind).and_then(Calibrated::even_score);
        let labelled = answers.labelled.clone();
        let calibrated = Calibrated::of_fit(origin, Fit::Platt(moved.to), labelled, before.as_deref())?;
        history.add(calibrated.clone(), Happened::Refitted);
        self.replace_history(&history)?;
        Ok(Refitted::Stored {
            calibrated: Box::new(calibrated),
            even_score_before,
            reach: moved.reach,
        })
    }

    /// Takes the latest calibration of `kind` back: the one before it counts again, or what came with the model.
    pub fn undo_calibration(&self, kind: QueryKind) -> Result<CalibrationHistory, LibraryError> {
        let _one_at_a_time = self.claim_calibrations();
        let mut history = self.calibration_history()?;
        history.undo(kind, now())?;
        self.replace_history(&history)?;
        Ok(history)
    }

    /// Every calibration that is kept, and what happened when.
    pub fn calibration_history(&self) -> Result<CalibrationHistory, LibraryError> {
        CalibrationHistory::read(&self.directory)
    }

    /// The calibration that counts for `kind`; `None`: what came with the model.
    pub fn calibration(&self, kind: QueryKind) -> Result<Option<Calibrated>, LibraryError> {
        let history = self.calibration_history()?;
        Ok(self.current(&history, kind).cloned())
    }

    /// How scores of `kind` become probabilities now.
    pub fn fit(&self, kind: QueryKind) -> Result<Fit, LibraryError> {
        match self.calibration(kind)? {
            Some(calibrated) => Ok(calibrated.fit),
            None => self.shipped_fit(kind),
        }
    }

    fn shipped_fit(&self, kind: QueryKind) -> Result<Fit, LibraryError> {
        Ok(Fit::shipped(&self.encoder()?.score_calibration(), kind))
    }

    /// Scores of another space say nothing of this one's.
    fn current<'a>(&self, history: &'a CalibrationHistory, kind: QueryKind) -> Option<&'a Calibrated> {
        let space = self.space().to_string();
        history.current(kind).filter(|made| made.origin.space == space)
    }

    fn origin(&self, history: &CalibrationHistory, kind: QueryKind, source: Source) -> Origin {
        Origin {
            version: history.next_version(),
            replaces: history.current.of(kind),
            kind,
            space: self.space().to_string(),
            made_at: now(),
            source,
            anchor: None,
        }
    }

    /// Where the answers lead: weighed against the anchor and held within reach of it, then held near what counts now.
    fn moved(
        &self,
        history: &CalibrationHistory,
        kind: QueryKind,
        answers: &ScoredPairs,
    ) -> Result<Result<Moved, Unchanged>, LibraryError> {
        let current = self.current(history, kind);
        let prior = match current {
            None => self.shipped_fit(kind)?,
            Some(made) => made.origin.anchor.map_or_else(|| made.fit.clone(), Fit::Platt),
        };
        let span = self.encoder()?.score_calibration().range;
        let bounds = Bounds::of_span(f64::from(span.high - span.low));
        let worth = worth(history, current);
        let refit = Calibrated::refit(&prior, worth, &answers.answered(), &bounds.in_all());
        let (anchor, wanted, reach) = match refit {
            Refit::Unchanged(why) => return Ok(Err(why)),
            Refit::Moved { from, to, reach } => (from, to, reach),
        };
        let now = match current.map(|made| &made.fit) {
            Some(Fit::Platt(platt)) => *platt,
            _ => anchor,
        };
        let to = bounds.hold(now, wanted);
        let reach = if same_curve(to, wanted) {
            reach
        } else {
            Reach::Bounded
        };
        Ok(Ok(Moved { anchor, to, reach }))
    }

    fn claim_calibrations(&self) -> std::sync::MutexGuard<'_, ()> {
        self.calibrating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file first: a judge made in between is dropped again.
    fn replace_history(&self, history: &CalibrationHistory) -> Result<(), LibraryError> {
        history.write(&self.directory)?;
        *self.judge.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

/// What a re-fit comes to.
struct Moved {
    anchor: Platt,
    to: Platt,
    reach: Reach,
}

fn same_curve(a: Platt, b: Platt) -> bool {
    (a.centre() - b.centre()).abs() <= 1e-9 && (a.slope / b.slope - 1.0).abs() <= 1e-9
}

/// What the belief that answers are weighed against is worth in pairs: as many as it was made from, within reason.
fn worth(history: &CalibrationHistory, current: Option<&Calibrated>) -> f64 {
    let replaced = |made: &Calibrated| history.version(made.origin.replaces?);
    // Numbers fall along the chain; a file that says otherwise must not make this run in circles.
    let older = |made: &&Calibrated| {
        let version = made.origin.version;
        replaced(made).filter(|before| before.origin.version < version)
    };
    let labelled = std::iter::successors(current, |made| older(made))
        .find(|made| made.origin.source == Source::Labels)
        .map_or(0.0, |made| made.labelled.len() as f64);
    labelled.clamp(SHIPPED_WORTH, MOST_WORTH)
}

impl ScoredPairs {
    fn answered(&self) -> Vec<Answered> {
        let pairs = self.labelled.iter().zip(&self.believed);
        pairs
            .map(|(pair, confidence)| Answered {
                labelled: pair.labelled(),
                confidence: *confidence,
            })
            .collect()
    }

    /// `None` where any is unknown.
    fn confidences(&self) -> Option<Vec<f64>> {
        self.believed.iter().copied().collect()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
