//! Thresholds by purpose: what a score means depends on what it is used for.
//!
//! A [`Profile`] states targets ("of what is used, 95 % shall be right"), not thresholds. A calibration's labelled pairs say
//! which score reaches a target; without them a target is read as a confidence. docs/profiles.md has the rules.

mod complexity;
mod context;
mod file;
mod patterns;
mod purpose;

use serde::{Deserialize, Serialize};

pub use complexity::edge_density;
pub use context::{Context, ContextRules, Criticality};
pub use file::{NamedProfile, ProfileError, Profiles, Share};
pub use patterns::{Pattern, PatternsError, Risk, patterns};
pub use purpose::{Circumstances, Finding, Purpose, ResolvedPurpose};

use crate::calibration::{Calibrated, Sample, Strategy};

/// What is to be done with a picture and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take it as it is.
    Adopt,
    /// Let somebody look.
    CheckByHand,
    /// The text says the wrong thing, or too little.
    ImproveText,
    /// The picture shows it badly.
    ImprovePicture,
    /// Take another picture.
    Replace,
}

/// What a level asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Of all that reaches the level, this part is right.
    Precision(Share),
    /// Of all that is right, this part reaches the level.
    Recall(Share),
    /// This confidence, whatever the calibration.
    Confidence(Share),
}

/// One level of a profile, the strictest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// Such as `use`.
    pub name: String,
    /// What reaches it.
    pub target: Target,
    /// What to do then.
    pub action: Action,
}

/// What holds for all that reaches no level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otherwise {
    /// Such as `exclude`.
    pub name: String,
    /// What to do then.
    pub action: Action,
}

/// Thresholds for one purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The levels, the strictest first; at least one.
    #[serde(rename = "level", deserialize_with = "file::levels")]
    pub levels: Vec<LevelRule>,
    /// What reaches none.
    pub otherwise: Otherwise,
    /// Which circumstances shift targets.
    #[serde(default)]
    pub context: ContextRules,
    /// The texts that every picture is held against, a file beside the profile's own; `builtin` for those that come along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patterns: Option<String>,
}

/// What is known of a picture and a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Their cosine.
    pub score: f32,
    /// The probability that they match, where it is known.
    pub confidence: Option<f32>,
}

/// A bar that evidence reaches or does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// From this cosine on: the labelled pairs say that it reaches the target.
    Score(f64),
    /// From this confidence on: there are no labelled pairs, or none of their thresholds reaches the target.
    Confidence(f64),
}

/// A profile whose targets have become bars.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedProfile<'a> {
    profile: &'a Profile,
    bars: Vec<Bar>,
}

/// What a profile says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The level's name; `unknown` where a confidence is needed and there is none.
    pub level: String,
    /// What to do.
    pub action: Action,
    /// The bar that was reached; `None` where none was.
    pub bar: Option<Bar>,
}

impl Action {
    /// As it is said.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::CheckByHand => "check by hand",
            Self::ImproveText => "improve the text",
            Self::ImprovePicture => "improve the picture",
            Self::Replace => "replace",
        }
    }

    /// As it stands in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::CheckByHand => "check_by_hand",
            Self::ImproveText => "improve_text",
            Self::ImprovePicture => "improve_picture",
            Self::Replace => "replace",
        }
    }
}

impl Profile {
    /// Judges one picture and text; [`resolve`](Self::resolve) once for many.
    pub fn judge(
        &self,
        evidence: Evidence,
        context: &Context,
        calibration: Option<&Calibrated>,
    ) -> ProfileVerdict {
        self.resolve(context, calibration).judge(evidence)
    }

    /// The bars that the targets stand for in `context`, by the pairs of `calibration` where there is one.
    pub fn resolve(&self, context: &Context, calibration: Option<&Calibrated>) -> ResolvedProfile<'_> {
        let sample = calibration.and_then(|calibrated| calibrated.sample().ok());
        let bar = |level: &LevelRule| self.context.shifted(level.target, context).bar(sample.as_ref());
        ResolvedProfile {
            profile: self,
            bars: self.levels.iter().map(bar).collect(),
        }
    }
}

impl Target {
    fn bar(self, sample: Option<&Sample>) -> Bar {
        let reaching = |strategy: Strategy| {
            let pairs = sample?.pairs();
            strategy.threshold(pairs, &vec![1; pairs.len()]).ok()
        };
        match self {
            Self::Precision(part) => {
                reaching(Strategy::Precision(part.get())).map_or(Bar::Confidence(part.get()), Bar::Score)
            }
            Self::Recall(part) => {
                reaching(Strategy::Recall(part.get())).map_or(Bar::Confidence(1.0 - part.get()), Bar::Score)
            }
            Self::Confidence(part) => Bar::Confidence(part.get()),
        }
    }
}

impl ResolvedProfile<'_> {
    /// The levels with their bars, the strictest first.
    pub fn levels(&self) -> impl Iterator<Item = (&LevelRule, Bar)> {
        self.profile.levels.iter().zip(self.bars.iter().copied())
    }

    /// The first level whose bar the evidence reaches.
    pub fn judge(&self, evidence: Evidence) -> ProfileVerdict {
        let needs_confidence = |bar: &Bar| matches!(bar, Bar::Confidence(_));
        if evidence.confidence.is_none() && self.bars.iter().any(needs_confidence) {
            return ProfileVerdict {
                level: "unknown".to_owned(),
                action: Action::CheckByHand,
                bar: None,
            };
        }
        let reached = self.levels().find(|(_, bar)| bar.is_reached(evidence));
        let otherwise = &self.profile.otherwise;
        reached.map_or_else(
            || ProfileVerdict {
                level: otherwise.name.clone(),
                action: otherwise.action,
                bar: None,
            },
            |(level, bar)| ProfileVerdict {
                level: level.name.clone(),
                action: level.action,
                bar: Some(bar),
            },
        )
    }
}

impl Bar {
    fn is_reached(self, evidence: Evidence) -> bool {
        match self {
            Self::Score(least) => f64::from(evidence.score) >= least,
            Self::Confidence(least) => evidence.confidence.is_some_and(|p| f64::from(p) >= least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueryKind;
    use crate::calibration::{LabelledScore, Origin, Source};
    use eidetic_domain::ImageId;

    /// Scores 0.00 to 0.99; from 0.6 on all match, between 0.4 and 0.6 every other one, below none.
    fn calibrated() -> Calibrated {
        let pair = |i: u32| LabelledScore {
            image: ImageId::of(&i.to_le_bytes()),
            path: "p".into(),
            query: "q".into(),
            query_image: None,
            score: f64::from(i) / 100.0,
            matches: i >= 60 || (i >= 40 && i.is_multiple_of(2)),
        };
        let origin = Origin {
            version: 1,
            replaces: None,
            kind: QueryKind::Text,
            space: "s".into(),
            made_at: 0,
            source: Source::Labels,
            anchor: None,
        };
        Calibrated::learn(origin, (0..100).map(pair).collect(), None).unwrap()
    }

    fn level(profile: &str, evidence: (f32, Option<f32>), calibration: Option<&Calibrated>) -> String {
        let profiles = Profiles::builtin();
        let evidence = Evidence {
            score: evidence.0,
            confidence: evidence.1,
        };
        profiles
            .get(profile)
            .unwrap()
            .judge(evidence, &Context::default(), calibration)
            .level
    }

    #[test]
    fn targets_follow_the_labelled_pairs() {
        let calibrated = calibrated();
        let at = |score| level("product", (score, Some(0.0)), Some(&calibrated));
        assert_eq!([at(0.9), at(0.45), at(0.1)], ["use", "review", "exclude"]);
    }

    #[test]
    fn without_a_calibration_targets_are_confidences() {
        let at = |confidence| level("product", (0.3, confidence), None);
        assert_eq!(
            [at(Some(0.96)), at(Some(0.5)), at(Some(0.01))],
            ["use", "review", "exclude"]
        );
        assert_eq!(at(None), "unknown");
    }

    #[test]
    fn a_precision_that_no_pair_reaches_falls_back_to_confidence() {
        let mut calibrated = calibrated();
        calibrated.labelled.last_mut().unwrap().matches = false;
        for pair in calibrated.labelled.iter_mut().skip(60).step_by(3) {
            pair.matches = false;
        }
        let profiles = Profiles::builtin();
        let resolved = profiles
            .get("product")
            .unwrap()
            .resolve(&Context::default(), Some(&calibrated));
        let bars: Vec<Bar> = resolved.levels().map(|(_, bar)| bar).collect();
        assert!(
            matches!(bars[0], Bar::Confidence(p) if (p - 0.95).abs() < 1e-9),
            "{bars:?}"
        );
        assert!(matches!(bars[1], Bar::Score(_)), "{bars:?}");
    }
}
