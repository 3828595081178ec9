use serde::{Deserialize, Serialize};

use super::{CalibrationError, Curve, Cut, Labelled};

/// How a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Mean of all scores plus so many of their standard deviations; looks at no label.
    MeanPlusDeviations(f64),
    /// The score below which this part (0..=1) of all scores lies; looks at no label.
    Percentile(f64),
    /// Greatest recall minus false-positive rate (Youden 1950).
    Youden,
    /// Greatest F1.
    BestF1,
    /// The threshold of greatest recall among those of at least this precision.
    Precision(f64),
    /// The threshold of greatest precision among those of at least this recall.
    Recall(f64),
}

impl Strategy {
    /// What `calibrate` reports unless told otherwise.
    pub const REPORTED: [Self; 6] = [
        Self::MeanPlusDeviations(0.5),
        Self::Percentile(0.75),
        Self::Youden,
        Self::BestF1,
        Self::Precision(0.95),
        Self::Recall(0.95),
    ];

    /// The threshold on `pairs`, which ascend by score, each counted `weights[i]` times.
    ///
    /// Errors: no threshold reaches the precision asked for.
    pub fn threshold(&self, pairs: &[Labelled], weights: &[u32]) -> Result<f64, CalibrationError> {
        let curve = Curve::new(pairs, weights);
        match *self {
            Self::MeanPlusDeviations(times) => Ok(mean_plus(pairs, weights, times)),
            Self::Percentile(part) => Ok(percentile(pairs, weights, part)),
            Self::Youden => best(&curve, |cut| cut.outcome.youden()),
            Self::BestF1 => best(&curve, |cut| cut.outcome.f1()),
            Self::Precision(asked) => reaching(
                "precision",
                asked,
                &curve,
                |c| c.outcome.precision(),
                |c| c.outcome.recall(),
            ),
            Self::Recall(asked) => reaching(
                "recall",
                asked,
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
            Self::Percentile(part) => write!(f, "percentile {}", part * 100.0),
            Self::Youden => f.write_str("Youden's J"),
            Self::BestF1 => f.write_str("best F1"),
            Self::Precision(asked) => write!(f, "precision ≥ {asked}"),
            Self::Recall(asked) => write!(f, "recall ≥ {asked}"),
        }
    }
}

fn mean_plus(pairs: &[Labelled], weights: &[u32], times: f64) -> f64 {
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

/// The least score with at least `part` of the pairs at or below it.
fn percentile(pairs: &[Labelled], weights: &[u32], part: f64) -> f64 {
    let needed = part * weights.iter().map(|weight| f64::from(*weight)).sum::<f64>();
    let mut below = 0.0;
    for (pair, weight) in pairs.iter().zip(weights) {
        below += f64::from(*weight);
        if below >= needed && *weight > 0 {
            return pair.score;
        }
    }
    pairs.last().map_or(f64::INFINITY, |pair| pair.score)
}

/// The strictest of the cuts that share the greatest value.
fn best(curve: &Curve, value: impl Fn(&Cut) -> f64) -> Result<f64, CalibrationError> {
    let better = |best: &Cut, cut: &Cut| value(cut) > value(best);
    let found = curve
        .cuts()
        .iter()
        .copied()
        .reduce(|best, cut| if better(&best, &cut) { cut } else { best });
    found.map(|cut| cut.threshold).ok_or(CalibrationError::OneScore)
}

fn reaching(
    goal: &'static str,
    asked: f64,
    curve: &Curve,
    reached: impl Fn(&Cut) -> f64,
    wanted: impl Fn(&Cut) -> f64,
) -> Result<f64, CalibrationError> {
    let cuts = Curve::keeping(curve, |cut| reached(cut) >= asked);
    best(&cuts, wanted).map_err(|_| CalibrationError::OutOfReach {
        goal,
        asked,
        best: curve.cuts().iter().map(&reached).fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores 0.0, 0.1, … 0.9; the matches are 0.4 and 0.6 to 0.9.
    fn pairs() -> Vec<Labelled> {
        let matches = |i| i == 4 || i >= 6;
        (0..10)
            .map(|i| Labelled {
                score: f64::from(i) / 10.0,
                matches: matches(i),
            })
            .collect()
    }

    fn threshold(strategy: Strategy) -> f64 {
        strategy.threshold(&pairs(), &[1; 10]).unwrap()
    }

    #[test]
    fn each_strategy_cuts_where_its_name_says() {
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
    fn a_precision_out_of_reach_says_what_can_be_had() {
        let mut pairs = pairs();
        pairs[9].matches = false;
        let error = Strategy::Precision(0.99).threshold(&pairs, &[1; 10]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no threshold reaches a precision of 0.99 on these pairs; the best is 0.750"
        );
    }
}
