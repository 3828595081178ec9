//! How the context of a match shifts the targets of a profile.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// Low: more errors are allowed, by default twice as many.
    Low,
    /// As the profile assumes.
    #[default]
    Normal,
    /// High: fewer errors are allowed, by default half as many.
    High,
}

/// How strongly each part of the context shifts a profile's targets. Only the criticality does by default, since it
/// is stated with a request; the others are rules of thumb.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextRules {
    /// The best of n candidates is wrong more often: the error of a precision is divided by 1 + `candidates` · log₁₀ n.
    /// At least 0; 0, the default, is off.
    #[serde(deserialize_with = "candidates")]
    pub candidates: f64,
    /// The error of every target is multiplied by it for a low criticality, and divided by it for a high one. At
    /// least 1; 1 is off, the default is 2.
    #[serde(deserialize_with = "criticality")]
    pub criticality: f64,
    /// Complex images match many texts a little: the error of a precision is multiplied by a factor that falls from
    /// 1 to `complexity` as the edge density rises from 0.15 to 0.5. 0 to 1; 1, the default, is off.
    #[serde(deserialize_with = "complexity")]
    pub complexity: f64,
    /// The error of a recall is multiplied by it for patterns of low risk, and divided by it for patterns of high
    /// risk. At least 1; 1, the default, is off.
    #[serde(deserialize_with = "risk")]
    pub risk: f64,
}

/// A factor in a file: a number, or a switch for the value that earlier versions had.
#[derive(Deserialize)]
#[serde(untagged)]
enum Factor {
    Switch(bool),
    Number(f64),
}

macro_rules! factors {
    ($($name:ident: off $off:literal, on $on:literal, $min:literal to $max:literal;)*) => {$(
        fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
            let (off, on, min, max) = ($off, $on, $min, $max);
            match Factor::deserialize(deserializer)? {
                Factor::Switch(true) => Ok(on),
                Factor::Switch(false) => Ok(off),
                Factor::Number(number) if (min..=max).contains(&number) => Ok(number),
                Factor::Number(number) => Err(D::Error::custom(format!(
                    concat!("invalid ", stringify!($name), " {}: expected a number from {} to {}"),
                    number, min, max
                ))),
            }
        }
    )*};
}

factors! {
    candidates: off 0.0, on 1.0, 0.0 to 10.0;
    criticality: off 1.0, on 2.0, 1.0 to 100.0;
    complexity: off 1.0, on 0.5, 0.01 to 1.0;
    risk: off 1.0, on 2.0, 1.0 to 100.0;
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
            criticality: 2.0,
            ..Self::OFF
        }
    }
}

impl ContextRules {
    /// No rule: targets are not shifted.
    pub const OFF: Self = Self {
        candidates: 0.0,
        criticality: 1.0,
        complexity: 1.0,
        risk: 1.0,
    };

    /// `target`, shifted by `context`. Stated scores are not shifted.
    pub fn shift(&self, target: LevelTarget, context: &TargetContext) -> LevelTarget {
        let by_criticality = self.criticality.powf(context.criticality.exponent());
        match target {
            LevelTarget::Score(_) => target,
            LevelTarget::Precision(part) => {
                LevelTarget::Precision(scale_error(part, by_criticality * self.precision_factor(context)))
            }
            LevelTarget::Confidence(part) => {
                LevelTarget::Confidence(scale_error(part, by_criticality * self.precision_factor(context)))
            }
            LevelTarget::Recall(part) => {
                let by_risk = self.risk.powf(context.risk.map_or(0.0, Risk::exponent));
                LevelTarget::Recall(scale_error(part, by_criticality * by_risk))
            }
        }
    }

    fn precision_factor(self, context: &TargetContext) -> f64 {
        let by_candidates = 1.0 + self.candidates * (context.candidates.max(1) as f64).log10();
        let complexity = context.complexity.map_or(0.0, |density| {
            let share = (f64::from(density) - COMPLEX) / (MOST_COMPLEX - COMPLEX);
            share.clamp(0.0, 1.0)
        });
        (1.0 - (1.0 - self.complexity) * complexity) / by_candidates
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
    /// The power of the profile's factor.
    const fn exponent(self) -> f64 {
        match self {
            Self::Low => 1.0,
            Self::Normal => 0.0,
            Self::High => -1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors of earlier versions.
    const ON: ContextRules = ContextRules {
        candidates: 1.0,
        criticality: 2.0,
        complexity: 0.5,
        risk: 2.0,
    };

    fn precision(rules: ContextRules, context: TargetContext) -> f64 {
        match rules.shift(LevelTarget::Precision(Share::clamped(0.9)), &context) {
            LevelTarget::Precision(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    fn recall(context: TargetContext) -> f64 {
        match ON.shift(LevelTarget::Recall(Share::clamped(0.9)), &context) {
            LevelTarget::Recall(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn each_rule_shifts_precision_targets() {
        let (rules, usual) = (ON, TargetContext::default());
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
    fn only_criticality_shifts_by_default() {
        let context = TargetContext {
            candidates: 1000,
            complexity: Some(1.0),
            risk: Some(Risk::High),
            criticality: Criticality::Normal,
        };
        let target = LevelTarget::Precision(Share::clamped(0.9));
        assert_eq!(ContextRules::default().shift(target, &context), target);
        near(
            precision(
                ContextRules::default(),
                TargetContext {
                    criticality: Criticality::High,
                    ..context
                },
            ),
            0.95,
        );
    }

    #[test]
    fn factors_are_numbers_or_switches() {
        let rules = |text: &str| toml::from_str::<ContextRules>(text);
        let all = "candidates = true\ncriticality = true\ncomplexity = true\nrisk = true";
        assert_eq!(rules(all).unwrap(), ON);
        assert_eq!(rules(&all.replace("true", "false")).unwrap(), ContextRules::OFF);
        assert!((rules("complexity = 0.7").unwrap().complexity - 0.7).abs() < 1e-12);
        for wrong in [
            "candidates = -1",
            "criticality = 0.5",
            "complexity = 2",
            "risk = nan",
            "risk = \"x\"",
        ] {
            assert!(rules(wrong).is_err(), "{wrong}");
        }
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
        let shifted = precision(ON, wild);
        assert!(shifted > 0.99 && shifted <= 0.999, "{shifted}");
        let unknown = precision(
            ON,
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
