use serde::{Deserialize, Serialize};

/// What is known of a model's cosines before any of the user's pictures were seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreFacts {
    /// Factor between cosines and the logits that training compared: CLIP's `exp(logit_scale)`.
    pub logit_scale: f32,
    /// What training added to those logits before it took each pair's sigmoid: SigLIP's `logit_bias`. `None` where it
    /// compared logits with each other.
    #[serde(default)]
    pub logit_bias: Option<f32>,
    /// Where text and picture count as nothing alike and as wholly alike.
    pub span: ScoreSpan,
    /// Probability that a picture matches a text, by their cosine, as its makers measured it on labelled pictures.
    #[serde(default)]
    pub text: Option<LogisticCurve>,
    /// Probability that two pictures show the same, likewise.
    #[serde(default)]
    pub picture: Option<LogisticCurve>,
}

/// The cosines that become 0 and 1 of the normalised score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpan {
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

impl ScoreFacts {
    /// Those of a contrastive model of which nothing but its logit scale is known. CLIP's text and picture cosines lie
    /// between 0.1 and 0.4 whatever its size (Liang et al. 2022 on the gap between the two).
    pub const fn of_clip(logit_scale: f32) -> Self {
        Self {
            logit_scale,
            logit_bias: None,
            span: ScoreSpan { low: 0.1, high: 0.4 },
            text: None,
            picture: None,
        }
    }

    /// Those of a model trained to say of each pair whether it belongs together: its own sigmoid is the probability that a
    /// text matches. The span reaches from one in a thousand to all but one in a thousand.
    pub fn of_sigmoid(logit_scale: f32, logit_bias: f32) -> Self {
        let thousand_to_one = 999.0_f32.ln();
        Self {
            logit_scale,
            logit_bias: Some(logit_bias),
            span: ScoreSpan {
                low: (-thousand_to_one - logit_bias) / logit_scale,
                high: (thousand_to_one - logit_bias) / logit_scale,
            },
            text: Some(LogisticCurve {
                slope: f64::from(logit_scale),
                intercept: f64::from(logit_bias),
            }),
            picture: None,
        }
    }
}

impl ScoreFacts {
    /// Whether every number can be computed with.
    pub fn is_usable(&self) -> bool {
        let curves = [self.text, self.picture];
        let finite = |curve: &LogisticCurve| curve.slope.is_finite() && curve.intercept.is_finite();
        self.logit_scale.is_finite()
            && self.logit_scale > 0.0
            && self.logit_bias.is_none_or(f32::is_finite)
            && self.span.low.is_finite()
            && self.span.high.is_finite()
            && self.span.high > self.span.low
            && curves.iter().flatten().all(finite)
    }
}

impl ScoreSpan {
    /// The normalised score, 0 to 1.
    pub fn normalized(self, score: f32) -> f32 {
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
        let facts = ScoreFacts::of_sigmoid(117.3, -12.9);
        assert!(facts.is_usable());
        let probability = |score: f64| facts.text.unwrap().probability(score);
        assert!((probability(12.9 / 117.3) - 0.5).abs() < 1e-6);
        assert!((probability(f64::from(facts.span.low)) - 0.001).abs() < 1e-5);
        assert!((probability(f64::from(facts.span.high)) - 0.999).abs() < 1e-5);
        assert!(!ScoreFacts::of_sigmoid(f32::INFINITY, 0.0).is_usable());
        assert!(!ScoreFacts::of_sigmoid(1.0, f32::NAN).is_usable());
    }

    #[test]
    fn normalised_scores_are_cut_at_both_ends() {
        let span = ScoreSpan { low: 0.1, high: 0.5 };
        assert!(span.normalized(0.05).abs() < 1e-9);
        assert!((span.normalized(0.7) - 1.0).abs() < 1e-9);
        assert!((span.normalized(0.3) - 0.5).abs() < 1e-6);
    }
}
