//! Isotonic regression of labels on scores.

use serde::{Deserialize, Serialize};

use super::Sample;

/// A probability by isotonic regression (pool adjacent violators; Zadrozny, Elkan 2002), interpolated
/// linearly between the steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Scores in ascending order, each with a probability that never falls; at least one.
    knots: Vec<(f64, f64)>,
}

/// Neighboring pairs with one probability.
#[derive(Clone, Copy)]
struct PooledBlock {
    score_sum: f64,
    matching: f64,
    count: f64,
}

impl PooledBlock {
    /// Smoothed by Laplace's rule, so that a block of few pairs doesn't become certain.
    fn probability(&self) -> f64 {
        (self.matching + 1.0) / (self.count + 2.0)
    }

    fn rate(&self) -> f64 {
        self.matching / self.count
    }

    fn merged(&self, other: &Self) -> Self {
        Self {
            score_sum: self.score_sum + other.score_sum,
            matching: self.matching + other.matching,
            count: self.count + other.count,
        }
    }
}

impl Isotonic {
    /// Fits the steps to a sample.
    pub fn fit(sample: &Sample) -> Self {
        let mut blocks: Vec<PooledBlock> = Vec::new();
        let mut last_score = f64::NEG_INFINITY;
        for pair in sample.pairs() {
            let mut block = PooledBlock {
                score_sum: pair.score,
                matching: f64::from(u8::from(pair.matches)),
                count: 1.0,
            };
            // Equal scores are in one block, whatever their labels.
            let mut equal = pair.score <= last_score;
            last_score = pair.score;
            while let Some(before) = blocks.pop_if(|before| equal || before.rate() >= block.rate()) {
                block = before.merged(&block);
                equal = false;
            }
            blocks.push(block);
        }
        Self {
            knots: rising(&blocks),
        }
    }

    /// Whether there is at least one knot, scores rise, and probabilities never fall. False only for a
    /// damaged file.
    pub fn is_valid(&self) -> bool {
        let is_in_range = |(score, p): &(f64, f64)| score.is_finite() && (0.0..=1.0).contains(p);
        let rises = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        !self.knots.is_empty() && self.knots.iter().all(is_in_range) && self.knots.windows(2).all(rises)
    }

    /// Probability of a match at `score`: interpolated between two knots, constant outside of them.
    pub fn probability(&self, score: f64) -> f64 {
        let after = self.knots.partition_point(|(at, _)| *at <= score);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after)) {
            (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (score - x0) / (x1 - x0),
            (Some((_, y)), None) | (None, Some(&(_, y))) => y,
            (None, None) => 0.0,
        }
    }
}

/// A knot at the mean score of each block. Smoothing can lower a small block below its predecessor, so each
/// knot takes the maximum so far.
fn rising(blocks: &[PooledBlock]) -> Vec<(f64, f64)> {
    let mut highest = 0.0f64;
    let knot = |block: &PooledBlock| {
        highest = highest.max(block.probability());
        (block.score_sum / block.count, highest)
    };
    blocks.iter().map(knot).collect()
}

#[cfg(test)]
mod tests {
    use super::super::LabeledScore;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn probabilities_rise_between_zero_and_one(
            labels in prop::collection::vec((0u8..50, any::<bool>()), 30..200),
        ) {
            let pairs = labels.iter().map(|&(s, matches)| LabeledScore { score: f64::from(s) / 50.0, matches }).collect();
            let Ok(sample) = Sample::new(pairs) else { return Ok(()) };
            let fitted = Isotonic::fit(&sample);
            let mut last = 0.0;
            for i in -10..70 {
                let p = fitted.probability(f64::from(i) / 50.0);
                prop_assert!(p >= last && p > 0.0 && p < 1.0);
                last = p;
            }
        }
    }

    #[test]
    fn adjacent_violators_are_pooled() {
        let labels = [false, false, false, false, true, false, true, true, true, true];
        let pairs = labels
            .iter()
            .enumerate()
            .map(|(i, &matches)| LabeledScore {
                score: i as f64,
                matches,
            })
            .collect();
        let fitted = Isotonic::fit(&Sample::new(pairs).unwrap());
        // Pairs 4 and 5 are out of order: they share the probability (1 + 1) / (2 + 2) at their mean score
        // 4.5.
        assert!((fitted.probability(4.5) - 0.5).abs() < 1e-12);
        assert!((fitted.probability(-1.0) - 1.0 / 6.0).abs() < 1e-12);
        assert!((fitted.probability(100.0) - 5.0 / 6.0).abs() < 1e-12);
    }
}
