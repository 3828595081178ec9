use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};

use super::choice::{choose_fit, held_out};
use super::{
    CalibrationError, ClassSummary, Curve, Histogram, Labelled, Platt, Reliability, Sample, Strategy,
    Threshold,
};
use crate::{Fit, QueryKind};

/// More pairs than this make no better calibration, only a slower one: every interval draws a thousand samples.
pub const MAX_LABELLED: usize = 20_000;
/// Bins of the histogram and of the reliability diagram.
const HISTOGRAM_BINS: usize = 24;
const RELIABILITY_BINS: usize = 10;
/// Points kept of a curve; more cannot be told apart in a picture.
const POINTS: usize = 240;
/// Fixed, so that the same pairs give the same report.
pub(super) const SEED: u64 = 0x0e1d_e71c;

/// A calibration of one kind of query in one space: what was learnt, and everything that it was learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// What it is, when and from what it was made.
    pub origin: Origin,
    /// How scores become probabilities.
    pub fit: Fit,
    /// The pairs, in ascending order of score.
    pub labelled: Vec<LabelledScore>,
    /// The pairs that match.
    pub matching: ClassSummary,
    /// The pairs that do not.
    pub other: ClassSummary,
    /// Scores of both classes.
    pub histogram: Histogram,
    /// ROC and precision-recall curve.
    pub curve: CurveSummary,
    /// One for each of [`Strategy::REPORTED`].
    pub thresholds: Vec<Chosen>,
    /// What the library believed of these pairs before, where that is known.
    pub before: Option<Honesty>,
    /// What it believes now. Of pairs that the fit was kept from (cross-validated) where it was made from labels; of the
    /// answers themselves where it was re-fitted, since a re-fit is held too close to its prior to follow them.
    pub after: Honesty,
}

/// Where a calibration comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Its number in the library, from 1.
    pub version: u32,
    /// The number of the one that it took the place of; `None`: what came with the program.
    pub replaces: Option<u32>,
    /// The queries that it is for.
    pub kind: QueryKind,
    /// The space of the scores: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// Milliseconds since 1970.
    pub made_at: u64,
    /// Who labelled the pairs.
    pub source: Source,
    /// The curve that was believed in when answers first re-fitted it: later answers are weighed against it again, so that
    /// many small steps lead no further than a great one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Platt>,
}

/// Who labelled the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file of labelled pairs.
    Labels,
    /// Answers to hits, which re-fitted what was there.
    Feedback,
}

/// A pair with its score and its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledScore {
    /// The picture.
    pub image: ImageId,
    /// Where it stood, or how it was named.
    pub path: String,
    /// What it was held against: words, or where another picture stood.
    pub query: String,
    /// That other picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_image: Option<ImageId>,
    /// Their cosine.
    pub score: f64,
    /// What somebody who looked says.
    pub matches: bool,
}

/// A strategy, and the threshold that it chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// How to choose.
    pub strategy: Strategy,
    /// What was chosen; `None` where no threshold reaches what the strategy asks for.
    pub threshold: Option<Threshold>,
    /// Why nothing was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Points of the ROC and the precision-recall curve, and the areas below them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveSummary {
    /// From the strictest threshold to the one that admits all.
    pub points: Vec<CurvePoint>,
    /// How often a matching pair scores above another one.
    pub roc_area: f64,
    /// Precision averaged over the steps of recall.
    pub average_precision: f64,
}

/// What one threshold does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// A pair counts as a match from this score on.
    pub threshold: f64,
    /// Of what does not match, the part taken for a match.
    pub false_positive_rate: f64,
    /// Of the matches, the part taken for one.
    pub recall: f64,
    /// Of what was taken for a match, the part that is one.
    pub precision: f64,
}

/// How far stated probabilities are from the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Honesty {
    /// Stated against observed.
    pub reliability: Reliability,
    /// Mean of −ln(probability given to what is true): smaller is better, chance is 0.69.
    pub log_loss: f64,
}

impl Calibrated {
    /// Learns from labelled pairs: Platt's curve, unless rising steps predict pairs kept from them better by more than
    /// chance.
    ///
    /// `before` are the probabilities that were given to the pairs so far, in their order.
    ///
    /// Errors: broken scores, too few pairs of a class, too many pairs.
    pub fn learn(
        origin: Origin,
        labelled: Vec<LabelledScore>,
        before: Option<&[f64]>,
    ) -> Result<Self, CalibrationError> {
        let before = honesty_before(&labelled, before);
        let (labelled, sample) = in_order(labelled)?;
        let choice = choose_fit(&sample);
        let after = Honesty::of(&choice.held_out).ok_or(CalibrationError::OneScore)?;
        Ok(Self::describe(
            origin,
            choice.fit,
            labelled,
            &sample,
            (before, after),
        ))
    }

    /// What is to be said of a fit that was made elsewhere, such as by a re-fit, and the answers that it was made from.
    ///
    /// Errors: as for [`learn`](Self::learn).
    pub fn of_fit(
        origin: Origin,
        fit: Fit,
        labelled: Vec<LabelledScore>,
        before: Option<&[f64]>,
    ) -> Result<Self, CalibrationError> {
        let before = honesty_before(&labelled, before);
        let (labelled, sample) = in_order(labelled)?;
        let stated = held_out(&sample, |_, pair| fit.of_score(pair.score));
        let after = Honesty::of(&stated).ok_or(CalibrationError::OneScore)?;
        Ok(Self::describe(origin, fit, labelled, &sample, (before, after)))
    }

    fn describe(
        origin: Origin,
        fit: Fit,
        labelled: Vec<LabelledScore>,
        sample: &Sample,
        (before, after): (Option<Honesty>, Honesty),
    ) -> Self {
        Self {
            origin,
            fit,
            labelled,
            matching: sample.summary(true),
            other: sample.summary(false),
            histogram: sample.histogram(HISTOGRAM_BINS),
            curve: CurveSummary::of(&Curve::new(sample.pairs(), &vec![1; sample.pairs().len()])),
            thresholds: Strategy::REPORTED
                .map(|strategy| Chosen::by(strategy, sample))
                .into(),
            before,
            after,
        }
    }

    /// The scores and labels alone.
    ///
    /// Errors: as for [`learn`](Self::learn), for a calibration that was not made by it.
    pub fn sample(&self) -> Result<Sample, CalibrationError> {
        Sample::new(self.labelled.iter().map(LabelledScore::labelled).collect())
    }

    /// The score from which on a match is more probable than not; `None` where no score of these pairs is.
    pub fn even_score(&self) -> Option<f64> {
        match &self.fit {
            Fit::Platt(platt) => Some(platt.centre()),
            fit => {
                let probable = |pair: &&LabelledScore| fit.of_score(pair.score).is_some_and(|p| p >= 0.5);
                self.labelled.iter().find(probable).map(|pair| pair.score)
            }
        }
    }

    /// What was chosen by a strategy.
    pub fn threshold(&self, strategy: Strategy) -> Option<&Threshold> {
        let chosen = self.thresholds.iter().find(|chosen| chosen.strategy == strategy);
        chosen.and_then(|chosen| chosen.threshold.as_ref())
    }

    /// What makes it useless, if anything: a file on disk can say anything.
    pub fn fault(&self) -> Option<&'static str> {
        let ordered = self.labelled.is_sorted_by(|a, b| a.score <= b.score);
        let usable = match &self.fit {
            Fit::Background => true,
            Fit::Platt(platt) => platt.is_usable(),
            Fit::Isotonic(isotonic) => isotonic.is_usable(),
        };
        if !usable || self.origin.anchor.is_some_and(|anchor| !anchor.is_usable()) {
            return Some("its curve is not one that rises");
        }
        if self.labelled.iter().any(|pair| !pair.score.is_finite()) {
            return Some("a score is not finite");
        }
        (!ordered).then_some("its pairs are not in order")
    }
}

/// Sorted as a sample sorts, so that both stay side by side.
fn in_order(mut labelled: Vec<LabelledScore>) -> Result<(Vec<LabelledScore>, Sample), CalibrationError> {
    if labelled.len() > MAX_LABELLED {
        return Err(CalibrationError::TooMany {
            pairs: labelled.len(),
            most: MAX_LABELLED,
        });
    }
    let sample = Sample::new(labelled.iter().map(LabelledScore::labelled).collect())?;
    labelled.sort_by(|a, b| a.score.total_cmp(&b.score));
    Ok((labelled, sample))
}

fn honesty_before(labelled: &[LabelledScore], before: Option<&[f64]>) -> Option<Honesty> {
    let stated = before?.iter().copied();
    let pairs: Vec<(f64, bool)> = stated.zip(labelled.iter().map(|pair| pair.matches)).collect();
    (pairs.len() == labelled.len())
        .then(|| Honesty::of(&pairs))
        .flatten()
}

impl LabelledScore {
    /// Score and label.
    pub fn labelled(&self) -> Labelled {
        Labelled {
            score: self.score,
            matches: self.matches,
        }
    }
}

impl Chosen {
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
        let step = cuts.len().div_ceil(POINTS).max(1);
        let kept = cuts
            .iter()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || at + 1 == cuts.len());
        let point = |(_, cut): (usize, &super::Cut)| CurvePoint {
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

impl Honesty {
    /// Compares probabilities with the truth; `None` where there are none, or one is no number.
    pub fn of(stated: &[(f64, bool)]) -> Option<Self> {
        let log_loss = stated.iter().map(|&(p, truth)| log_loss(p, truth)).sum::<f64>() / stated.len() as f64;
        let reliability = Reliability::of(stated, RELIABILITY_BINS)?;
        log_loss.is_finite().then_some(Self {
            reliability,
            log_loss,
        })
    }
}

/// −ln of the probability given to the truth; certainty that was wrong costs much, not infinitely much.
pub(super) fn log_loss(probability: f64, truth: bool) -> f64 {
    let given = if truth { probability } else { 1.0 - probability };
    -given.max(1e-6).ln()
}
