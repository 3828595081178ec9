use serde::{Deserialize, Serialize};

use super::resampling::{stratified_folds, stratified_weights};
use super::{CalibrationError, Labelled, Outcome, Sample, Strategy};
use eidetic_domain::SplitMix64;

/// Samples drawn for an interval.
const RESAMPLES: usize = 1000;
/// Parts for cross-validation.
const FOLDS: usize = 5;

/// Where a figure lies with 95 % confidence (percentile bootstrap, each class resampled by itself; Efron 1979).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 % of the resamples lie below.
    pub low: f64,
    /// 2.5 % of the resamples lie above.
    pub high: f64,
}

/// A chosen threshold, and what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// How it was chosen.
    pub strategy: Strategy,
    /// A pair counts as a match from this score on.
    pub value: f64,
    /// Where it would lie on other pairs of the same kind.
    pub interval: Interval,
    /// What it does to the pairs it was chosen on: too rosy.
    pub outcome: Outcome,
    /// What thresholds chosen on four fifths of the pairs do to the fifth kept back, added up over the five: what to
    /// expect. `None` where a fold had too little to choose from.
    pub cross_validated: Option<Outcome>,
    /// Of the precision on resamples.
    pub precision: Interval,
    /// Of the recall on resamples.
    pub recall: Interval,
}

impl Interval {
    /// The middle 95 % of `values`; `None` where there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            values
                .get((part * (values.len().saturating_sub(1)) as f64).round() as usize)
                .copied()
        };
        Some(Self {
            low: at(0.025)?,
            high: at(0.975)?,
        })
    }
}

impl Threshold {
    /// Chooses a threshold on `sample`; `seed` fixes the resamples.
    ///
    /// Errors: the strategy asks for a precision or recall that no threshold reaches.
    pub fn choose(strategy: Strategy, sample: &Sample, seed: u64) -> Result<Self, CalibrationError> {
        let pairs = sample.pairs();
        let value = strategy.threshold(pairs, &vec![1; pairs.len()])?;
        let resampled = resampled(strategy, pairs, seed);
        let interval = |of: fn(&(f64, Outcome)) -> f64| {
            let values = resampled.iter().map(of).collect();
            Interval::of(values).unwrap_or(Interval {
                low: value,
                high: value,
            })
        };
        Ok(Self {
            strategy,
            value,
            interval: interval(|(threshold, _)| *threshold),
            outcome: Outcome::of(pairs, value),
            cross_validated: cross_validated(strategy, pairs, seed),
            precision: interval(|(_, outcome)| outcome.precision()),
            recall: interval(|(_, outcome)| outcome.recall()),
        })
    }
}

/// Thresholds chosen on resamples, with what they do to the pairs that the resample left out.
fn resampled(strategy: Strategy, pairs: &[Labelled], seed: u64) -> Vec<(f64, Outcome)> {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let mut random = SplitMix64::new(seed);
    let draw = |_| {
        let weights = stratified_weights(&classes, &mut random);
        let threshold = strategy.threshold(pairs, &weights).ok()?;
        let left_out: Vec<Labelled> = of_weight_zero(pairs, &weights);
        Some((threshold, Outcome::of(&left_out, threshold)))
    };
    (0..RESAMPLES).filter_map(draw).collect()
}

fn of_weight_zero(pairs: &[Labelled], weights: &[u32]) -> Vec<Labelled> {
    let zero = |(pair, weight): (&Labelled, &u32)| (*weight == 0).then_some(*pair);
    pairs.iter().zip(weights).filter_map(zero).collect()
}

fn cross_validated(strategy: Strategy, pairs: &[Labelled], seed: u64) -> Option<Outcome> {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let folds = stratified_folds(&classes, FOLDS, &mut SplitMix64::new(seed));
    let held_out = |fold| {
        let weights: Vec<u32> = folds.iter().map(|f| u32::from(*f != fold)).collect();
        let threshold = strategy.threshold(pairs, &weights).ok()?;
        Some(Outcome::of(&of_weight_zero(pairs, &weights), threshold))
    };
    (0..FOLDS)
        .map(held_out)
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .reduce(|sum, next| sum.plus(&next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matching scores around 0.3, others around 0.2, deviation about 0.03.
    fn sample(count: usize, seed: u64) -> Sample {
        let mut random = SplitMix64::new(seed);
        let mut noise = move || {
            (0..12)
                .map(|_| random.below(1 << 20) as f64 / f64::from(1 << 20))
                .sum::<f64>()
                - 6.0
        };
        let pair = |i: usize| Labelled {
            score: if i.is_multiple_of(3) { 0.3 } else { 0.2 } + 0.03 * noise(),
            matches: i.is_multiple_of(3),
        };
        Sample::new((0..count).map(pair).collect()).unwrap()
    }

    #[test]
    fn more_pairs_narrow_the_interval_and_it_covers_the_truth() {
        let width = |count| {
            let interval = Threshold::choose(Strategy::Youden, &sample(count, 3), 7)
                .unwrap()
                .interval;
            // Equal deviations: the best threshold of Youden's J lies half-way.
            assert!(interval.low < 0.25 && 0.25 < interval.high, "{interval:?}");
            interval.high - interval.low
        };
        assert!(width(2000) < 0.7 * width(100));
    }

    #[test]
    fn cross_validation_counts_every_pair_once_and_is_repeatable() {
        let sample = sample(150, 5);
        let threshold = Threshold::choose(Strategy::Precision(0.95), &sample, 7).unwrap();
        let outcome = threshold.cross_validated.unwrap();
        let counted = outcome.true_positives
            + outcome.false_positives
            + outcome.false_negatives
            + outcome.true_negatives;
        assert!((counted - 150.0).abs() < 1e-9);
        assert_eq!(
            threshold,
            Threshold::choose(Strategy::Precision(0.95), &sample, 7).unwrap()
        );
    }
}
