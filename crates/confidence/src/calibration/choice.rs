//! Which curve the pairs deserve: a logistic one is right with few pairs, rising steps where there are many and the
//! logistic form is wrong (Niculescu-Mizil, Caruana 2005).

use super::calibrated::{SEED, log_loss};
use super::resampling::stratified_folds;
use super::{Isotonic, Labelled, Platt, Sample};
use crate::Fit;
use eidetic_domain::SplitMix64;

/// Parts for cross-validation; fewer than the least number of pairs of a class would leave folds without one.
const FOLDS: usize = 5;

/// A fit of all pairs, and what fits of four fifths of them say of the rest.
pub(super) struct Choice {
    pub(super) fit: Fit,
    /// Probability and truth of each pair.
    pub(super) held_out: Vec<(f64, bool)>,
}

/// Platt's curve, unless the log loss of isotonic steps is lower by more than the standard error of the difference.
pub(super) fn choose_fit(sample: &Sample) -> Choice {
    let platt = cross_validated(sample, |part| Fit::Platt(Platt::fit(part, None)));
    let isotonic = cross_validated(sample, |part| Fit::Isotonic(Isotonic::fit(part)));
    if better_by_more_than_chance(&isotonic, &platt) {
        return Choice {
            fit: Fit::Isotonic(Isotonic::fit(sample)),
            held_out: isotonic,
        };
    }
    Choice {
        fit: Fit::Platt(Platt::fit(sample, None)),
        held_out: platt,
    }
}

/// The truth of every pair beside what `stated` says of it, by its place; pairs of which it says nothing are left out.
pub(super) fn held_out(
    sample: &Sample,
    stated: impl Fn(usize, &Labelled) -> Option<f64>,
) -> Vec<(f64, bool)> {
    let pairs = sample.pairs().iter().enumerate();
    pairs
        .filter_map(|(at, pair)| Some((stated(at, pair)?, pair.matches)))
        .collect()
}

fn cross_validated(sample: &Sample, fit: impl Fn(&Sample) -> Fit) -> Vec<(f64, bool)> {
    let classes: Vec<bool> = sample.pairs().iter().map(|pair| pair.matches).collect();
    let folds = stratified_folds(&classes, FOLDS, &mut SplitMix64::new(SEED));
    // A part whose scores are all the same tells nothing: the fit of all must do.
    let without = |fold| {
        sample
            .part(|at| folds[at] != fold)
            .map_or_else(|| fit(sample), |part| fit(&part))
    };
    let fits: Vec<Fit> = (0..FOLDS).map(without).collect();
    held_out(sample, |at, pair| fits[folds[at]].of_score(pair.score))
}

/// Both in the same order of pairs.
fn better_by_more_than_chance(one: &[(f64, bool)], other: &[(f64, bool)]) -> bool {
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
            Labelled {
                score,
                matches: uniform() < probability(score),
            }
        };
        Sample::new((0..count).map(pair).collect()).unwrap()
    }

    #[test]
    fn a_logistic_truth_gets_platts_curve_and_a_staircase_gets_steps() {
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
        assert!(matches!(choose_fit(&sample(200, logistic)).fit, Fit::Platt(_)));
        assert!(matches!(
            choose_fit(&sample(4000, staircase)).fit,
            Fit::Isotonic(_)
        ));
    }

    #[test]
    fn the_fewest_pairs_that_are_allowed_can_be_cross_validated() {
        let pairs = (0..10u32).map(|i| Labelled {
            score: f64::from(i),
            matches: i >= 5,
        });
        let choice = choose_fit(&Sample::new(pairs.collect()).unwrap());
        assert_eq!(choice.held_out.len(), 10);
        assert!(choice.held_out.iter().all(|(p, _)| *p > 0.0 && *p < 1.0));
    }
}
