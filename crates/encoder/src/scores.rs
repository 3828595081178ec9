use serde::{Deserialize, Serialize};

/// What is known of a model's cosines before any of the user's pictures were seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreCalibration {
    /// Factor between cosines and the logits that training compared: CLIP's `exp(logit_scale)`.
    pub logit_scale: f32,
    /// What training added to those logits before it took each pair's sigmoid: SigLIP's `logit_bias`. `None` where it
    /// compared logits with each other.
    #[serde(default)]
    pub logit_bias: Option<f32>,
    /// Where text and picture count as nothing alike and as wholly alike.
    #[serde(rename = "span")]
    pub range: ScoreRange,
    /// Probability that a picture matches a text, by their cosine, as its makers measured it on labelled pictures.
    #[serde(default)]
    pub text: Option<LogisticCurve>,
    /// Probability that two pictures show the same, likewise.
    #[serde(default, rename = "picture")]
    pub image: Option<LogisticCurve>,
}

/// The cosines that become 0 and 1 of the normalized score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRange {
    /// Becomes 0, as does everything below.
    pub low: f32,
    /// Becomes 1, as does everything above.
    pub high: f32,
}

/// `1 / (1 + exp(−(slope · score + intercept)))`
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticCurve {
    /// Rise per unit of score.
    pub slope: f64,
    /// Log odds at score 0.
    pub intercept: f64,
}

impl ScoreCalibration {
    /// Those of a contrastive model of which nothing but its logit scale is known. CLIP's text and picture cosines lie
    /// between 0.1 and 0.4 whatever its size (Liang et al. 2022 on the gap between the two).
    pub const fn of_clip(logit_scale: f32) -> Self {
        Self {
            logit_scale,
            logit_bias: None,
            range: ScoreRange { low: 0.1, high: 0.4 },
            text: None,
            image: None,
        }
    }

    /// Those of a model trained to say of each pair whether it belongs together: its own sigmoid is the probability that a
    /// text matches. The span reaches from one in a thousand to all but one in a thousand.
    pub fn of_sigmoid(logit_scale: f32, logit_bias: f32) -> Self {
        let thousand_to_one = 999.0_f32.ln();
        Self {
            logit_scale,
            logit_bias: Some(logit_bias),
            range: ScoreRange {
                low: (-thousand_to_one - logit_bias) / logit_scale,
                high: (thousand_to_one - logit_bias) / logit_scale,
            },
            text: Some(LogisticCurve {
                slope: f64::from(logit_scale),
                intercept: f64::from(logit_bias),
            }),
            image: None,
        }
    }
}

impl ScoreCalibration {
    /// Those of GME-Qwen2-VL, whose text and picture cosines lie higher than CLIP's: 0.1 is nothing alike, 0.5 wholly.
    pub const fn of_gme(logit_scale: f32) -> Self {
        Self {
            range: ScoreRange { low: 0.1, high: 0.5 },
            ..Self::of_clip(logit_scale)
        }
    }

    /// Whether every number can be computed with.
    pub fn is_valid(&self) -> bool {
        let curves = [self.text, self.image];
        let finite = |curve: &LogisticCurve| curve.slope.is_finite() && curve.intercept.is_finite();
        self.logit_scale.is_finite()
            && self.logit_scale > 0.0
            && self.logit_bias.is_none_or(f32::is_finite)
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
    fn a_sigmoid_is_its_own_probability() {
        let calibration = ScoreCalibration::of_sigmoid(117.3, -12.9);
        assert!(calibration.is_valid());
        let probability = |score: f64| calibration.text.unwrap().probability(score);
        assert!((probability(12.9 / 117.3) - 0.5).abs() < 1e-6);
        assert!((probability(f64::from(calibration.range.low)) - 0.001).abs() < 1e-5);
        assert!((probability(f64::from(calibration.range.high)) - 0.999).abs() < 1e-5);
        assert!(!ScoreCalibration::of_sigmoid(f32::INFINITY, 0.0).is_valid());
        assert!(!ScoreCalibration::of_sigmoid(1.0, f32::NAN).is_valid());
    }

    #[test]
    fn normalised_scores_are_cut_at_both_ends() {
        let range = ScoreRange { low: 0.1, high: 0.5 };
        for (score, normalized) in [(0.05, 0.0), (0.7, 1.0), (0.3, 0.5)] {
            assert!((range.normalize(score) - normalized).abs() < 1e-6, "{score}");
        }
    }
}
