use serde::{Deserialize, Serialize};

use super::Labelled;

/// What a threshold does to a set of labelled pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Matching pairs at or above the threshold.
    pub true_positives: f64,
    /// Other pairs at or above the threshold.
    pub false_positives: f64,
    /// Matching pairs below it.
    pub false_negatives: f64,
    /// Other pairs below it.
    pub true_negatives: f64,
}

/// One threshold and its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// A pair counts as a match from this score on.
    pub threshold: f64,
    /// What that does.
    pub outcome: Outcome,
}

/// Every threshold that tells two scores of a sample apart, from the strictest to the one that admits all.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    cuts: Vec<Cut>,
}

impl Outcome {
    /// Of what was taken for a match, the part that is one; 1 where nothing was taken.
    pub fn precision(&self) -> f64 {
        part(self.true_positives, self.false_positives, 1.0)
    }

    /// Of the matches, the part that was taken for one.
    pub fn recall(&self) -> f64 {
        part(self.true_positives, self.false_negatives, 1.0)
    }

    /// Of what does not match, the part that was taken for a match.
    pub fn false_positive_rate(&self) -> f64 {
        part(self.false_positives, self.true_negatives, 0.0)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        part(
            2.0 * self.true_positives,
            self.false_positives + self.false_negatives,
            0.0,
        )
    }

    /// Youden's J: recall minus false-positive rate.
    pub fn youden(&self) -> f64 {
        self.recall() - self.false_positive_rate()
    }

    /// The outcome of `threshold` on `pairs`.
    pub fn of(pairs: &[Labelled], threshold: f64) -> Self {
        let count = |matches, above| {
            let is = |pair: &&Labelled| pair.matches == matches && (pair.score >= threshold) == above;
            pairs.iter().filter(is).count() as f64
        };
        Self {
            true_positives: count(true, true),
            false_positives: count(false, true),
            false_negatives: count(true, false),
            true_negatives: count(false, false),
        }
    }

    /// Both outcomes counted together.
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

fn part(of: f64, rest: f64, empty: f64) -> f64 {
    if of + rest > 0.0 { of / (of + rest) } else { empty }
}

impl Curve {
    /// The curve of `pairs`, which ascend by score, each counted `weights[i]` times.
    ///
    /// Thresholds lie half-way between neighbouring scores, where they are least in doubt.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn new(pairs: &[Labelled], weights: &[u32]) -> Self {
        assert_eq!(pairs.len(), weights.len(), "one weight a pair");
        let counted = || pairs.iter().zip(weights).filter(|(_, weight)| **weight > 0);
        let total = |matches| {
            counted()
                .filter(|(p, _)| p.matches == matches)
                .map(|(_, w)| f64::from(*w))
                .sum::<f64>()
        };
        let mut outcome = Outcome {
            true_positives: 0.0,
            false_positives: 0.0,
            false_negatives: total(true),
            true_negatives: total(false),
        };
        let mut cuts = Vec::new();
        let mut descending = counted().rev().peekable();
        while let Some((pair, &weight)) = descending.next() {
            outcome.admit(pair.matches, f64::from(weight));
            let below = descending.peek().map(|(next, _)| next.score);
            if below != Some(pair.score) {
                let threshold = below.map_or(pair.score, |below| f64::midpoint(pair.score, below));
                cuts.push(Cut { threshold, outcome });
            }
        }
        Self { cuts }
    }

    /// The cuts of `curve` that `keep` lets pass.
    pub(super) fn keeping(curve: &Self, keep: impl Fn(&Cut) -> bool) -> Self {
        Self {
            cuts: curve.cuts.iter().copied().filter(|cut| keep(cut)).collect(),
        }
    }

    /// The cuts, the strictest threshold first.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Area under the ROC curve: how often a matching pair scores above another one, ties counted half.
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

    /// Average precision: precision averaged over the steps of recall, without interpolation.
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

impl Outcome {
    fn admit(&mut self, matches: bool, weight: f64) {
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

    fn sorted() -> impl Strategy<Value = Vec<Labelled>> {
        let pair = (0u8..20, any::<bool>()).prop_map(|(s, matches)| Labelled {
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
        fn every_cut_says_what_counting_says(pairs in sorted()) {
            let curve = Curve::new(&pairs, &vec![1; pairs.len()]);
            for cut in curve.cuts() {
                prop_assert_eq!(cut.outcome, Outcome::of(&pairs, cut.threshold));
            }
        }

        #[test]
        fn a_weight_is_that_many_copies(pairs in sorted(), seed in 0u32..1000) {
            let weights: Vec<u32> = (0..pairs.len() as u32).map(|i| (i * 7 + seed) % 3).collect();
            let copies: Vec<Labelled> =
                pairs.iter().zip(&weights).flat_map(|(p, w)| std::iter::repeat_n(*p, *w as usize)).collect();
            prop_assert_eq!(Curve::new(&pairs, &weights), Curve::new(&copies, &vec![1; copies.len()]));
        }

        #[test]
        fn the_roc_area_is_the_share_of_pairs_in_right_order(pairs in sorted()) {
            let (yes, no): (Vec<&Labelled>, Vec<&Labelled>) = pairs.iter().partition(|p| p.matches);
            prop_assume!(!yes.is_empty() && !no.is_empty());
            let wins: f64 = yes.iter().flat_map(|a| no.iter().map(move |b| (a.score, b.score)))
                .map(|(a, b)| if a > b { 1.0 } else if a < b { 0.0 } else { 0.5 }).sum();
            let area = Curve::new(&pairs, &vec![1; pairs.len()]).roc_area();
            prop_assert!((area - wins / (yes.len() * no.len()) as f64).abs() < 1e-9);
        }
    }
}
