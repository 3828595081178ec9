//! A calibration as the library stores it and as reports show it.

use std::collections::HashSet;

use eidetic_domain::ImageId;
use eidetic_encoder::TextVariants;
use serde::{Deserialize, Serialize};

use super::model_selection::{choose_calibrator, predictions};
use super::resampling::SEED;
use super::{
    CalibrationError, CalibrationMetrics, ClassSummary, Curve, Cut, Histogram, LabeledScore, Platt, Sample,
    Strategy, Threshold,
};
use crate::{Calibrator, QueryKind};

/// Maximum number of pairs. More pairs give no better calibration, only a slower one: every interval draws
/// a thousand resamples.
pub const MAX_LABELED: usize = 20_000;
/// Bins of the histogram.
const HISTOGRAM_BINS: usize = 24;
/// Maximum number of points of a curve; a chart cannot show more.
const MAX_POINTS: usize = 240;

/// A calibration of one kind of query in one space, with everything that it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Where it comes from.
    pub origin: CalibrationOrigin,
    /// How scores become probabilities.
    #[serde(rename = "fit")]
    pub calibrator: Calibrator,
    /// The pairs, in ascending order of score.
    #[serde(rename = "labelled")]
    pub labeled: Vec<ScoredPair>,
    /// The pairs that match.
    pub matching: ClassSummary,
    /// The pairs that don't match.
    pub other: ClassSummary,
    /// Scores of both classes.
    pub histogram: Histogram,
    /// The ROC and the precision-recall curve.
    pub curve: CurveSummary,
    /// One choice for each of [`Strategy::REPORTED`].
    pub thresholds: Vec<ThresholdChoice>,
    /// Metrics of the confidences that the library gave these pairs before, if they are known.
    pub before: Option<CalibrationMetrics>,
    /// Metrics of the new confidences. After a fit to labels, on held-out pairs (cross-validated). After a
    /// re-fit, on the feedback itself, since the prior and the bounds of a re-fit prevent overfitting.
    pub after: CalibrationMetrics,
}

/// Where a calibration comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationOrigin {
    /// Its number in the library, from 1.
    pub version: u32,
    /// The version that it replaced; `None`: the calibration that ships with the model.
    pub replaces: Option<u32>,
    /// The kind of queries that it applies to.
    pub kind: QueryKind,
    /// The space of the scores: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// Milliseconds since 1970.
    pub made_at: u64,
    /// Where the labels come from.
    pub source: LabelSource,
    /// The curve before the first re-fit. Later re-fits use it as their prior again, so that many small
    /// steps lead no further than one large step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Platt>,
    /// How far the answers among the pairs may move a threshold of a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_shift: Option<f64>,
    /// The wordings of every text that it was fitted with, if several were measured to be better than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wordings: Option<TextVariants>,
    /// The profile whose confidences and thresholds it decides; `None`: those of the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// What a calibration decides: the confidences of one kind of query, or those under one profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CalibrationScope {
    /// The kind of queries.
    pub kind: QueryKind,
    /// The profile; `None`: everything without a profile, and profiles without a calibration of their own.
    pub profile: Option<String>,
}

impl CalibrationScope {
    /// The texts that are matched under a profile.
    pub fn profile(name: impl Into<String>) -> Self {
        Self {
            kind: QueryKind::Text,
            profile: Some(name.into()),
        }
    }
}

impl From<QueryKind> for CalibrationScope {
    fn from(kind: QueryKind) -> Self {
        Self { kind, profile: None }
    }
}

impl From<&Self> for CalibrationScope {
    fn from(scope: &Self) -> Self {
        scope.clone()
    }
}

impl CalibrationOrigin {
    /// What the calibration decides.
    pub fn scope(&self) -> CalibrationScope {
        CalibrationScope {
            kind: self.kind,
            profile: self.profile.clone(),
        }
    }
}

/// Where the labels of pairs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSource {
    /// A file of labeled pairs.
    Labels,
    /// Feedback on hits, to which the calibration before was re-fitted.
    Feedback,
}

/// A pair with its score and its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredPair {
    /// The image.
    pub image: ImageId,
    /// The image's path, or the name that the file of pairs gives it.
    pub path: String,
    /// What it is compared with: a text, or the path of another image.
    pub query: String,
    /// That other image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_image: Option<ImageId>,
    /// Their cosine similarity.
    pub score: f64,
    /// The label: whether they match.
    pub matches: bool,
    /// Whether the label is an answer to a hit, which counts less than that of a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answer: bool,
}

/// A strategy and the threshold that it chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdChoice {
    /// The strategy.
    pub strategy: Strategy,
    /// The threshold; `None` if no threshold reaches the strategy's goal.
    pub threshold: Option<Threshold>,
    /// Why there is no threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Points of the ROC and the precision-recall curve, and the areas under them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveSummary {
    /// From the strictest threshold to the one that all pairs reach.
    pub points: Vec<CurvePoint>,
    /// Area under the ROC curve: the probability that a matching pair scores higher than another pair.
    pub roc_area: f64,
    /// Precision averaged over the steps of recall.
    pub average_precision: f64,
}

/// The rates at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// A pair is classified as a match from this score on.
    pub threshold: f64,
    /// Share of the other pairs that are classified as matches.
    pub false_positive_rate: f64,
    /// Share of the matching pairs that are classified as matches.
    pub recall: f64,
    /// Share of matching pairs among those classified as matches.
    pub precision: f64,
}

impl Calibration {
    /// Fits a calibration to labeled pairs: Platt's curve, or isotonic steps if they predict held-out pairs
    /// significantly better.
    ///
    /// `before` are the confidences that the pairs had so far, in their order.
    ///
    /// Errors: scores that are not finite, too few pairs of a class, too many pairs.
    pub fn fit(
        origin: CalibrationOrigin,
        labeled: Vec<ScoredPair>,
        before: Option<&[f64]>,
    ) -> Result<Self, CalibrationError> {
        let before = metrics_before(&labeled, before);
        let (labeled, sample) = sorted(labeled)?;
        let choice = choose_calibrator(&sample);
        let after = CalibrationMetrics::of(&choice.held_out).ok_or(CalibrationError::OneScore)?;
        Ok(Self::describe(
            origin,
            choice.calibrator,
            labeled,
            &sample,
            (before, after),
        ))
    }

    /// The calibration of an existing fit, such as a re-fit, with the `labels` that it began from and the `answers` that
    /// it was fitted to. An answer to a labeled pair is left out: labels are given with more care.
    ///
    /// `before` are the confidences that the answers had so far, in their order.
    ///
    /// Errors: as for [`fit`](Self::fit).
    pub fn from_fit(
        origin: CalibrationOrigin,
        calibrator: Calibrator,
        labels: Vec<ScoredPair>,
        answers: &[ScoredPair],
        before: Option<&[f64]>,
    ) -> Result<Self, CalibrationError> {
        let before = metrics_before(answers, before);
        let (_, answered) = sorted(answers.to_vec())?;
        let predicted = predictions(&answered, |_, pair| calibrator.probability(pair.score));
        let after = CalibrationMetrics::of(&predicted).ok_or(CalibrationError::OneScore)?;
        let (labeled, sample) = sorted(with_answers(labels, answers))?;
        Ok(Self::describe(
            origin,
            calibrator,
            labeled,
            &sample,
            (before, after),
        ))
    }

    fn describe(
        origin: CalibrationOrigin,
        calibrator: Calibrator,
        labeled: Vec<ScoredPair>,
        sample: &Sample,
        (before, after): (Option<CalibrationMetrics>, CalibrationMetrics),
    ) -> Self {
        Self {
            origin,
            calibrator,
            labeled,
            matching: sample.summary(true),
            other: sample.summary(false),
            histogram: sample.histogram(HISTOGRAM_BINS),
            curve: CurveSummary::of(&Curve::new(sample.pairs(), &vec![1; sample.pairs().len()])),
            thresholds: Strategy::REPORTED
                .map(|strategy| ThresholdChoice::by(strategy, sample))
                .into(),
            before,
            after,
        }
    }

    /// The scores and labels.
    ///
    /// Errors: as for [`fit`](Self::fit), if the pairs were read from a file and are invalid.
    pub fn sample(&self) -> Result<Sample, CalibrationError> {
        Sample::new(self.labeled.iter().map(ScoredPair::labeled_score).collect())
    }

    /// The lowest score at which a match is at least as probable as not. `None` if no score of these pairs
    /// reaches that.
    pub fn decision_threshold(&self) -> Option<f64> {
        match &self.calibrator {
            Calibrator::Platt(platt) => Some(platt.center()),
            calibrator => {
                let is_probable =
                    |pair: &&ScoredPair| calibrator.probability(pair.score).is_some_and(|p| p >= 0.5);
                self.labeled.iter().find(is_probable).map(|pair| pair.score)
            }
        }
    }

    /// The threshold that a strategy chose.
    pub fn threshold(&self, strategy: Strategy) -> Option<&Threshold> {
        let choice = self.thresholds.iter().find(|choice| choice.strategy == strategy);
        choice.and_then(|choice| choice.threshold.as_ref())
    }

    /// Why the calibration cannot be used, if it was read from a file and is invalid.
    pub fn fault(&self) -> Option<&'static str> {
        let is_sorted = self.labeled.is_sorted_by(|a, b| a.score <= b.score);
        let is_valid = match &self.calibrator {
            Calibrator::Background => true,
            Calibrator::Platt(platt) => platt.is_valid(),
            Calibrator::Isotonic(isotonic) => isotonic.is_valid(),
        };
        if !is_valid || self.origin.anchor.is_some_and(|anchor| !anchor.is_valid()) {
            return Some("its curve does not rise");
        }
        if self.labeled.iter().any(|pair| !pair.score.is_finite()) {
            return Some("a score is not finite");
        }
        (!is_sorted).then_some("its pairs are not sorted by score")
    }
}

/// Sorts the pairs as [`Sample`] does, so that both have the same order.
fn sorted(mut labeled: Vec<ScoredPair>) -> Result<(Vec<ScoredPair>, Sample), CalibrationError> {
    if labeled.len() > MAX_LABELED {
        return Err(CalibrationError::TooMany {
            pairs: labeled.len(),
            most: MAX_LABELED,
        });
    }
    let sample = Sample::new(labeled.iter().map(ScoredPair::labeled_score).collect())?;
    labeled.sort_by(|a, b| a.score.total_cmp(&b.score));
    Ok((labeled, sample))
}

/// The labels, and the answers to pairs that have none, in ascending order of score.
pub fn with_answers(labels: Vec<ScoredPair>, answers: &[ScoredPair]) -> Vec<ScoredPair> {
    let is_labeled: HashSet<(ImageId, &str)> = labels
        .iter()
        .map(|pair| (pair.image, pair.query.as_str()))
        .collect();
    let new = answers
        .iter()
        .filter(|pair| !is_labeled.contains(&(pair.image, pair.query.as_str())));
    let answers: Vec<ScoredPair> = new
        .map(|pair| ScoredPair {
            answer: true,
            ..pair.clone()
        })
        .collect();
    let mut both: Vec<ScoredPair> = labels.into_iter().chain(answers).collect();
    both.sort_by(|a, b| a.score.total_cmp(&b.score));
    both
}

/// Metrics of the confidences before; `None` if they are unknown, or there is not one for each pair.
fn metrics_before(labeled: &[ScoredPair], before: Option<&[f64]>) -> Option<CalibrationMetrics> {
    let before = before?.iter().copied();
    let predictions: Vec<(f64, bool)> = before.zip(labeled.iter().map(|pair| pair.matches)).collect();
    (predictions.len() == labeled.len())
        .then(|| CalibrationMetrics::of(&predictions))
        .flatten()
}

impl ScoredPair {
    /// The score and the label.
    pub fn labeled_score(&self) -> LabeledScore {
        LabeledScore {
            score: self.score,
            matches: self.matches,
        }
    }
}

impl ThresholdChoice {
    fn by(strategy: Strategy, sample: &Sample) -> Self {
        let chosen = Threshold::choose(strategy, sample, SEED);
        let reason = chosen.as_ref().err().map(ToString::to_string);
        Self {
            strategy,
            threshold: chosen.ok(),
            reason,
        }
    }
}

impl CurveSummary {
    fn of(curve: &Curve) -> Self {
        let cuts = curve.cuts();
        let step = cuts.len().div_ceil(MAX_POINTS).max(1);
        let kept = cuts
            .iter()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || at + 1 == cuts.len());
        let point = |(_, cut): (usize, &Cut)| CurvePoint {
            threshold: cut.threshold,
            false_positive_rate: cut.outcome.false_positive_rate(),
            recall: cut.outcome.recall(),
            precision: cut.outcome.precision(),
        };
        Self {
            points: kept.map(point).collect(),
            roc_area: curve.roc_area(),
            average_precision: curve.average_precision(),
        }
    }
}
