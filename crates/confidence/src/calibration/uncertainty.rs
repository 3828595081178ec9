//! Thresholds with confidence intervals and cross-validation.

use serde::{Deserialize, Serialize};

use super::resampling::{FOLDS, stratified_folds, stratified_weights};
use super::{CalibrationError, ConfusionMatrix, LabeledScore, Sample, Strategy};
use eidetic_domain::SplitMix64;

/// Resamples for an interval.
const RESAMPLES: usize = 1000;

/// A 95 % confidence interval (percentile bootstrap, stratified by class; Efron 1979).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 % of the resamples are below.
    pub low: f64,
    /// 2.5 % of the resamples are above.
    pub high: f64,
}

/// A threshold with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The strategy that chose it.
    pub strategy: Strategy,
    /// A pair is classified as a match from this score on.
    pub value: f64,
    /// The interval of the threshold on other pairs of the same kind.
    pub interval: Interval,
    /// How it classifies the pairs that it was chosen on, which is optimistic.
    pub outcome: ConfusionMatrix,
    /// How thresholds chosen on the other folds classify each fold, in total: the expected result on other
    /// pairs. `None` if the strategy failed on a fold.
    pub cross_validated: Option<ConfusionMatrix>,
    /// The interval of the precision.
    pub precision: Interval,
    /// The interval of the recall.
    pub recall: Interval,
}

impl Interval {
    /// The middle 95 % of `values`; `None` if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            values
                .get((share * (values.len().saturating_sub(1)) as f64).round() as usize)
                .copied()
        };
        Some(Self {
            low: at(0.025)?,
            high: at(0.975)?,
        })
    }
}

impl Threshold {
    /// Chooses a threshold on `sample`; `seed` determines the resamples and folds.
    ///
    /// Errors: no threshold reaches the strategy's precision or recall.
    pub fn choose(strategy: Strategy, sample: &Sample, seed: u64) -> Result<Self, CalibrationError> {
        let pairs = sample.pairs();
        let value = strategy.threshold(pairs, &vec![1; pairs.len()])?;
        let resampled = resampled(strategy, pairs, seed);
        let interval = |of: fn(&(f64, ConfusionMatrix)) -> f64| {
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
            outcome: ConfusionMatrix::of(pairs, value),
            cross_validated: cross_validated(strategy, pairs, seed),
            precision: interval(|(_, outcome)| outcome.precision()),
            recall: interval(|(_, outcome)| outcome.recall()),
        })
    }
}

/// Thresholds chosen on resamples, each with how it classifies the pairs that are not in the resample.
fn resampled(strategy: Strategy, pairs: &[LabeledScore], seed: u64) -> Vec<(f64, ConfusionMatrix)> {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let mut random = SplitMix64::new(seed);
    let draw = |_| {
        let weights = stratified_weights(&classes, &mut random);
        let threshold = strategy.threshold(pairs, &weights).ok()?;
        let left_out = without_weight(pairs, &weights);
        Some((threshold, ConfusionMatrix::of(&left_out, threshold)))
    };
    (0..RESAMPLES).filter_map(draw).collect()
}

fn without_weight(pairs: &[LabeledScore], weights: &[u32]) -> Vec<LabeledScore> {
    let zero = |(pair, weight): (&LabeledScore, &u32)| (*weight == 0).then_some(*pair);
    pairs.iter().zip(weights).filter_map(zero).collect()
}

fn cross_validated(strategy: Strategy, pairs: &[LabeledScore], seed: u64) -> Option<ConfusionMatrix> {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let folds = stratified_folds(&classes, FOLDS, &mut SplitMix64::new(seed));
    let held_out = |fold| {
        let weights: Vec<u32> = folds.iter().map(|f| u32::from(*f != fold)).collect();
        let threshold = strategy.threshold(pairs, &weights).ok()?;
        Some(ConfusionMatrix::of(&without_weight(pairs, &weights), threshold))
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
        let pair = |i: usize| LabeledScore {
            score: if i.is_multiple_of(3) { 0.3 } else { 0.2 } + 0.03 * noise(),
            matches: i.is_multiple_of(3),
        };
        Sample::new((0..count).map(pair).collect()).unwrap()
    }

    #[test]
    fn more_pairs_narrow_interval_around_truth() {
        let width = |count| {
            let interval = Threshold::choose(Strategy::Youden, &sample(count, 3), 7)
                .unwrap()
                .interval;
            // Both classes have the same deviation, so Youden's J is highest half-way.
            assert!(interval.low < 0.25 && 0.25 < interval.high, "{interval:?}");
            interval.high - interval.low
        };
        assert!(width(2000) < 0.7 * width(100));
    }

    #[test]
    fn cross_validation_counts_each_pair_once() {
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
