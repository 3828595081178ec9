//! The choice between curves: a logistic one is better with few pairs, isotonic steps are better with many
//! pairs that a logistic curve doesn't fit (Niculescu-Mizil, Caruana 2005).

use super::metrics::log_loss;
use super::resampling::{FOLDS, SEED, stratified_folds};
use super::{Isotonic, LabeledScore, Platt, Sample};
use crate::Calibrator;
use eidetic_domain::SplitMix64;

/// A calibrator fitted to all pairs, with cross-validated predictions.
pub(super) struct CalibratorChoice {
    pub(super) calibrator: Calibrator,
    /// Probability and label of each pair, from a fit to the other folds.
    pub(super) held_out: Vec<(f64, bool)>,
}

/// Platt's curve, unless the log loss of isotonic steps is lower by more than the standard error of the
/// difference.
pub(super) fn choose_calibrator(sample: &Sample) -> CalibratorChoice {
    let platt = cross_validated(sample, |part| Calibrator::Platt(Platt::fit(part, None)));
    let isotonic = cross_validated(sample, |part| Calibrator::Isotonic(Isotonic::fit(part)));
    if is_significantly_better(&isotonic, &platt) {
        return CalibratorChoice {
            calibrator: Calibrator::Isotonic(Isotonic::fit(sample)),
            held_out: isotonic,
        };
    }
    CalibratorChoice {
        calibrator: Calibrator::Platt(Platt::fit(sample, None)),
        held_out: platt,
    }
}

/// The prediction for every pair, given its index, with its label. Pairs without a prediction are left out.
pub(super) fn predictions(
    sample: &Sample,
    predict: impl Fn(usize, &LabeledScore) -> Option<f64>,
) -> Vec<(f64, bool)> {
    let pairs = sample.pairs().iter().enumerate();
    pairs
        .filter_map(|(at, pair)| Some((predict(at, pair)?, pair.matches)))
        .collect()
}

fn cross_validated(sample: &Sample, fit: impl Fn(&Sample) -> Calibrator) -> Vec<(f64, bool)> {
    let classes: Vec<bool> = sample.pairs().iter().map(|pair| pair.matches).collect();
    let folds = stratified_folds(&classes, FOLDS, &mut SplitMix64::new(SEED));
    // Folds whose scores are all equal cannot be fitted; the fit to all pairs is used instead.
    let without = |fold| {
        sample
            .subset(|at| folds[at] != fold)
            .map_or_else(|| fit(sample), |part| fit(&part))
    };
    let fits: Vec<Calibrator> = (0..FOLDS).map(without).collect();
    predictions(sample, |at, pair| fits[folds[at]].probability(pair.score))
}

/// Compares predictions of the same pairs in the same order.
fn is_significantly_better(one: &[(f64, bool)], other: &[(f64, bool)]) -> bool {
    let gains = one
        .iter()
        .zip(other)
        .map(|(a, b)| log_loss(b.0, b.1) - log_loss(a.0, a.1));
    let gains: Vec<f64> = gains.collect();
    let count = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / count;
    let squares: f64 = gains.iter().map(|gain| (gain - mean).powi(2)).sum();
    mean > (squares / (count - 1.0) / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: u32, probability: impl Fn(f64) -> f64) -> Sample {
        let mut random = SplitMix64::new(21);
        let mut uniform = move || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let pair = |_| {
            let score = uniform();
            LabeledScore {
                score,
                matches: uniform() < probability(score),
            }
        };
        Sample::new((0..count).map(pair).collect()).unwrap()
    }

    #[test]
    fn platt_fits_logistic_and_isotonic_fits_steps() {
        let logistic = |score: f64| 1.0 / (1.0 + (6.0 - 12.0 * score).exp());
        let staircase = |score: f64| {
            if score < 0.1 {
                0.02
            } else if score < 0.9 {
                0.5
            } else {
                0.98
            }
        };
        assert!(matches!(
            choose_calibrator(&sample(200, logistic)).calibrator,
            Calibrator::Platt(_)
        ));
        assert!(matches!(
            choose_calibrator(&sample(4000, staircase)).calibrator,
            Calibrator::Isotonic(_)
        ));
    }

    #[test]
    fn fewest_allowed_pairs_can_be_cross_validated() {
        let pairs = (0..10u32).map(|i| LabeledScore {
            score: f64::from(i),
            matches: i >= 5,
        });
        let choice = choose_calibrator(&Sample::new(pairs.collect()).unwrap());
        assert_eq!(choice.held_out.len(), 10);
        assert!(choice.held_out.iter().all(|(p, _)| *p > 0.0 && *p < 1.0));
    }
}
