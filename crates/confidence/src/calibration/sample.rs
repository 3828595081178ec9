//! Labeled scores.

use serde::{Deserialize, Serialize};

use super::CalibrationError;

/// Minimum number of pairs of each class.
pub const MIN_PER_CLASS: usize = 5;

/// The score of a pair with its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabeledScore {
    /// Cosine similarity, or any other score where higher is closer.
    pub score: f64,
    /// The label: whether the pair matches.
    pub matches: bool,
}

/// Labeled scores that a calibration can be fitted to: finite, of both classes, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pairs: Vec<LabeledScore>,
    matching: usize,
}

/// One class of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Pairs of the class.
    pub count: usize,
    /// Mean score.
    pub mean: f64,
    /// Standard deviation of the scores (n − 1).
    pub deviation: f64,
}

/// Scores of each class in bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub from: f64,
    /// Upper edge of the last bin, inclusive.
    pub to: f64,
    /// Matching pairs in each bin.
    pub matching: Vec<usize>,
    /// Other pairs in each bin.
    pub other: Vec<usize>,
}

impl Sample {
    /// Sorts labeled scores.
    ///
    /// Errors: a score is not finite, a class has fewer than [`MIN_PER_CLASS`] pairs, or all scores are
    /// equal.
    pub fn new(mut pairs: Vec<LabeledScore>) -> Result<Self, CalibrationError> {
        if let Some(at) = pairs.iter().position(|pair| !pair.score.is_finite()) {
            return Err(CalibrationError::NotFinite { pair: at + 1 });
        }
        let matching = pairs.iter().filter(|pair| pair.matches).count();
        let other = pairs.len() - matching;
        if matching.min(other) < MIN_PER_CLASS {
            let needed = MIN_PER_CLASS;
            return Err(CalibrationError::TooFew {
                matching,
                other,
                needed,
            });
        }
        pairs.sort_by(|a, b| a.score.total_cmp(&b.score));
        if pairs.first().map(|pair| pair.score) == pairs.last().map(|pair| pair.score) {
            return Err(CalibrationError::OneScore);
        }
        Ok(Self { pairs, matching })
    }

    /// The pairs whose indices `keep` accepts, however few: folds are smaller than a sample for a
    /// calibration. `None` if a class is missing or all scores are equal, so that no curve can be fitted.
    pub(super) fn subset(&self, keep: impl Fn(usize) -> bool) -> Option<Self> {
        let kept = self.pairs.iter().enumerate().filter(|(at, _)| keep(*at));
        let pairs: Vec<LabeledScore> = kept.map(|(_, pair)| *pair).collect();
        let matching = pairs.iter().filter(|pair| pair.matches).count();
        let both_classes = matching > 0 && matching < pairs.len();
        let scores_differ = pairs.first()?.score < pairs.last()?.score;
        (both_classes && scores_differ).then_some(Self { pairs, matching })
    }

    /// The pairs in ascending order of score.
    pub fn pairs(&self) -> &[LabeledScore] {
        &self.pairs
    }

    /// Number of pairs that match.
    pub fn matching(&self) -> usize {
        self.matching
    }

    /// Mean and standard deviation of the pairs with this label.
    pub fn summary(&self, matches: bool) -> ClassSummary {
        let scores = || {
            self.pairs
                .iter()
                .filter(|pair| pair.matches == matches)
                .map(|pair| pair.score)
        };
        let count = scores().count();
        let mean = scores().sum::<f64>() / count as f64;
        let squares: f64 = scores().map(|score| (score - mean).powi(2)).sum();
        let deviation = (squares / (count as f64 - 1.0)).sqrt();
        ClassSummary {
            count,
            mean,
            deviation,
        }
    }

    /// Counts of both classes in `bins` bins from the lowest to the highest score.
    ///
    /// # Panics
    /// If `bins` is 0.
    pub fn histogram(&self, bins: usize) -> Histogram {
        assert!(bins > 0, "a histogram has at least one bin");
        let from = self.pairs[0].score;
        let to = self.pairs[self.pairs.len() - 1].score;
        let (mut matching, mut other) = (vec![0; bins], vec![0; bins]);
        for pair in &self.pairs {
            let bin = ((pair.score - from) / (to - from) * bins as f64) as usize;
            let side = if pair.matches { &mut matching } else { &mut other };
            side[bin.min(bins - 1)] += 1;
        }
        Histogram {
            from,
            to,
            matching,
            other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(matching: &[f64], other: &[f64]) -> Vec<LabeledScore> {
        let label = |matches| move |&score: &f64| LabeledScore { score, matches };
        matching
            .iter()
            .map(label(true))
            .chain(other.iter().map(label(false)))
            .collect()
    }

    #[test]
    fn summaries_and_histogram_count_each_class() {
        let sample = Sample::new(pairs(
            &[0.5, 0.6, 0.71, 0.79, 0.9],
            &[0.1, 0.15, 0.2, 0.35, 0.4, 0.55],
        ))
        .unwrap();
        let matching = sample.summary(true);
        assert_eq!(matching.count, 5);
        assert!((matching.mean - 0.7).abs() < 1e-12);
        assert!((matching.deviation - 0.02455f64.sqrt()).abs() < 1e-12);
        let histogram = sample.histogram(4);
        assert_eq!(histogram.other, [3, 2, 1, 0]);
        assert_eq!(histogram.matching, [0, 0, 2, 3]);
    }

    #[test]
    fn invalid_samples_are_rejected() {
        let nan = pairs(&[0.1, f64::NAN], &[]);
        assert_eq!(Sample::new(nan), Err(CalibrationError::NotFinite { pair: 2 }));
        let one_class = pairs(&[0.1; 40], &[]);
        let error = Sample::new(one_class).unwrap_err();
        assert_eq!(
            error,
            CalibrationError::TooFew {
                matching: 40,
                other: 0,
                needed: 5
            }
        );
        assert_eq!(
            Sample::new(pairs(&[0.5; 9], &[0.5; 9])),
            Err(CalibrationError::OneScore)
        );
        assert!(Sample::new(Vec::new()).is_err());
    }
}
