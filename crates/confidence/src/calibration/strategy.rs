//! Strategies for choosing a threshold.

use serde::{Deserialize, Serialize};

use super::{CalibrationError, Curve, Cut, LabeledScore};

/// How a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Mean of all scores plus this multiple of their standard deviation; ignores labels.
    MeanPlusDeviations(f64),
    /// The score below which this share (0..=1) of all scores is; ignores labels.
    Percentile(f64),
    /// The highest recall minus false-positive rate (Youden 1950).
    Youden,
    /// The highest F1.
    BestF1,
    /// The highest recall with at least this precision.
    Precision(f64),
    /// The highest precision with at least this recall.
    Recall(f64),
}

impl Strategy {
    /// The strategies that a calibration reports.
    pub const REPORTED: [Self; 6] = [
        Self::MeanPlusDeviations(0.5),
        Self::Percentile(0.75),
        Self::Youden,
        Self::BestF1,
        Self::Precision(0.95),
        Self::Recall(0.95),
    ];

    /// The threshold on `pairs`, which are in ascending order of score and each counted `weights[i]` times.
    ///
    /// Errors: no threshold reaches the precision or recall.
    pub fn threshold(&self, pairs: &[LabeledScore], weights: &[u32]) -> Result<f64, CalibrationError> {
        let curve = Curve::new(pairs, weights);
        match *self {
            Self::MeanPlusDeviations(times) => Ok(mean_plus(pairs, weights, times)),
            Self::Percentile(share) => Ok(percentile(pairs, weights, share)),
            Self::Youden => best(&curve, |cut| cut.outcome.youden()),
            Self::BestF1 => best(&curve, |cut| cut.outcome.f1()),
            Self::Precision(wanted) => reaching(
                "precision",
                wanted,
                &curve,
                |c| c.outcome.precision(),
                |c| c.outcome.recall(),
            ),
            Self::Recall(wanted) => reaching(
                "recall",
                wanted,
                &curve,
                |c| c.outcome.recall(),
                |c| c.outcome.precision(),
            ),
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MeanPlusDeviations(times) => write!(f, "mean + {times} σ"),
            Self::Percentile(share) => write!(f, "percentile {}", share * 100.0),
            Self::Youden => f.write_str("Youden's J"),
            Self::BestF1 => f.write_str("best F1"),
            Self::Precision(wanted) => write!(f, "precision ≥ {wanted}"),
            Self::Recall(wanted) => write!(f, "recall ≥ {wanted}"),
        }
    }
}

fn mean_plus(pairs: &[LabeledScore], weights: &[u32], times: f64) -> f64 {
    let weighted = || {
        pairs
            .iter()
            .zip(weights)
            .map(|(pair, weight)| (pair.score, f64::from(*weight)))
    };
    let count: f64 = weighted().map(|(_, weight)| weight).sum();
    let mean = weighted().map(|(score, weight)| score * weight).sum::<f64>() / count;
    let squares: f64 = weighted()
        .map(|(score, weight)| weight * (score - mean).powi(2))
        .sum();
    mean + times * (squares / (count - 1.0).max(1.0)).sqrt()
}

/// The lowest score with at least `share` of the pairs at or below it.
fn percentile(pairs: &[LabeledScore], weights: &[u32], share: f64) -> f64 {
    let needed = share * weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
    let mut below = 0.0;
    for (pair, weight) in pairs.iter().zip(weights) {
        below += f64::from(*weight);
        if below >= needed && *weight > 0 {
            return pair.score;
        }
    }
    pairs.last().map_or(f64::INFINITY, |pair| pair.score)
}

/// The strictest of the cuts with the highest value.
fn best(curve: &Curve, value: impl Fn(&Cut) -> f64) -> Result<f64, CalibrationError> {
    let better = |best: &Cut, cut: &Cut| value(cut) > value(best);
    let found = curve
        .cuts()
        .iter()
        .copied()
        .reduce(|best, cut| if better(&best, &cut) { cut } else { best });
    found.map(|cut| cut.threshold).ok_or(CalibrationError::OneScore)
}

/// Among the cuts where `goal` is at least `wanted`, the one where `other` is highest.
fn reaching(
    name: &'static str,
    wanted: f64,
    curve: &Curve,
    goal: impl Fn(&Cut) -> f64,
    other: impl Fn(&Cut) -> f64,
) -> Result<f64, CalibrationError> {
    let cuts = curve.filtered(|cut| goal(cut) >= wanted);
    best(&cuts, other).map_err(|_| CalibrationError::OutOfReach {
        goal: name,
        wanted,
        best: curve.cuts().iter().map(&goal).fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores 0.0, 0.1, … 0.9; the matches are 0.4 and 0.6 to 0.9.
    fn pairs() -> Vec<LabeledScore> {
        let matches = |i| i == 4 || i >= 6;
        (0..10)
            .map(|i| LabeledScore {
                score: f64::from(i) / 10.0,
                matches: matches(i),
            })
            .collect()
    }

    fn threshold(strategy: Strategy) -> f64 {
        strategy.threshold(&pairs(), &[1; 10]).unwrap()
    }

    #[test]
    fn each_strategy_chooses_expected_threshold() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        near(threshold(Strategy::Youden), 0.55);
        near(threshold(Strategy::Precision(1.0)), 0.55);
        near(threshold(Strategy::Precision(0.8)), 0.35);
        near(threshold(Strategy::Recall(1.0)), 0.35);
        near(threshold(Strategy::Recall(0.6)), 0.65);
        near(threshold(Strategy::BestF1), 0.35);
        near(threshold(Strategy::Percentile(0.75)), 0.7);
        near(
            threshold(Strategy::MeanPlusDeviations(0.5)),
            0.45 + 0.5 * (0.825f64 / 9.0).sqrt(),
        );
    }

    #[test]
    fn unreachable_precision_error_names_best() {
        let mut pairs = pairs();
        pairs[9].matches = false;
        let error = Strategy::Precision(0.99).threshold(&pairs, &[1; 10]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no threshold reaches a precision of 0.99 on these pairs; the best is 0.750"
        );
    }
}
