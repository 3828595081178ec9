//! How well predicted probabilities are calibrated.

use serde::{Deserialize, Serialize};

use super::Reliability;

/// Bins of the reliability diagram.
const RELIABILITY_BINS: usize = 10;
/// The lowest probability in a log loss, so that one wrong certainty doesn't make the mean infinite.
const MIN_PROBABILITY: f64 = 1e-6;

/// The distance of predicted probabilities from the labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationMetrics {
    /// The reliability diagram and its error.
    pub reliability: Reliability,
    /// Mean of −ln(probability of the true label). Lower is better; a constant 0.5 has 0.69.
    pub log_loss: f64,
}

impl CalibrationMetrics {
    /// Compares probabilities with labels; `None` if there are none, or a probability is NaN.
    pub fn of(predictions: &[(f64, bool)]) -> Option<Self> {
        let losses = predictions.iter().map(|&(p, label)| log_loss(p, label));
        let log_loss = losses.sum::<f64>() / predictions.len() as f64;
        let reliability = Reliability::of(predictions, RELIABILITY_BINS)?;
        log_loss.is_finite().then_some(Self {
            reliability,
            log_loss,
        })
    }
}

/// −ln of the probability of the true label.
pub(super) fn log_loss(probability: f64, label: bool) -> f64 {
    let of_label = if label { probability } else { 1.0 - probability };
    -of_label.max(MIN_PROBABILITY).ln()
}
