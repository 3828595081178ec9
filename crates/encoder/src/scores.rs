//! What is known of a model's scores before it is used: scale, range, and curves from score to probability.

use serde::{Deserialize, Serialize};

/// What is known of a model's scores without any of the user's images: the content of `scores.json`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreCalibration {
    /// Factor from scores to the logits of the training: CLIP's `exp(logit_scale)`.
    pub logit_scale: f32,
    /// Added to those logits before the sigmoid of each pair: SigLIP's `logit_bias`. `None` where training
    /// took the softmax of all logits in a batch.
    #[serde(default)]
    pub logit_bias: Option<f32>,
    /// The scores of text and image that the normalized score maps to 0 and 1.
    #[serde(rename = "span")]
    pub range: ScoreRange,
    /// Probability that an image matches a text, by their score, as measured on labeled images.
    #[serde(default)]
    pub text: Option<LogisticCurve>,
    /// Log odds that each unit of surprisal among the library's own scores adds to `text` for a hit of a search.
    #[serde(default)]
    pub surprisal: f64,
    /// The median score of two photos of a varied library, which have nothing to do with each other. `None`: unknown.
    #[serde(default)]
    pub unrelated: Option<f64>,
    /// Probability that two images show the same, by their score.
    #[serde(default, rename = "picture")]
    pub image: Option<LogisticCurve>,
}

/// The scores that become 0 and 1 of the normalized score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRange {
    /// This score and all below become 0.
    pub low: f32,
    /// This score and all above become 1.
    pub high: f32,
}

/// `1 / (1 + exp(−(slope · score + intercept)))`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticCurve {
    /// Increase of the log odds per unit of score.
    pub slope: f64,
    /// Log odds at score 0.
    pub intercept: f64,
}

impl ScoreCalibration {
    /// A softmax model of which only the logit scale is known. CLIP's scores of text and image are between
    /// 0.1 and 0.4 at any model size (Liang et al. 2022 on the modality gap).
    pub const fn of_clip(logit_scale: f32) -> Self {
        Self {
            logit_scale,
            logit_bias: None,
            range: ScoreRange { low: 0.1, high: 0.4 },
            text: None,
            surprisal: 0.0,
            unrelated: None,
            image: None,
        }
    }

    /// A model trained with a sigmoid per pair. The range is from sigmoid 0.001 to 0.999. The sigmoid is no confidence:
    /// it is the probability of a pair in a batch of tens of thousands, so a correct caption often has less than 0.5.
    pub fn of_sigmoid(logit_scale: f32, logit_bias: f32) -> Self {
        let log_odds = 999.0_f32.ln();
        Self {
            logit_scale,
            logit_bias: Some(logit_bias),
            range: ScoreRange {
                low: (-log_odds - logit_bias) / logit_scale,
                high: (log_odds - logit_bias) / logit_scale,
            },
            text: None,
            surprisal: 0.0,
            unrelated: None,
            image: None,
        }
    }

    /// GME-Qwen2-VL, whose scores of text and image have a wider range than CLIP's.
    pub const fn of_gme(logit_scale: f32) -> Self {
        Self {
            range: ScoreRange { low: 0.1, high: 0.5 },
            ..Self::of_clip(logit_scale)
        }
    }

    /// Whether all numbers are finite, the scale is positive and the range is not empty.
    pub fn is_valid(&self) -> bool {
        let curves = [self.text, self.image];
        let finite = |curve: &LogisticCurve| curve.slope.is_finite() && curve.intercept.is_finite();
        self.logit_scale.is_finite()
            && self.logit_scale > 0.0
            && self.logit_bias.is_none_or(f32::is_finite)
            && self.surprisal.is_finite()
            && self.unrelated.is_none_or(f64::is_finite)
            && self.range.low.is_finite()
            && self.range.high.is_finite()
            && self.range.high > self.range.low
            && curves.iter().flatten().all(finite)
    }
}

impl ScoreRange {
    /// The normalized score, 0 to 1.
    pub fn normalize(self, score: f32) -> f32 {
        ((score - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

impl LogisticCurve {
    /// Probability at `score`.
    pub fn probability(self, score: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * score + self.intercept)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_sigmoid_ends_at_one_permille() {
        let calibration = ScoreCalibration::of_sigmoid(117.3, -12.9);
        assert!(calibration.is_valid());
        assert_eq!(calibration.text, None, "the sigmoid is no confidence");
        let sigmoid = LogisticCurve {
            slope: 117.3,
            intercept: -12.9,
        };
        assert!((sigmoid.probability(f64::from(calibration.range.low)) - 0.001).abs() < 1e-5);
        assert!((sigmoid.probability(f64::from(calibration.range.high)) - 0.999).abs() < 1e-5);
        assert!(!ScoreCalibration::of_sigmoid(f32::INFINITY, 0.0).is_valid());
        assert!(!ScoreCalibration::of_sigmoid(1.0, f32::NAN).is_valid());
    }

    #[test]
    fn normalized_scores_are_clamped() {
        let range = ScoreRange { low: 0.1, high: 0.5 };
        for (score, normalized) in [(0.05, 0.0), (0.7, 1.0), (0.3, 0.5)] {
            assert!((range.normalize(score) - normalized).abs() < 1e-6, "{score}");
        }
    }
}
