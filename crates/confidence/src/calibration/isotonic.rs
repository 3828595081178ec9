use serde::{Deserialize, Serialize};

use super::Sample;

/// A probability as the best rising steps through the labels (pool adjacent violators; Zadrozny, Elkan 2002), joined
/// by straight lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Scores in ascending order with the probability at each, which never falls; at least one.
    knots: Vec<(f64, f64)>,
}

/// Neighbouring pairs that share one probability.
#[derive(Clone, Copy)]
struct Block {
    score_sum: f64,
    matching: f64,
    count: f64,
}

impl Block {
    /// Laplace's rule keeps a block of few pairs from promising certainty.
    fn probability(&self) -> f64 {
        (self.matching + 1.0) / (self.count + 2.0)
    }

    fn rate(&self) -> f64 {
        self.matching / self.count
    }

    fn joined(&self, with: &Self) -> Self {
        Self {
            score_sum: self.score_sum + with.score_sum,
            matching: self.matching + with.matching,
            count: self.count + with.count,
        }
    }
}

impl Isotonic {
    /// Fits the steps to `sample`.
    pub fn fit(sample: &Sample) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut last_score = f64::NEG_INFINITY;
        for pair in sample.pairs() {
            let mut block = Block {
                score_sum: pair.score,
                matching: f64::from(u8::from(pair.matches)),
                count: 1.0,
            };
            // Equal scores share a block whatever their labels.
            let mut equal = pair.score <= last_score;
            last_score = pair.score;
            while let Some(before) = blocks.pop_if(|before| equal || before.rate() >= block.rate()) {
                block = before.joined(&block);
                equal = false;
            }
            blocks.push(block);
        }
        Self {
            knots: rising(&blocks),
        }
    }

    /// Whether the knots are what a fit gives: at least one, scores ascending, probabilities never falling. A file can
    /// say anything.
    pub fn is_usable(&self) -> bool {
        let inside = |(score, p): &(f64, f64)| score.is_finite() && (0.0..=1.0).contains(p);
        let rises = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        !self.knots.is_empty() && self.knots.iter().all(inside) && self.knots.windows(2).all(rises)
    }

    /// Probability of a match at `score`: between two knots by the straight line, outside by the outermost.
    pub fn probability(&self, score: f64) -> f64 {
        let after = self.knots.partition_point(|(at, _)| *at <= score);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after)) {
            (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (score - x0) / (x1 - x0),
            (Some((_, y)), None) | (None, Some(&(_, y))) => y,
            (None, None) => 0.0,
        }
    }
}

/// A knot at the mean score of each block. Laplace's rule can turn small neighbours about; the greatest so far stands.
fn rising(blocks: &[Block]) -> Vec<(f64, f64)> {
    let mut greatest = 0.0f64;
    let knot = |block: &Block| {
        greatest = greatest.max(block.probability());
        (block.score_sum / block.count, greatest)
    };
    blocks.iter().map(knot).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Labelled;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn probabilities_rise_and_stay_inside_zero_and_one(
            labels in prop::collection::vec((0u8..50, any::<bool>()), 30..200),
        ) {
            let pairs = labels.iter().map(|&(s, matches)| Labelled { score: f64::from(s) / 50.0, matches }).collect();
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
    fn violators_are_pooled_to_their_mean() {
        let labels = [false, false, false, false, true, false, true, true, true, true];
        let pairs = labels
            .iter()
            .enumerate()
            .map(|(i, &matches)| Labelled {
                score: i as f64,
                matches,
            })
            .collect();
        let fitted = Isotonic::fit(&Sample::new(pairs).unwrap());
        // Pairs 4 and 5 are out of order: they share the probability (1 + 1) / (2 + 2) at their mean score 4.5.
        assert!((fitted.probability(4.5) - 0.5).abs() < 1e-12);
        assert!((fitted.probability(-1.0) - 1.0 / 6.0).abs() < 1e-12);
        assert!((fitted.probability(100.0) - 5.0 / 6.0).abs() < 1e-12);
    }
}
