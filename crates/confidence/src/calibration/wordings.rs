//! Which combination of several wordings of a text separates labeled pairs best.

use serde::{Deserialize, Serialize};

use super::resampling::{FOLDS, SEED, stratified_folds, stratified_weights};
use super::{CalibrationError, Curve, LabeledScore, MIN_PER_CLASS};
use eidetic_domain::SplitMix64;

/// Resamples of the gain over the text alone.
const RESAMPLES: usize = 400;
/// Steps of projected gradient descent, and their size on standardized scores.
const STEPS: usize = 400;
const STEP: f64 = 0.5;
/// Pull of the weights towards equal ones, so that few pairs do not decide between similar wordings.
const RIDGE: f64 = 0.02;

/// A labeled pair with the scores of all wordings of its text; the first wording is the text itself.
#[derive(Debug, Clone, PartialEq)]
pub struct WordingPair {
    /// Cosine similarity of the image to each wording.
    pub scores: Vec<f64>,
    /// Cosine similarities among the wordings of the text, row by row.
    pub gram: std::sync::Arc<[f64]>,
    /// The label.
    pub matches: bool,
}

/// A combination of wordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordingRule {
    /// The text itself.
    Plain,
    /// The highest score.
    Best,
    /// The score of the mean of their embeddings.
    Mean,
    /// The score of the weighted sum of their embeddings; not negative, summing to 1.
    Weighted(Vec<f64>),
}

/// A rule with how well it separates the pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRule {
    /// The rule.
    pub rule: WordingRule,
    /// Area under the ROC curve; learned weights are those of the other folds.
    pub roc_area: f64,
    /// The lower and the upper end of the 95 % interval of the gain over the text itself, on resampled pairs.
    pub gain: (f64, f64),
}

/// All rules, and the one to use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordingChoice {
    /// Every rule with its figures, the text itself first.
    pub measured: Vec<MeasuredRule>,
    /// The best rule whose gain is certain; else the text itself.
    pub chosen: WordingRule,
}

impl WordingChoice {
    /// Measures all rules on pairs with the same number of wordings.
    ///
    /// Errors: fewer than [`MIN_PER_CLASS`] pairs of a class, scores that are not finite.
    pub fn measure(pairs: &[WordingPair]) -> Result<Self, CalibrationError> {
        check(pairs)?;
        let plain = scores(pairs, &WordingRule::Plain);
        let learned = WordingRule::Weighted(learn(pairs));
        let rules = [
            (WordingRule::Plain, plain.clone()),
            (WordingRule::Best, scores(pairs, &WordingRule::Best)),
            (WordingRule::Mean, scores(pairs, &WordingRule::Mean)),
            (learned, held_out(pairs)),
        ];
        let measured: Vec<MeasuredRule> = rules
            .into_iter()
            .map(|(rule, scores)| MeasuredRule {
                rule,
                roc_area: area(pairs, &scores, &vec![1; pairs.len()]),
                gain: gain(pairs, &plain, &scores),
            })
            .collect();
        let certain = measured.iter().filter(|rule| rule.gain.0 > 0.0);
        let best = certain.max_by(|a, b| a.roc_area.total_cmp(&b.roc_area));
        Ok(Self {
            chosen: best.map_or(WordingRule::Plain, |best| best.rule.clone()),
            measured,
        })
    }
}

/// Weights with which several scores of labeled pairs separate them best, not negative and summing to 1: of a logistic
/// regression in which both classes count the same. `scores` has a row for each pair.
///
/// Errors: fewer than [`MIN_PER_CLASS`] pairs of a class, scores that are not finite.
pub fn learn_weights(scores: &[Vec<f64>], matches: &[bool]) -> Result<Vec<f64>, CalibrationError> {
    let pairs: Vec<WordingPair> = scores
        .iter()
        .zip(matches)
        .map(|(scores, matches)| WordingPair {
            scores: scores.clone(),
            gram: Vec::new().into(),
            matches: *matches,
        })
        .collect();
    check(&pairs)?;
    Ok(learn(&pairs))
}

fn check(pairs: &[WordingPair]) -> Result<(), CalibrationError> {
    let matching = pairs.iter().filter(|pair| pair.matches).count();
    let other = pairs.len() - matching;
    if matching.min(other) < MIN_PER_CLASS {
        return Err(CalibrationError::TooFew {
            matching,
            other,
            needed: MIN_PER_CLASS,
        });
    }
    let is_finite = |pair: &WordingPair| pair.scores.iter().all(|score| score.is_finite());
    match pairs.iter().position(|pair| !is_finite(pair)) {
        Some(at) => Err(CalibrationError::NotFinite { pair: at + 1 }),
        None => Ok(()),
    }
}

fn scores(pairs: &[WordingPair], rule: &WordingRule) -> Vec<f64> {
    pairs.iter().map(|pair| pair.score(rule)).collect()
}

impl WordingPair {
    fn score(&self, rule: &WordingRule) -> f64 {
        match rule {
            WordingRule::Plain => self.scores[0],
            WordingRule::Best => self.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            WordingRule::Mean => self.weighted(&vec![1.0; self.scores.len()]),
            WordingRule::Weighted(weights) => self.weighted(weights),
        }
    }

    /// The cosine of the weighted sum of the wordings' embeddings.
    fn weighted(&self, weights: &[f64]) -> f64 {
        let sum: f64 = self
            .scores
            .iter()
            .zip(weights)
            .map(|(score, weight)| score * weight)
            .sum();
        let count = weights.len();
        let square: f64 = (0..count * count)
            .map(|at| weights[at / count] * weights[at % count] * self.gram[at])
            .sum();
        sum / square.max(f64::MIN_POSITIVE).sqrt()
    }
}

/// Scores with weights that were learned on the other folds.
fn held_out(pairs: &[WordingPair]) -> Vec<f64> {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let folds = stratified_folds(&classes, FOLDS, &mut SplitMix64::new(SEED));
    let mut scores = vec![0.0; pairs.len()];
    for fold in 0..FOLDS {
        let others = pairs.iter().zip(&folds).filter(|(_, of)| **of != fold);
        let others: Vec<WordingPair> = others.map(|(pair, _)| pair.clone()).collect();
        let rule = WordingRule::Weighted(learn(&others));
        for at in (0..pairs.len()).filter(|&at| folds[at] == fold) {
            scores[at] = pairs[at].score(&rule);
        }
    }
    scores
}

/// Weights of a logistic regression on the scores: not negative, summing to 1, both classes counting the same.
fn learn(pairs: &[WordingPair]) -> Vec<f64> {
    let wordings = pairs[0].scores.len();
    let count = pairs.len() as f64;
    let mean = pairs.iter().flat_map(|pair| &pair.scores).sum::<f64>() / (count * wordings as f64);
    let deviation = pairs
        .iter()
        .flat_map(|pair| &pair.scores)
        .map(|score| (score - mean).powi(2))
        .sum::<f64>();
    let deviation = (deviation / (count * wordings as f64))
        .sqrt()
        .max(f64::MIN_POSITIVE);
    let matching = pairs.iter().filter(|pair| pair.matches).count() as f64;
    let class_weight = |matches| {
        if matches {
            0.5 / matching
        } else {
            0.5 / (count - matching)
        }
    };
    let even = 1.0 / wordings as f64;
    let mut weights = vec![even; wordings];
    let (mut slope, mut intercept) = (1.0, 0.0);
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; wordings];
        let (mut of_slope, mut of_intercept) = (0.0, 0.0);
        for pair in pairs {
            let standardized = |score: &f64| (score - mean) / deviation;
            let score: f64 = pair
                .scores
                .iter()
                .map(standardized)
                .zip(&weights)
                .map(|(s, w)| s * w)
                .sum();
            let p = 1.0 / (1.0 + (-(slope * score + intercept)).exp());
            let error = class_weight(pair.matches) * (p - f64::from(u8::from(pair.matches)));
            of_slope += error * score;
            of_intercept += error;
            for (gradient, score) in gradient.iter_mut().zip(&pair.scores) {
                *gradient += error * slope * standardized(score);
            }
        }
        slope = (slope - STEP * of_slope).max(0.0);
        intercept -= STEP * of_intercept;
        for (weight, gradient) in weights.iter_mut().zip(gradient) {
            *weight = (*weight - STEP * (gradient + RIDGE * (*weight - even))).max(0.0);
        }
        let sum: f64 = weights.iter().sum();
        if sum <= 0.0 {
            return vec![even; wordings];
        }
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    weights
}

fn area(pairs: &[WordingPair], scores: &[f64], weights: &[u32]) -> f64 {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let sorted: Vec<LabeledScore> = order
        .iter()
        .map(|&at| LabeledScore {
            score: scores[at],
            matches: pairs[at].matches,
        })
        .collect();
    let weights: Vec<u32> = order.iter().map(|&at| weights[at]).collect();
    Curve::new(&sorted, &weights).roc_area()
}

/// The interval of the difference of both areas, on the same resamples.
fn gain(pairs: &[WordingPair], plain: &[f64], scores: &[f64]) -> (f64, f64) {
    let classes: Vec<bool> = pairs.iter().map(|pair| pair.matches).collect();
    let mut random = SplitMix64::new(SEED);
    let gains = (0..RESAMPLES).map(|_| {
        let weights = stratified_weights(&classes, &mut random);
        area(pairs, scores, &weights) - area(pairs, plain, &weights)
    });
    super::Interval::of(gains.collect()).map_or((0.0, 0.0), |interval| (interval.low, interval.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wordings whose noise differs; `noise[i]` is that of wording i.
    fn pairs(noise: &[f64], seed: u64) -> Vec<WordingPair> {
        let mut random = SplitMix64::new(seed);
        let mut gauss = move || {
            (0..12)
                .map(|_| random.below(1 << 20) as f64 / f64::from(1 << 20))
                .sum::<f64>()
                - 6.0
        };
        let count = noise.len();
        let gram: Vec<f64> = (0..count * count)
            .map(|at| if at / count == at % count { 1.0 } else { 0.8 })
            .collect();
        let gram: std::sync::Arc<[f64]> = gram.into();
        (0..400)
            .map(|number| {
                let matches = number % 2 == 0;
                let signal = if matches { 0.3 } else { 0.25 };
                WordingPair {
                    scores: noise.iter().map(|noise| signal + noise * gauss()).collect(),
                    gram: gram.clone(),
                    matches,
                }
            })
            .collect()
    }

    #[test]
    fn independent_noise_is_averaged_away() {
        let choice = WordingChoice::measure(&pairs(&[0.05, 0.05, 0.05, 0.05], 1)).unwrap();
        assert!(
            matches!(choice.chosen, WordingRule::Mean | WordingRule::Weighted(_)),
            "{choice:?}"
        );
        assert!(choice.measured[2].roc_area > choice.measured[0].roc_area + 0.05);
    }

    #[test]
    fn worse_wordings_leave_text_itself() {
        let choice = WordingChoice::measure(&pairs(&[0.01, 0.3, 0.3], 2)).unwrap();
        assert_eq!(choice.chosen, WordingRule::Plain, "{choice:?}");
        let WordingRule::Weighted(weights) = &choice.measured[3].rule else {
            panic!("{choice:?}")
        };
        assert!(weights[0] > 0.5, "{weights:?}");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn better_score_gets_higher_weight() {
        let all = pairs(&[0.01, 0.2, 0.2], 4);
        let scores: Vec<Vec<f64>> = all.iter().map(|pair| pair.scores.clone()).collect();
        let matches: Vec<bool> = all.iter().map(|pair| pair.matches).collect();
        let weights = learn_weights(&scores, &matches).unwrap();
        assert!(
            weights[0] > 0.6 && (weights.iter().sum::<f64>() - 1.0).abs() < 1e-9,
            "{weights:?}"
        );
        assert!(learn_weights(&scores[..4], &matches[..4]).is_err());
    }

    #[test]
    fn same_wordings_gain_nothing() {
        let mut all = pairs(&[0.05], 3);
        for pair in &mut all {
            pair.scores = vec![pair.scores[0]; 3];
            pair.gram = vec![1.0; 9].into();
        }
        let choice = WordingChoice::measure(&all).unwrap();
        assert_eq!(choice.chosen, WordingRule::Plain);
        assert!(WordingChoice::measure(&all[..6]).is_err());
    }
}
