//! The reliability diagram of predicted probabilities.

use serde::{Deserialize, Serialize};

/// The distance of predicted probabilities from observed frequencies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The reliability diagram: bins of equal width over 0..=1, without empty ones.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: mean distance of predicted and observed, weighted by count (Naeini et
    /// al. 2015).
    pub expected_calibration_error: f64,
    /// Mean squared distance of probability and label (Brier 1950).
    pub brier: f64,
}

/// Predictions of similar probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Predictions in the bin.
    pub count: usize,
    /// Mean predicted probability.
    #[serde(rename = "stated")]
    pub predicted: f64,
    /// Share of positive labels.
    pub observed: f64,
}

impl Reliability {
    /// Compares probabilities with labels, in `bins` bins; `None` if there are none.
    ///
    /// # Panics
    /// If `bins` is 0.
    pub fn of(predictions: &[(f64, bool)], bins: usize) -> Option<Self> {
        assert!(bins > 0, "a diagram has at least one bin");
        if predictions.is_empty() {
            return None;
        }
        let total = predictions.len() as f64;
        let bin_of = |p: f64| ((p * bins as f64) as usize).min(bins - 1);
        let bins: Vec<ReliabilityBin> = (0..bins)
            .filter_map(|bin| ReliabilityBin::of(predictions.iter().filter(|(p, _)| bin_of(*p) == bin)))
            .collect();
        let error = bins
            .iter()
            .map(|b| b.count as f64 * (b.predicted - b.observed).abs())
            .sum::<f64>()
            / total;
        let brier = predictions
            .iter()
            .map(|(p, label)| (p - f64::from(u8::from(*label))).powi(2))
            .sum::<f64>()
            / total;
        Some(Self {
            bins,
            expected_calibration_error: error,
            brier,
        })
    }
}

impl ReliabilityBin {
    fn of<'a>(predictions: impl Iterator<Item = &'a (f64, bool)>) -> Option<Self> {
        let members: Vec<&(f64, bool)> = predictions.collect();
        let count = members.len();
        (count > 0).then(|| Self {
            count,
            predicted: members.iter().map(|(p, _)| p).sum::<f64>() / count as f64,
            observed: members.iter().filter(|(_, label)| *label).count() as f64 / count as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_error_measures_overconfidence() {
        let calibrated: Vec<(f64, bool)> = (0..100).map(|i| (0.7, i < 70)).collect();
        let overconfident: Vec<(f64, bool)> = (0..100).map(|i| (1.0, i < 70)).collect();
        assert!(
            Reliability::of(&calibrated, 10)
                .unwrap()
                .expected_calibration_error
                < 1e-9
        );
        assert!(
            (Reliability::of(&overconfident, 10)
                .unwrap()
                .expected_calibration_error
                - 0.3)
                .abs()
                < 1e-9
        );
        assert!((Reliability::of(&overconfident, 10).unwrap().brier - 0.3).abs() < 1e-9);
        assert_eq!(Reliability::of(&[], 10), None);
    }
}
