use serde::{Deserialize, Serialize};

/// How far stated probabilities are from what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Bins of equal width over 0..=1, empty ones left out: the reliability diagram.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: mean distance of stated and observed, weighted by count (Naeini et al. 2015).
    pub expected_calibration_error: f64,
    /// Mean squared distance of probability and truth (Brier 1950).
    pub brier: f64,
}

/// Predictions of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Predictions in the bin.
    pub count: usize,
    /// Mean of the probabilities stated.
    pub stated: f64,
    /// Part of them that came true.
    pub observed: f64,
}

impl Reliability {
    /// Compares probabilities with what came true, in `bins` bins; `None` where there is nothing to compare.
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
            .map(|b| b.count as f64 * (b.stated - b.observed).abs())
            .sum::<f64>()
            / total;
        let brier = predictions
            .iter()
            .map(|(p, truth)| (p - f64::from(u8::from(*truth))).powi(2))
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
            stated: members.iter().map(|(p, _)| p).sum::<f64>() / count as f64,
            observed: members.iter().filter(|(_, truth)| *truth).count() as f64 / count as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_probabilities_have_no_error_and_boasts_have_theirs() {
        let honest: Vec<(f64, bool)> = (0..100).map(|i| (0.7, i < 70)).collect();
        let boast: Vec<(f64, bool)> = (0..100).map(|i| (1.0, i < 70)).collect();
        assert!(Reliability::of(&honest, 10).unwrap().expected_calibration_error < 1e-9);
        assert!((Reliability::of(&boast, 10).unwrap().expected_calibration_error - 0.3).abs() < 1e-9);
        assert!((Reliability::of(&boast, 10).unwrap().brier - 0.3).abs() < 1e-9);
        assert_eq!(Reliability::of(&[], 10), None);
    }
}
