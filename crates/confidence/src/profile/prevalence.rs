//! The share of matches in a batch, estimated from its scores.

use super::evidence::{Evidence, WeightedScores};
use crate::calibration::Calibration;

/// With fewer pairs the interval is too wide to be of use.
const MIN_PAIRS: usize = 100;
const MAX_STEPS: usize = 1_000;
const TOLERANCE: f64 = 1e-7;
/// The normal quantile of a one-sided 95 % bound.
const Z: f64 = 1.645;
/// Limits of what is estimated: beyond them labels of some hundred pairs say nothing.
const LEAST: f64 = 0.001;
const MOST: f64 = 0.999;

/// An estimated share of matches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimatedPrevalence {
    /// The most probable share.
    pub share: f64,
    /// The lower 95 % bound, which thresholds use.
    pub low: f64,
    /// The pairs that it was estimated from.
    pub pairs: usize,
}

/// Estimates the share of matches among pairs with these scores by maximum likelihood, if their classes score
/// as those of the labeled pairs do (Saerens, Latinne & Decaestecker 2002). `None` for fewer than 100
/// finite scores, and where the calibration has too few labels.
pub fn estimate_prevalence(scores: &[f64], calibration: &Calibration) -> Option<EstimatedPrevalence> {
    let evidence = Evidence::of(calibration)?;
    let ratios = likelihood_ratios(scores, &evidence.all);
    if ratios.len() < MIN_PAIRS {
        return None;
    }
    let share = most_likely_share(&ratios, evidence.all.label_share);
    let information: f64 = ratios
        .iter()
        .map(|ratio| ((ratio - 1.0) / (share * ratio + 1.0 - share)).powi(2))
        .sum();
    let error = Z / information.max(f64::MIN_POSITIVE).sqrt();
    Some(EstimatedPrevalence {
        share,
        low: (share - error).clamp(LEAST, MOST),
        pairs: ratios.len(),
    })
}

/// How much more probable each score is for a match than for another pair.
fn likelihood_ratios(scores: &[f64], evidence: &WeightedScores) -> Vec<f64> {
    let finite = scores.iter().filter(|score| score.is_finite());
    finite
        .map(|score| evidence.likelihood_ratio(*score).clamp(1e-9, 1e9))
        .collect()
}

fn most_likely_share(ratios: &[f64], start: f64) -> f64 {
    let mut share = start.clamp(LEAST, MOST);
    for _ in 0..MAX_STEPS {
        let posterior = |ratio: &f64| share * ratio / (share * ratio + 1.0 - share);
        let next = ratios.iter().map(posterior).sum::<f64>() / ratios.len() as f64;
        let next = next.clamp(LEAST, MOST);
        let change = (next - share).abs();
        share = next;
        if change < TOLERANCE {
            break;
        }
    }
    share
}
