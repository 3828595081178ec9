//! Thresholds on labeled scores, with their confusion matrices.

use serde::{Deserialize, Serialize};

use super::LabeledScore;

/// How a threshold classifies labeled pairs. Counts are `f64`, since pairs can be weighted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// Matching pairs at or above the threshold.
    pub true_positives: f64,
    /// Other pairs at or above the threshold.
    pub false_positives: f64,
    /// Matching pairs below it.
    pub false_negatives: f64,
    /// Other pairs below it.
    pub true_negatives: f64,
}

/// A threshold with its confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// A pair is classified as a match from this score on.
    pub threshold: f64,
    /// How it classifies the pairs.
    pub outcome: ConfusionMatrix,
}

/// Every threshold that separates two scores of a sample, from the strictest to the one that all pairs reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    cuts: Vec<Cut>,
}

impl ConfusionMatrix {
    /// Share of matching pairs among those classified as matches; 1 if there are none.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.false_positives, 1.0)
    }

    /// Share of the matching pairs that are classified as matches.
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.false_negatives, 1.0)
    }

    /// Share of the other pairs that are classified as matches.
    pub fn false_positive_rate(&self) -> f64 {
        share(self.false_positives, self.true_negatives, 0.0)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        share(
            2.0 * self.true_positives,
            self.false_positives + self.false_negatives,
            0.0,
        )
    }

    /// Youden's J: recall minus false-positive rate.
    pub fn youden(&self) -> f64 {
        self.recall() - self.false_positive_rate()
    }

    /// How `threshold` classifies `pairs`.
    pub fn of(pairs: &[LabeledScore], threshold: f64) -> Self {
        let count = |matches, above| {
            let is = |pair: &&LabeledScore| pair.matches == matches && (pair.score >= threshold) == above;
            pairs.iter().filter(is).count() as f64
        };
        Self {
            true_positives: count(true, true),
            false_positives: count(false, true),
            false_negatives: count(true, false),
            true_negatives: count(false, false),
        }
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        Self {
            true_positives: self.true_positives + more.true_positives,
            false_positives: self.false_positives + more.false_positives,
            false_negatives: self.false_negatives + more.false_negatives,
            true_negatives: self.true_negatives + more.true_negatives,
        }
    }
}

/// `part / (part + rest)`, or `empty` if both are 0.
fn share(part: f64, rest: f64, empty: f64) -> f64 {
    if part + rest > 0.0 {
        part / (part + rest)
    } else {
        empty
    }
}

impl Curve {
    /// The curve of `pairs`, which are in ascending order of score and each counted `weights[i]` times.
    ///
    /// Thresholds are half-way between neighboring scores, where they are most robust.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn new(pairs: &[LabeledScore], weights: &[u32]) -> Self {
        assert_eq!(pairs.len(), weights.len(), "one weight per pair");
        let counted = || pairs.iter().zip(weights).filter(|(_, weight)| **weight > 0);
        let total = |matches| {
            counted()
                .filter(|(p, _)| p.matches == matches)
                .map(|(_, w)| f64::from(*w))
                .sum::<f64>()
        };
        let mut outcome = ConfusionMatrix {
            true_positives: 0.0,
            false_positives: 0.0,
            false_negatives: total(true),
            true_negatives: total(false),
        };
        let mut cuts = Vec::new();
        let mut descending = counted().rev().peekable();
        while let Some((pair, &weight)) = descending.next() {
            outcome.count_as_match(pair.matches, f64::from(weight));
            let below = descending.peek().map(|(next, _)| next.score);
            if below != Some(pair.score) {
                let threshold = below.map_or(pair.score, |below| f64::midpoint(pair.score, below));
                cuts.push(Cut { threshold, outcome });
            }
        }
        Self { cuts }
    }

    /// The curve with the cuts that `keep` accepts.
    pub(super) fn filtered(&self, keep: impl Fn(&Cut) -> bool) -> Self {
        Self {
            cuts: self.cuts.iter().copied().filter(|cut| keep(cut)).collect(),
        }
    }

    /// The cuts, the strictest first.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Area under the ROC curve: the probability that a matching pair scores higher than another pair; ties
    /// count half.
    pub fn roc_area(&self) -> f64 {
        let mut area = 0.0;
        let (mut x, mut y) = (0.0, 0.0);
        for cut in &self.cuts {
            let (next_x, next_y) = (cut.outcome.false_positive_rate(), cut.outcome.recall());
            area += (next_x - x) * f64::midpoint(y, next_y);
            (x, y) = (next_x, next_y);
        }
        area
    }

    /// Precision averaged over the steps of recall, without interpolation.
    pub fn average_precision(&self) -> f64 {
        let mut recall = 0.0;
        let mut area = 0.0;
        for cut in &self.cuts {
            area += (cut.outcome.recall() - recall) * cut.outcome.precision();
            recall = cut.outcome.recall();
        }
        area
    }
}

impl ConfusionMatrix {
    /// Moves pairs of one class from below the threshold to above it.
    fn count_as_match(&mut self, matches: bool, weight: f64) {
        let (from, to) = if matches {
            (&mut self.false_negatives, &mut self.true_positives)
        } else {
            (&mut self.true_negatives, &mut self.false_positives)
        };
        *from -= weight;
        *to += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted() -> impl Strategy<Value = Vec<LabeledScore>> {
        let pair = (0u8..20, any::<bool>()).prop_map(|(s, matches)| LabeledScore {
            score: f64::from(s) / 20.0,
            matches,
        });
        prop::collection::vec(pair, 2..60).prop_map(|mut pairs| {
            pairs.sort_by(|a, b| a.score.total_cmp(&b.score));
            pairs
        })
    }

    proptest! {
        #[test]
        fn cuts_equal_direct_counts(pairs in sorted()) {
            let curve = Curve::new(&pairs, &vec![1; pairs.len()]);
            for cut in curve.cuts() {
                prop_assert_eq!(cut.outcome, ConfusionMatrix::of(&pairs, cut.threshold));
            }
        }

        #[test]
        fn weight_equals_copies_of_pair(pairs in sorted(), seed in 0u32..1000) {
            let weights: Vec<u32> = (0..pairs.len() as u32).map(|i| (i * 7 + seed) % 3).collect();
            let copies: Vec<LabeledScore> =
                pairs.iter().zip(&weights).flat_map(|(p, w)| std::iter::repeat_n(*p, *w as usize)).collect();
            prop_assert_eq!(Curve::new(&pairs, &weights), Curve::new(&copies, &vec![1; copies.len()]));
        }

        #[test]
        fn roc_area_is_share_of_ordered_pairs(pairs in sorted()) {
            let (yes, no): (Vec<&LabeledScore>, Vec<&LabeledScore>) = pairs.iter().partition(|p| p.matches);
            prop_assume!(!yes.is_empty() && !no.is_empty());
            let wins: f64 = yes.iter().flat_map(|a| no.iter().map(move |b| (a.score, b.score)))
                .map(|(a, b)| if a > b { 1.0 } else if a < b { 0.0 } else { 0.5 }).sum();
            let area = Curve::new(&pairs, &vec![1; pairs.len()]).roc_area();
            prop_assert!((area - wins / (yes.len() * no.len()) as f64).abs() < 1e-9);
        }
    }
}
