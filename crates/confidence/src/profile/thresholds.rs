//! From targets to thresholds that descend from level to level.

use serde::{Deserialize, Serialize};

use super::LevelTarget;
use super::evidence::{Evidence, RateCut, WeightedScores};

/// The threshold of a level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelThreshold {
    /// The lowest score.
    Score(f64),
    /// The lowest confidence: there are no labeled pairs.
    Confidence(f64),
}

/// What a threshold is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdBasis {
    /// The labeled pairs show it, at the lower 95 % bound.
    Measured,
    /// The labeled pairs are too few to show it: a fitted distribution was extrapolated.
    Estimated,
    /// The profile states it.
    Stated,
    /// There are no labeled pairs: the target is read as a confidence.
    Uncalibrated,
}

/// The threshold of a level, with what can be expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResolvedThreshold {
    /// The threshold.
    pub threshold: LevelThreshold,
    /// What it is based on.
    pub basis: ThresholdBasis,
    /// What the labeled pairs say about it.
    pub expected: Option<ExpectedRates>,
    /// How many pairs that do not match would show the precision; only for estimated thresholds.
    pub others_needed: Option<u64>,
}

/// Rates of everything that reaches a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExpectedRates {
    /// Share of matches among what reaches it.
    pub precision: f64,
    /// The lower 95 % bound of the precision.
    pub precision_low: f64,
    /// Share of the matches that reach it.
    pub recall: f64,
    /// The lower 95 % bound of the recall.
    pub recall_low: f64,
    /// Share of all pairs that reach it.
    pub reaching: f64,
}

/// The thresholds that reach a target.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The one that is chosen unless another level needs the place.
    chosen: f64,
    low: f64,
    high: f64,
    basis: ThresholdBasis,
    others_needed: Option<u64>,
}

/// One threshold for each target, the strictest first; thresholds of the same kind descend.
pub(super) fn resolve(
    targets: &[LevelTarget],
    evidence: Option<&Evidence>,
    prevalence: f64,
) -> Vec<ResolvedThreshold> {
    let Some(evidence) = evidence else {
        return without_labels(targets);
    };
    let span = |target: &LevelTarget| match *target {
        LevelTarget::Precision(share) => {
            bounded(evidence, |scores| precision(scores, share.get(), prevalence))
        }
        LevelTarget::Recall(share) => bounded(evidence, |scores| recall(scores, share.get())),
        LevelTarget::Score(score) => Span::at(score, ThresholdBasis::Stated),
        LevelTarget::Confidence(share) => Span::at(
            evidence.score_of_confidence(share.get()),
            ThresholdBasis::Measured,
        ),
    };
    let spans: Vec<Span> = targets.iter().map(span).collect();
    let scores = descending(&spans);
    let resolved = |(span, score): (&Span, f64)| ResolvedThreshold {
        threshold: LevelThreshold::Score(score),
        basis: span.basis,
        expected: Some(ExpectedRates::at(&evidence.all, score, prevalence)),
        others_needed: span.others_needed,
    };
    spans.iter().zip(scores).map(resolved).collect()
}

/// Targets as confidences, which descend too; stated scores stay as they are.
fn without_labels(targets: &[LevelTarget]) -> Vec<ResolvedThreshold> {
    let span = |target: &LevelTarget| match *target {
        LevelTarget::Precision(share) | LevelTarget::Confidence(share) => Some(Span {
            high: 1.0,
            ..Span::at(share.get(), ThresholdBasis::Uncalibrated)
        }),
        LevelTarget::Recall(share) => Some(Span {
            low: 0.0,
            ..Span::at(1.0 - share.get(), ThresholdBasis::Uncalibrated)
        }),
        LevelTarget::Score(_) => None,
    };
    let spans: Vec<Span> = targets.iter().filter_map(span).collect();
    let mut confidences = descending(&spans).into_iter();
    let mut scores = descending(
        &targets
            .iter()
            .filter_map(|target| target.score())
            .map(|score| Span::at(score, ThresholdBasis::Stated))
            .collect::<Vec<_>>(),
    )
    .into_iter();
    let resolved = |target: &LevelTarget| {
        let (threshold, basis) = match target.score() {
            Some(score) => (
                LevelThreshold::Score(scores.next().unwrap_or(score)),
                ThresholdBasis::Stated,
            ),
            None => (
                LevelThreshold::Confidence(confidences.next().expect("one for each other target")),
                ThresholdBasis::Uncalibrated,
            ),
        };
        ResolvedThreshold {
            threshold,
            basis,
            expected: None,
            others_needed: None,
        }
    };
    targets.iter().map(resolved).collect()
}

/// The span by labels and answers, no farther than allowed from the span by labels alone.
fn bounded(evidence: &Evidence, span: impl Fn(&WeightedScores) -> Span) -> Span {
    let (all, labels) = (span(&evidence.all), span(&evidence.labels));
    let near = |wanted: f64, from: f64| {
        if from.is_finite() {
            wanted.clamp(from - evidence.most_shift, from + evidence.most_shift)
        } else {
            from
        }
    };
    let low = near(all.low, labels.low);
    Span {
        low,
        high: near(all.high, labels.high).max(low),
        chosen: near(all.chosen, labels.chosen),
        ..all
    }
}

/// All cuts around the one with the highest bound whose lower bound is at least `wanted`; the loosest is
/// chosen. Going on from the best cut, instead of taking any cut that reaches the target, keeps the error
/// of the choice small.
fn precision(scores: &WeightedScores, wanted: f64, prevalence: f64) -> Span {
    let bound = |cut: &RateCut| scores.precision_bound(*cut, prevalence);
    let cuts = &scores.cuts;
    let best = (0..cuts.len())
        .max_by(|&a, &b| bound(&cuts[a]).total_cmp(&bound(&cuts[b])))
        .expect("a sample has cuts");
    let reaches = |cut: &&RateCut| bound(cut) >= wanted;
    let loosest = cuts[best..].iter().take_while(reaches).last();
    let strictest = cuts[..=best].iter().rev().take_while(reaches).last();
    if let (Some(loosest), Some(strictest)) = (loosest, strictest) {
        return Span {
            chosen: loosest.threshold,
            low: loosest.threshold,
            high: strictest.threshold,
            basis: ThresholdBasis::Measured,
            others_needed: None,
        };
    }
    let by_curve = scores.score_of_probability(wanted, prevalence);
    Span {
        high: f64::INFINITY,
        others_needed: Some(scores.others_needed(cuts[best], wanted, prevalence)),
        ..Span::at(by_curve.max(cuts[best].threshold), ThresholdBasis::Estimated)
    }
}

/// The strictest cut whose lower bound of the recall is at least `wanted`, and everything below.
fn recall(scores: &WeightedScores, wanted: f64) -> Span {
    let reaches = |cut: &&RateCut| scores.recall_bound(**cut) >= wanted;
    let (chosen, basis) = match scores.cuts.iter().find(reaches) {
        Some(cut) => (cut.threshold, ThresholdBasis::Measured),
        None => (scores.tolerance_bound(wanted), ThresholdBasis::Estimated),
    };
    Span {
        low: f64::NEG_INFINITY,
        ..Span::at(chosen, basis)
    }
}

/// One threshold of each span, none above the one before.
///
/// With a good model everything from 0.15 on may reach the precision of the first level, and everything from
/// 0.28 on the recall of the second. Both hold between, so the first level begins at 0.28 and the second at
/// 0.15: neither target suffers, and what is least certain is in the second.
fn descending(spans: &[Span]) -> Vec<f64> {
    let mut chosen: Vec<f64> = spans.iter().map(|span| span.chosen).collect();
    for _ in 0..spans.len() {
        for at in 1..spans.len() {
            let (above, below) = (chosen[at - 1], chosen[at]);
            if below <= above {
                continue;
            }
            let most = if at >= 2 { chosen[at - 2] } else { f64::INFINITY };
            let raised = below.min(most).clamp(spans[at - 1].low, spans[at - 1].high);
            let lowered = above.clamp(spans[at].low, spans[at].high);
            chosen[at - 1] = raised;
            chosen[at] = lowered.min(raised);
        }
    }
    let mut most = f64::INFINITY;
    for score in &mut chosen {
        *score = score.min(most);
        most = *score;
    }
    chosen
}

impl Span {
    const fn at(score: f64, basis: ThresholdBasis) -> Self {
        Self {
            chosen: score,
            low: score,
            high: score,
            basis,
            others_needed: None,
        }
    }
}

impl ExpectedRates {
    fn at(scores: &WeightedScores, threshold: f64, prevalence: f64) -> Self {
        let cut = scores.rates(threshold);
        Self {
            precision: cut.precision(prevalence),
            precision_low: scores.precision_bound(cut, prevalence),
            recall: cut.recall,
            recall_low: scores.recall_bound(cut),
            reaching: prevalence * cut.recall + (1.0 - prevalence) * cut.false_positive_rate,
        }
    }
}

impl LevelThreshold {
    /// The number.
    pub const fn value(self) -> f64 {
        match self {
            Self::Score(value) | Self::Confidence(value) => value,
        }
    }
}
