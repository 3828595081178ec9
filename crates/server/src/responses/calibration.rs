//! Calibrations and their history.

use eidetic_confidence::calibration::{
    Calibration, CalibrationMetrics, ClassSummary, ConfusionMatrix, CurveSummary, Histogram, Interval,
    LabelSource, Strategy, ThresholdChoice,
};
use eidetic_confidence::profile::{
    ExpectedRates, LevelRule, LevelThreshold, NamedProfile, ResolvedThreshold, TargetContext, ThresholdBasis,
};
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_library::{CalibrationEvent, CalibrationEventKind, CalibrationHistory, FailedImage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FailedFile;

/// The current calibrations of the active space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationsResponse {
    /// The active space.
    pub space: String,
    /// At most one calibration for each kind and for each profile. A profile without one uses that of texts; a kind
    /// without one uses the confidences of the model itself.
    pub calibrations: Vec<CalibrationSummary>,
    /// All changes, the latest last.
    pub history: Vec<CalibrationHistoryEntry>,
}

/// One calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationSummary {
    /// Its number in the library.
    pub version: u32,
    /// The number of the calibration that it replaced.
    pub replaces: Option<u32>,
    /// `text` or `picture`: what is compared with images.
    #[schema(value_type = String, pattern = "^(text|picture)$")]
    pub kind: QueryKind,
    /// The profile that it decides; null: everything without a calibration of its own.
    #[serde(default)]
    pub profile: Option<String>,
    /// The space of its scores.
    pub space: String,
    /// When it was made.
    #[schema(value_type = String, example = "2026-05-01T12:00:00Z")]
    pub made_at: String,
    /// `labels` or `feedback`.
    #[schema(value_type = String, pattern = "^(labels|feedback)$")]
    pub source: LabelSource,
    /// `{"platt":{"slope":…,"intercept":…}}` or `{"isotonic":{"knots":[[score,probability],…]}}`.
    #[schema(value_type = Object)]
    pub fit: Calibrator,
    /// The score from which a match is more probable than not.
    pub even_score: Option<f64>,
    /// Count, mean and standard deviation of the scores of matching pairs.
    #[schema(value_type = Object)]
    pub matching: ClassSummary,
    /// The same for pairs that do not match.
    #[schema(value_type = Object)]
    pub other: ClassSummary,
    /// Scores of both classes in bins of equal width.
    #[schema(value_type = Object)]
    pub histogram: Histogram,
    /// Points of the ROC and the precision-recall curve, and the areas below them.
    #[schema(value_type = Object)]
    pub curve: CurveSummary,
    /// Thresholds by strategy.
    pub thresholds: Vec<ThresholdSummary>,
    /// Reliability and log loss of the confidences before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<CalibrationMetrics>,
    /// Those of this calibration, on held-out pairs.
    #[schema(value_type = Object)]
    pub after: CalibrationMetrics,
}

/// A threshold that a strategy chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThresholdSummary {
    /// Such as `precision ≥ 0.95`.
    pub name: String,
    /// The strategy for programs, such as `{"precision":0.95}`.
    #[schema(value_type = Object)]
    pub strategy: Strategy,
    /// A pair counts as a match from this score on; `null` where no threshold reaches the goal.
    pub value: Option<f64>,
    /// Its 95 % confidence interval: `{"low":…,"high":…}`.
    #[schema(value_type = Option<Object>)]
    pub interval: Option<Interval>,
    /// On the pairs that it was chosen on, which is optimistic.
    pub seen: Option<ClassificationMetrics>,
    /// On held-out pairs (five-fold cross-validation).
    pub expected: Option<ClassificationMetrics>,
    /// 95 % confidence interval of the precision on other pairs.
    #[schema(value_type = Option<Object>)]
    pub precision_interval: Option<Interval>,
    /// 95 % confidence interval of the recall on other pairs.
    #[schema(value_type = Option<Object>)]
    pub recall_interval: Option<Interval>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// Precision and recall of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassificationMetrics {
    /// Share of true matches among the pairs classified as matches.
    pub precision: f64,
    /// Share of the true matches that are classified as matches.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// The thresholds of a profile's levels by the pairs of a calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileThresholds {
    /// The profile's name.
    pub profile: String,
    /// The share of matches for which precisions hold.
    pub prevalence: Option<f64>,
    /// The levels, the strictest first.
    pub levels: Vec<LevelSummary>,
}

/// The threshold of one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LevelSummary {
    /// The level's name.
    pub name: String,
    /// Its target, such as `precision 0.95`.
    pub target: String,
    /// `{"score": …}` or `{"confidence": …}`; null where no score of the pairs reaches it.
    #[schema(value_type = Option<Object>)]
    pub threshold: Option<LevelThreshold>,
    /// `measured`: the pairs show that it reaches the target, at the lower 95 % bound. `estimated`: they are too few, and a
    /// fitted distribution was extrapolated. `stated`: by the profile. `uncalibrated`: there are too few pairs.
    #[schema(value_type = String, pattern = "^(measured|estimated|stated|uncalibrated)$")]
    pub basis: ThresholdBasis,
    /// `{"precision":…,"precision_low":…,"recall":…,"recall_low":…,"reaching":…}`: of everything that reaches the
    /// threshold, `low` being lower 95 % bounds and `reaching` the share of all pairs that reaches it.
    #[schema(value_type = Option<Object>)]
    pub expected: Option<ExpectedRates>,
    /// How many pairs that do not match would show the precision, where the threshold is estimated.
    pub others_needed: Option<u64>,
    /// Whether the level before begins at the same threshold, so that nothing reaches this one alone.
    pub is_empty: bool,
}

impl ProfileThresholds {
    /// The thresholds of each profile.
    pub fn all(profiles: &[NamedProfile], calibration: &Calibration) -> Vec<Self> {
        profiles
            .iter()
            .map(|profile| Self::new(profile, calibration))
            .collect()
    }

    /// The thresholds of `profile` by the pairs of `calibration`.
    pub fn new(profile: &NamedProfile, calibration: &Calibration) -> Self {
        let context = TargetContext::default();
        let resolved = profile.profile.resolve(&context, Some(calibration), None);
        let mut before = None;
        let level = |(rule, found): (&LevelRule, &ResolvedThreshold)| LevelSummary {
            name: rule.name.clone(),
            target: rule.target.to_string(),
            threshold: Some(found.threshold).filter(|threshold| threshold.value().is_finite()),
            basis: found.basis,
            expected: found.expected,
            others_needed: found.others_needed,
            is_empty: before.replace(found.threshold) == Some(found.threshold),
        };
        Self {
            profile: profile.name.clone(),
            prevalence: resolved.prevalence(),
            levels: resolved.levels().map(level).collect(),
        }
    }
}

/// A change of the calibrations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationHistoryEntry {
    /// When.
    #[schema(value_type = String, example = "2026-05-01T12:00:00Z")]
    pub at: String,
    /// `text` or `picture`.
    #[schema(value_type = String, pattern = "^(text|picture)$")]
    pub kind: QueryKind,
    /// The profile whose calibration changed; null: that of the kind.
    #[serde(default)]
    pub profile: Option<String>,
    /// `calibrated`, `refitted` or `undone`.
    #[schema(value_type = String, pattern = "^(calibrated|refitted|undone)$")]
    pub what: CalibrationEventKind,
    /// The version that is current since; `null`: the confidences of the model itself.
    pub version: Option<u32>,
    /// The score from which a match is more probable than not since.
    pub even_score: Option<f64>,
}

impl CalibrationsResponse {
    /// The current calibrations of `history`, and its events.
    pub fn new(space: String, history: &CalibrationHistory) -> Self {
        let current = history.all_current().into_iter();
        Self {
            space,
            calibrations: current.map(CalibrationSummary::from).collect(),
            history: history.events.iter().map(CalibrationHistoryEntry::from).collect(),
        }
    }
}

impl From<&Calibration> for CalibrationSummary {
    fn from(made: &Calibration) -> Self {
        Self {
            version: made.origin.version,
            replaces: made.origin.replaces,
            kind: made.origin.kind,
            profile: made.origin.profile.clone(),
            space: made.origin.space.clone(),
            made_at: timestamp(made.origin.made_at),
            source: made.origin.source,
            fit: made.calibrator.clone(),
            even_score: made.decision_threshold(),
            matching: made.matching,
            other: made.other,
            histogram: made.histogram.clone(),
            curve: made.curve.clone(),
            thresholds: made.thresholds.iter().map(ThresholdSummary::from).collect(),
            before: made.before.clone(),
            after: made.after.clone(),
        }
    }
}

impl From<&ThresholdChoice> for ThresholdSummary {
    fn from(choice: &ThresholdChoice) -> Self {
        let threshold = choice.threshold.as_ref();
        Self {
            name: choice.strategy.to_string(),
            strategy: choice.strategy,
            value: threshold.map(|t| t.value),
            interval: threshold.map(|t| t.interval),
            seen: threshold.map(|t| ClassificationMetrics::from(&t.outcome)),
            expected: threshold
                .and_then(|t| t.cross_validated.as_ref())
                .map(ClassificationMetrics::from),
            precision_interval: threshold.map(|t| t.precision),
            recall_interval: threshold.map(|t| t.recall),
            reason: choice.reason.clone(),
        }
    }
}

impl From<&ConfusionMatrix> for ClassificationMetrics {
    fn from(matrix: &ConfusionMatrix) -> Self {
        Self {
            precision: matrix.precision(),
            recall: matrix.recall(),
            f1: matrix.f1(),
        }
    }
}

impl From<&CalibrationEvent> for CalibrationHistoryEntry {
    fn from(event: &CalibrationEvent) -> Self {
        Self {
            at: timestamp(event.at),
            kind: event.kind,
            profile: event.profile.clone(),
            what: event.what,
            version: event.version,
            even_score: event.decision_threshold,
        }
    }
}

impl From<&FailedImage> for FailedFile {
    fn from(failed: &FailedImage) -> Self {
        Self {
            path: failed.image.clone(),
            path_bytes: None,
            reason: failed.reason.clone(),
        }
    }
}

/// Milliseconds since 1970 as RFC 3339 in whole seconds.
pub(crate) fn timestamp(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.to_string())
}
