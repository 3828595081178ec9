use serde::{Deserialize, Serialize};

use super::file::Share;
use super::{Risk, Target};

/// Bounds of the error that a shifted target allows.
const LEAST_ERROR: f64 = 0.001;
const MOST_ERROR: f64 = 0.9;
/// Edge densities from which on a picture counts as busy, and as wholly so.
const BUSY: f64 = 0.15;
const WHOLLY_BUSY: f64 = 0.5;

/// Circumstances of one judgement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Context {
    /// How many texts compete for the picture, or pictures for the text; at least 1.
    pub candidates: usize,
    /// What a mistake costs.
    pub criticality: Criticality,
    /// How busy the picture is: its edge density, 0 to 1, where it was measured.
    pub complexity: Option<f32>,
    /// How bad it is what the text names, in moderation.
    pub risk: Option<Risk>,
}

/// What a mistake costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Little: twice the error is allowed.
    Low,
    /// As much as the profile assumes.
    #[default]
    Normal,
    /// Much: half the error is allowed.
    High,
}

/// Which circumstances shift a profile's targets; all do unless switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextRules {
    /// Of n candidates the best is wrong more easily: precision's error is divided by 1 + log₁₀ n.
    pub candidates: bool,
    /// Half or twice the error, of every target.
    pub criticality: bool,
    /// Busy pictures match anything a little: precision's error falls to one half as edge density goes from 0.15 to 0.5.
    pub complexity: bool,
}

impl Default for Context {
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
    /// The rules that shift nothing.
    pub const OFF: Self = Self {
        candidates: false,
        criticality: false,
        complexity: false,
    };

    /// `target` in `context`. A pattern's risk counts always: it is part of the purpose, not of the circumstances.
    pub fn shifted(&self, target: Target, context: &Context) -> Target {
        let by_criticality = if self.criticality {
            context.criticality.factor()
        } else {
            1.0
        };
        match target {
            Target::Precision(part) => {
                Target::Precision(shift(part, by_criticality * self.of_precision(context)))
            }
            Target::Confidence(part) => {
                Target::Confidence(shift(part, by_criticality * self.of_precision(context)))
            }
            Target::Recall(part) => {
                let by_risk = context.risk.map_or(1.0, Risk::factor);
                Target::Recall(shift(part, by_criticality * by_risk))
            }
        }
    }

    fn of_precision(self, context: &Context) -> f64 {
        let mut factor = 1.0;
        if self.candidates {
            factor /= 1.0 + (context.candidates.max(1) as f64).log10();
        }
        if let (true, Some(density)) = (self.complexity, context.complexity) {
            let busy = (f64::from(density) - BUSY) / (WHOLLY_BUSY - BUSY);
            factor *= 1.0 - 0.5 * busy.clamp(0.0, 1.0);
        }
        factor
    }
}

/// Multiplies the error that a target allows.
fn shift(part: Share, factor: f64) -> Share {
    if (factor - 1.0).abs() < f64::EPSILON {
        return part;
    }
    let error = ((1.0 - part.get()) * factor).clamp(LEAST_ERROR, MOST_ERROR);
    Share::within(1.0 - error)
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

    fn precision(rules: ContextRules, context: Context) -> f64 {
        match rules.shifted(Target::Precision(Share::within(0.9)), &context) {
            Target::Precision(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    fn recall(context: Context) -> f64 {
        match ContextRules::default().shifted(Target::Recall(Share::within(0.9)), &context) {
            Target::Recall(part) => part.get(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_rule_does_what_is_written_of_it() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        let usual = Context::default();
        let on = ContextRules::default();
        near(precision(on, usual), 0.9);
        near(
            precision(
                on,
                Context {
                    candidates: 10,
                    ..usual
                },
            ),
            0.95,
        );
        near(
            precision(
                on,
                Context {
                    criticality: Criticality::High,
                    ..usual
                },
            ),
            0.95,
        );
        near(
            precision(
                on,
                Context {
                    criticality: Criticality::Low,
                    ..usual
                },
            ),
            0.8,
        );
        near(
            precision(
                on,
                Context {
                    complexity: Some(0.1),
                    ..usual
                },
            ),
            0.9,
        );
        near(
            precision(
                on,
                Context {
                    complexity: Some(0.9),
                    ..usual
                },
            ),
            0.95,
        );
        near(
            recall(Context {
                candidates: 1000,
                complexity: Some(1.0),
                ..usual
            }),
            0.9,
        );
        near(
            recall(Context {
                risk: Some(Risk::High),
                ..usual
            }),
            0.95,
        );
        near(
            recall(Context {
                criticality: Criticality::High,
                ..usual
            }),
            0.95,
        );
    }

    #[test]
    fn rules_that_are_off_shift_nothing_and_nonsense_stays_within_bounds() {
        let wild = Context {
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
            Context {
                complexity: Some(f32::NAN),
                ..wild
            },
        );
        assert!(unknown > 0.0 && unknown < 1.0);
        let none = Context {
            candidates: 0,
            ..Context::default()
        };
        assert!((precision(ContextRules::default(), none) - 0.9).abs() < 1e-12);
    }
}
