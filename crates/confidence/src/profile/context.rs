//! How the context of a match shifts the targets of a profile.

use serde::{Deserialize, Serialize};

use super::file::Share;
use super::{LevelTarget, Risk};

/// Limits of the error that a shifted target allows.
const MIN_ERROR: f64 = 0.001;
const MAX_ERROR: f64 = 0.9;
/// Edge densities between which the complexity of an image lowers the allowed error.
const COMPLEX: f64 = 0.15;
const MOST_COMPLEX: f64 = 0.5;

/// What shifts the targets of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetContext {
    /// Number of texts that compete for the image, or of images that compete for the text; at least 1.
    pub candidates: usize,
    /// The cost of an error.
    pub criticality: Criticality,
    /// Edge density of the image, 0 to 1; `None` if it was not measured.
    pub complexity: Option<f32>,
    /// The risk of the text, if it is a pattern.
    pub risk: Option<Risk>,
}

/// The cost of an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Low: twice the error is allowed.
    Low,
    /// As the profile assumes.
    #[default]
    Normal,
    /// High: half the error is allowed.
    High,
}

/// Which parts of the context shift a profile's targets. By default all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextRules {
    /// The best of n candidates is wrong more often: the error of a precision is divided by 1 + log₁₀ n.
    pub candidates: bool,
    /// Halves or doubles the error of every target.
    pub criticality: bool,
    /// Complex images match many texts a little: the error of a precision falls to one half as the edge
    /// density rises from 0.15 to 0.5.
    pub complexity: bool,
}

impl Default for TargetContext {
    fn default() -> Self {
        Self {
            candidates: 1,
            criticality: Criticality::Normal,
            complexity: None,
            risk: None,
        }
    }
}

impl Default for ContextRules {
    fn default() -> Self {
        Self {
            candidates: true,
            criticality: true,
            complexity: true,
        }
    }
}

impl ContextRules {
    /// No rule: targets are not shifted.
    pub const OFF: Self = Self {
        candidates: false,
        criticality: false,
        complexity: false,
    };

    /// `target`, shifted by `context`. The risk of a pattern always counts, since it is part of the purpose.
    pub fn shift(&self, target: LevelTarget, context: &TargetContext) -> LevelTarget {
        let by_criticality = if self.criticality {
            context.criticality.factor()
        } else {
            1.0
        };
        match target {
            LevelTarget::Precision(part) => {
                LevelTarget::Precision(scale_error(part, by_criticality * self.precision_factor(context)))
            }
            LevelTarget::Confidence(part) => {
                LevelTarget::Confidence(scale_error(part, by_criticality * self.precision_factor(context)))
            }
            LevelTarget::Recall(part) => {
                let by_risk = context.risk.map_or(1.0, Risk::factor);
                LevelTarget::Recall(scale_error(part, by_criticality * by_risk))
            }
        }
    }

    fn precision_factor(self, context: &TargetContext) -> f64 {
        let mut factor = 1.0;
        if self.candidates {
            factor /= 1.0 + (context.candidates.max(1) as f64).log10();
        }
        if let (true, Some(density)) = (self.complexity, context.complexity) {
            let complexity = (f64::from(density) - COMPLEX) / (MOST_COMPLEX - COMPLEX);
            factor *= 1.0 - 0.5 * complexity.clamp(0.0, 1.0);
        }
        factor
    }
}

/// Multiplies the error that a target allows.
fn scale_error(part: Share, factor: f64) -> Share {
    if (factor - 1.0).abs() < f64::EPSILON {
        return part;
    }
    let error = ((1.0 - part.get()) * factor).clamp(MIN_ERROR, MAX_ERROR);
    Share::clamped(1.0 - error)
}

impl Criticality {
    const fn factor(self) -> f64 {
        match self {
            Self::Low => 2.0,
            Self::Normal => 1.0,
            Self::High => 0.5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precision(rules: ContextRules, context: TargetContext) -> f64 {
        match rules.shift(LevelTarget::Precision(Share::clamped(0.9)), &context) {
            LevelTarget::Precision(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    fn recall(context: TargetContext) -> f64 {
        match ContextRules::default().shift(LevelTarget::Recall(Share::clamped(0.9)), &context) {
            LevelTarget::Recall(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn each_rule_shifts_precision_targets() {
        let (rules, usual) = (ContextRules::default(), TargetContext::default());
        near(precision(rules, usual), 0.9);
        let many_candidates = TargetContext {
            candidates: 10,
            ..usual
        };
        near(precision(rules, many_candidates), 0.95);
        for (criticality, expected) in [(Criticality::High, 0.95), (Criticality::Low, 0.8)] {
            let context = TargetContext { criticality, ..usual };
            near(precision(rules, context), expected);
        }
        for (complexity, expected) in [(0.1, 0.9), (0.9, 0.95)] {
            let context = TargetContext {
                complexity: Some(complexity),
                ..usual
            };
            near(precision(rules, context), expected);
        }
    }

    #[test]
    fn risk_and_criticality_shift_recall_targets() {
        let usual = TargetContext::default();
        let many_candidates = TargetContext {
            candidates: 1000,
            complexity: Some(1.0),
            ..usual
        };
        near(recall(many_candidates), 0.9);
        let risky = TargetContext {
            risk: Some(Risk::High),
            ..usual
        };
        near(recall(risky), 0.95);
        let critical = TargetContext {
            criticality: Criticality::High,
            ..usual
        };
        near(recall(critical), 0.95);
    }

    #[test]
    fn extreme_contexts_stay_within_limits() {
        let wild = TargetContext {
            candidates: usize::MAX,
            criticality: Criticality::High,
            complexity: Some(f32::INFINITY),
            risk: None,
        };
        assert!((precision(ContextRules::OFF, wild) - 0.9).abs() < 1e-12);
        let shifted = precision(ContextRules::default(), wild);
        assert!(shifted > 0.99 && shifted <= 0.999, "{shifted}");
        let unknown = precision(
            ContextRules::default(),
            TargetContext {
                complexity: Some(f32::NAN),
                ..wild
            },
        );
        assert!(unknown > 0.0 && unknown < 1.0);
        let none = TargetContext {
            candidates: 0,
            ..TargetContext::default()
        };
        assert!((precision(ContextRules::default(), none) - 0.9).abs() < 1e-12);
    }
}
