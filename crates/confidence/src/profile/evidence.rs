//! What labeled pairs say about a threshold: rates of both classes, precision at any prevalence, bounds.

use crate::Calibrator;
use crate::calibration::{Calibration, LabeledScore, Platt, Sample, ScoredPair};

/// The normal quantile of a one-sided 95 % bound.
const Z: f64 = 1.645;
/// The weight of an answer beside a label of 1: answers are given quickly, and only on what was shown.
const ANSWER_WEIGHT: f64 = 0.5;

/// The pairs of a calibration, as thresholds are chosen from them.
#[derive(Debug, Clone)]
pub(super) struct Evidence<'a> {
    /// Labels and answers together.
    pub(super) all: WeightedScores,
    /// The labels alone.
    pub(super) labels: WeightedScores,
    /// How far answers may move a threshold.
    pub(super) most_shift: f64,
    calibration: &'a Calibration,
}

/// Scores of both classes, each pair with a weight.
#[derive(Debug, Clone)]
pub(super) struct WeightedScores {
    /// The strictest first.
    pub(super) cuts: Vec<RateCut>,
    /// Effective number of matching and of other pairs: (Σw)² / Σw².
    matching: f64,
    other: f64,
    /// Probability of a match by score at `label_share`.
    curve: Platt,
    /// Share of matching pairs.
    pub(super) label_share: f64,
    /// Mean, standard deviation and minimum of matching scores.
    matching_scores: Moments,
}

#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: f64,
    deviation: f64,
    min: f64,
}

/// The rates from a threshold on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateCut {
    /// Half-way to the next lower score, where it is most robust.
    pub(super) threshold: f64,
    /// The lowest score that reaches it.
    lowest: f64,
    /// Share of matching pairs at or above the threshold.
    pub(super) recall: f64,
    /// Share of the other pairs at or above the threshold.
    pub(super) false_positive_rate: f64,
}

impl<'a> Evidence<'a> {
    /// `None` if the labels of the calibration alone are too few for a threshold.
    pub(super) fn of(calibration: &'a Calibration) -> Option<Self> {
        let (answers, labels): (Vec<&ScoredPair>, Vec<&ScoredPair>) =
            calibration.labeled.iter().partition(|pair| pair.answer);
        let sample = Sample::new(labels.iter().map(|pair| pair.labeled_score()).collect()).ok()?;
        let label = |pair: &LabeledScore| (*pair, 1.0);
        let labels: Vec<(LabeledScore, f64)> = sample.pairs().iter().map(label).collect();
        let mut all = labels.clone();
        for matches in [true, false] {
            let of_class = |pair: &&&ScoredPair| pair.matches == matches && pair.score.is_finite();
            let given: Vec<LabeledScore> = answers
                .iter()
                .filter(of_class)
                .map(|pair| pair.labeled_score())
                .collect();
            let labeled = labels.iter().filter(|(pair, _)| pair.matches == matches).count();
            // Together, answers of a class never outweigh its labels.
            let weight = ANSWER_WEIGHT.min(labeled as f64 / given.len().max(1) as f64);
            all.extend(given.into_iter().map(|pair| (pair, weight)));
        }
        all.sort_by(|a, b| a.0.score.total_cmp(&b.0.score));
        Some(Self {
            all: WeightedScores::new(&all),
            labels: WeightedScores::new(&labels),
            // Re-fits of earlier versions state no bound: the labels alone decide until the next one.
            most_shift: calibration.origin.most_shift.unwrap_or(0.0),
            calibration,
        })
    }

    /// The lowest score with at least this confidence; infinite if no labeled score has it.
    pub(super) fn score_of_confidence(&self, confidence: f64) -> f64 {
        match &self.calibration.calibrator {
            Calibrator::Platt(platt) => platt.center() + logit(confidence) / platt.slope,
            calibrator => {
                let reaches = |pair: &&ScoredPair| {
                    calibrator
                        .probability(pair.score)
                        .is_some_and(|p| p >= confidence)
                };
                let first = self.calibration.labeled.iter().find(reaches);
                first.map_or(f64::INFINITY, |pair| pair.score)
            }
        }
    }
}

impl WeightedScores {
    /// `pairs` ascend by score; both classes occur, and not all scores are equal.
    fn new(pairs: &[(LabeledScore, f64)]) -> Self {
        let of_class = |matches| pairs.iter().filter(move |(pair, _)| pair.matches == matches);
        let total = |matches| of_class(matches).map(|(_, weight)| weight).sum::<f64>();
        let effective = |matches| {
            let squares: f64 = of_class(matches).map(|(_, weight)| weight * weight).sum();
            total(matches).powi(2) / squares
        };
        let scores: Vec<LabeledScore> = pairs.iter().map(|(pair, _)| *pair).collect();
        let label_share = of_class(true).count() as f64 / pairs.len() as f64;
        let sample = Sample::new(scores).expect("the labels are a sample");
        let mean = of_class(true)
            .map(|(pair, weight)| pair.score * weight)
            .sum::<f64>()
            / total(true);
        let squares = of_class(true).map(|(pair, weight)| weight * (pair.score - mean).powi(2));
        Self {
            cuts: cuts(pairs, total(true), total(false)),
            matching: effective(true),
            other: effective(false),
            curve: Platt::fit(&sample, None),
            label_share,
            matching_scores: Moments {
                mean,
                deviation: (squares.sum::<f64>() / total(true)).sqrt(),
                min: of_class(true)
                    .map(|(pair, _)| pair.score)
                    .fold(f64::INFINITY, f64::min),
            },
        }
    }

    /// The rates from `threshold` on.
    pub(super) fn rates(&self, threshold: f64) -> RateCut {
        let reached = self.cuts.partition_point(|cut| cut.lowest >= threshold);
        let none = RateCut {
            threshold,
            lowest: threshold,
            recall: 0.0,
            false_positive_rate: 0.0,
        };
        reached.checked_sub(1).map_or(none, |at| RateCut {
            threshold,
            ..self.cuts[at]
        })
    }

    /// The lower 95 % bound of the precision, from the upper bound of the ratio of both rates (MOVER with
    /// Wilson's intervals; Donner & Zou 2012).
    pub(super) fn precision_bound(&self, cut: RateCut, prevalence: f64) -> f64 {
        let (wrong, found) = (cut.false_positive_rate, cut.recall);
        let wrong_high = wilson(wrong, self.other, Z);
        let found_low = wilson(found, self.matching, -Z);
        let scale = found_low * (2.0 * found - found_low);
        if scale <= 0.0 {
            return 0.0;
        }
        let product = wrong * found;
        let root = product.powi(2) - wrong_high * (2.0 * wrong - wrong_high) * scale;
        let ratio = (product + root.max(0.0).sqrt()) / scale;
        prevalence / (prevalence + (1.0 - prevalence) * ratio)
    }

    /// The lower 95 % bound of the recall (Wilson 1927).
    pub(super) fn recall_bound(&self, cut: RateCut) -> f64 {
        wilson(cut.recall, self.matching, -Z)
    }

    /// The score from which the fitted curve, moved to `prevalence`, has at least this probability.
    pub(super) fn score_of_probability(&self, probability: f64, prevalence: f64) -> f64 {
        if !self.curve.is_valid() {
            return f64::INFINITY;
        }
        let odds = logit(probability) - logit(prevalence) + logit(self.label_share);
        self.curve.center() + odds / self.curve.slope
    }

    /// How much more probable a score is for a match than for another pair.
    pub(super) fn likelihood_ratio(&self, score: f64) -> f64 {
        let odds = self.curve.slope * score + self.curve.intercept;
        (odds - logit(self.label_share)).exp()
    }

    /// A score that a share of `recall` of all matching pairs reaches, by a one-sided normal tolerance bound
    /// (Natrella 1963); at most the lowest score seen.
    pub(super) fn tolerance_bound(&self, recall: f64) -> f64 {
        let quantile = normal_quantile(recall);
        let count = self.matching.max(2.0);
        let a = 1.0 - Z * Z / (2.0 * (count - 1.0)).max(Z * Z + 1e-3);
        let b = quantile * quantile - Z * Z / count;
        let factor = (quantile + (quantile * quantile - a * b).max(0.0).sqrt()) / a;
        let Moments { mean, deviation, min } = self.matching_scores;
        (mean - factor * deviation).min(min)
    }

    /// How many other pairs would show this precision, if none of them reached the cut.
    pub(super) fn others_needed(&self, cut: RateCut, precision: f64, prevalence: f64) -> u64 {
        let ratio = (1.0 - precision) / precision * prevalence / (1.0 - prevalence);
        let found_low = wilson(cut.recall, self.matching, -Z);
        let most = ratio * (found_low * (2.0 * cut.recall - found_low)).max(0.0).sqrt();
        if most <= 0.0 {
            return u64::MAX;
        }
        (Z * Z * (1.0 / most - 1.0)).max(0.0).ceil() as u64
    }
}

impl RateCut {
    /// Precision at a prevalence; 1 if nothing reaches the threshold.
    pub(super) fn precision(self, prevalence: f64) -> f64 {
        let found = prevalence * self.recall;
        let wrong = (1.0 - prevalence) * self.false_positive_rate;
        if found + wrong > 0.0 {
            found / (found + wrong)
        } else {
            1.0
        }
    }
}

fn cuts(pairs: &[(LabeledScore, f64)], matching: f64, other: f64) -> Vec<RateCut> {
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut cuts = Vec::new();
    let mut descending = pairs.iter().rev().peekable();
    while let Some((pair, weight)) = descending.next() {
        if pair.matches {
            found += weight;
        } else {
            wrong += weight;
        }
        let below = descending.peek().map(|(next, _)| next.score);
        if below != Some(pair.score) {
            cuts.push(RateCut {
                threshold: below.map_or(pair.score, |below| f64::midpoint(pair.score, below)),
                lowest: pair.score,
                recall: (found / matching).min(1.0),
                false_positive_rate: (wrong / other).min(1.0),
            });
        }
    }
    cuts
}

/// Wilson's bound of a share of `count`: the upper one for positive `z`, the lower one for negative.
fn wilson(share: f64, count: f64, z: f64) -> f64 {
    let squared = z * z / count;
    let spread = z * (share * (1.0 - share) / count + squared / (4.0 * count)).sqrt();
    ((share + squared / 2.0 + spread) / (1.0 + squared)).clamp(0.0, 1.0)
}

pub(super) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// The quantile of the standard normal distribution, to 4.5e-4 (Abramowitz & Stegun 26.2.23).
fn normal_quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p).max(1e-12);
    let t = (-2.0 * tail.ln()).sqrt();
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let denominator = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - numerator / denominator).copysign(p - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(matching: usize, other: usize) -> WeightedScores {
        let pair = |score: f64, matches| (LabeledScore { score, matches }, 1.0);
        let below = (0..other).map(|i| pair(0.1 + 0.1 * i as f64 / other as f64, false));
        let above = (0..matching).map(|i| pair(0.3 + 0.1 * i as f64 / matching as f64, true));
        WeightedScores::new(&below.chain(above).collect::<Vec<_>>())
    }

    #[test]
    fn normal_quantiles_equal_tables() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.95, 1.644_854),
            (0.98, 2.053_749),
            (0.01, -2.326_348),
        ] {
            assert!((normal_quantile(p) - expected).abs() < 5e-4, "{p}");
        }
    }

    #[test]
    fn wilson_bounds_equal_published_ones() {
        // 10 of 100, two-sided 90 %: 0.0608 to 0.1602.
        assert!((wilson(0.1, 100.0, 1.645) - 0.1602).abs() < 1e-3);
        assert!((wilson(0.1, 100.0, -1.645) - 0.0608).abs() < 1e-3);
        assert!(wilson(0.0, 100.0, -1.645) < 1e-9);
    }

    #[test]
    fn more_pairs_raise_precision_bound() {
        let bound = |count| {
            let scores = scores(count, count);
            scores.precision_bound(scores.rates(0.25), 0.1)
        };
        assert!(bound(100) < 0.85 && bound(100) > 0.7, "{}", bound(100));
        assert!(bound(1000) > 0.95, "{}", bound(1000));
        let scores = scores(100, 100);
        let cut = scores.rates(0.25);
        let needed = scores.others_needed(cut, 0.95, 0.1);
        assert!((400..600).contains(&needed), "{needed}");
    }

    #[test]
    fn precision_falls_with_prevalence() {
        let scores = scores(100, 100);
        let cut = scores.rates(0.19);
        let at = |prevalence| cut.precision(prevalence);
        assert!(at(0.5) > at(0.1) && at(0.1) > at(0.02));
        // 10 % of the others reach it: 0.1 / (0.1 + 0.9 · 0.1).
        assert!((at(0.1) - 0.1 / 0.19).abs() < 0.02, "{}", at(0.1));
    }

    #[test]
    fn tolerance_bound_is_below_all_matches() {
        let scores = scores(50, 50);
        let bound = scores.tolerance_bound(0.98);
        assert!(bound < 0.3 && bound > 0.2, "{bound}");
        assert!(scores.tolerance_bound(0.8) <= 0.3);
    }
}
