//! Thresholds by purpose: the same score means different things for different uses.
//!
//! A [`Profile`] states targets ("95 % of what is used must be right") instead of thresholds. The labeled
//! pairs of a calibration give the score that reaches a target; without them, a target is read as a
//! confidence. docs/profiles.md has the rules.

mod complexity;
mod context;
mod file;
mod patterns;
mod purpose;

use serde::{Deserialize, Serialize};

pub use complexity::edge_density;
pub use context::{ContextRules, Criticality, TargetContext};
pub use file::{NamedProfile, ProfileError, Profiles, Share};
pub use patterns::{Pattern, PatternsError, Risk, parse_patterns};
pub use purpose::{Finding, MatchContext, Purpose, ResolvedPurpose};

use crate::calibration::{Calibration, Sample, Strategy};

/// What to do with an image and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileAction {
    /// Use both as they are.
    Adopt,
    /// Have a person check them.
    CheckByHand,
    /// Correct or extend the text.
    ImproveText,
    /// Improve the image.
    #[serde(rename = "improve_picture")]
    ImproveImage,
    /// Use another image.
    Replace,
}

/// What a level requires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelTarget {
    /// This share of what reaches the level is right.
    Precision(Share),
    /// This share of what is right reaches the level.
    Recall(Share),
    /// This confidence, with or without a calibration.
    Confidence(Share),
}

/// One level of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// Such as `use`.
    pub name: String,
    /// What reaches it.
    pub target: LevelTarget,
    /// What to do then.
    pub action: ProfileAction,
}

/// The level of everything that reaches no other level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultLevel {
    /// Such as `exclude`.
    pub name: String,
    /// What to do then.
    pub action: ProfileAction,
}

/// Targets and actions for one purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The purpose.
    #[serde(default)]
    pub description: String,
    /// The levels, the strictest first; at least one.
    #[serde(rename = "level", deserialize_with = "file::levels")]
    pub levels: Vec<LevelRule>,
    /// The level of everything that reaches none of them.
    #[serde(rename = "otherwise")]
    pub default_level: DefaultLevel,
    /// Which parts of the context shift targets.
    #[serde(default)]
    pub context: ContextRules,
    /// The texts that every image is compared with: a file in the same folder, or `builtin` for the bundled
    /// patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patterns: Option<String>,
}

/// How well an image and a text match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredMatch {
    /// Their cosine similarity.
    pub score: f32,
    /// The probability that they match; `None` if it is unknown.
    pub confidence: Option<f32>,
}

/// The threshold of a level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelThreshold {
    /// The lowest score: the labeled pairs show that it reaches the target.
    Score(f64),
    /// The lowest confidence: there are no labeled pairs, or no threshold on their scores reaches the target.
    Confidence(f64),
}

/// A profile with a threshold for each level.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedProfile<'a> {
    profile: &'a Profile,
    thresholds: Vec<LevelThreshold>,
}

/// The level that a profile gives a match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The level's name; `unknown` if a confidence is needed and missing.
    pub level: String,
    /// What to do.
    pub action: ProfileAction,
    /// The threshold that was reached; `None` if none was.
    #[serde(rename = "bar")]
    pub threshold: Option<LevelThreshold>,
}

impl ProfileAction {
    /// The action in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::CheckByHand => "check by hand",
            Self::ImproveText => "improve the text",
            Self::ImproveImage => "improve the picture",
            Self::Replace => "replace",
        }
    }

    /// The name in files and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::CheckByHand => "check_by_hand",
            Self::ImproveText => "improve_text",
            Self::ImproveImage => "improve_picture",
            Self::Replace => "replace",
        }
    }
}

impl Profile {
    /// The verdict on one match. For many, call [`resolve`](Self::resolve) once.
    pub fn verdict(
        &self,
        scored: ScoredMatch,
        context: &TargetContext,
        calibration: Option<&Calibration>,
    ) -> ProfileVerdict {
        self.resolve(context, calibration).verdict(scored)
    }

    /// The thresholds that reach the targets in `context`, by the pairs of `calibration` if there is one.
    pub fn resolve(&self, context: &TargetContext, calibration: Option<&Calibration>) -> ResolvedProfile<'_> {
        let sample = calibration.and_then(|calibration| calibration.sample().ok());
        let threshold = |level: &LevelRule| {
            let target = self.context.shift(level.target, context);
            target.threshold(sample.as_ref())
        };
        ResolvedProfile {
            profile: self,
            thresholds: self.levels.iter().map(threshold).collect(),
        }
    }
}

impl LevelTarget {
    fn threshold(self, sample: Option<&Sample>) -> LevelThreshold {
        let score_for = |strategy: Strategy| {
            let pairs = sample?.pairs();
            strategy.threshold(pairs, &vec![1; pairs.len()]).ok()
        };
        let (score, confidence) = match self {
            Self::Precision(share) => (score_for(Strategy::Precision(share.get())), share.get()),
            Self::Recall(share) => (score_for(Strategy::Recall(share.get())), 1.0 - share.get()),
            Self::Confidence(share) => (None, share.get()),
        };
        score.map_or(LevelThreshold::Confidence(confidence), LevelThreshold::Score)
    }
}

impl ResolvedProfile<'_> {
    /// The levels with their thresholds, the strictest first.
    pub fn levels(&self) -> impl Iterator<Item = (&LevelRule, LevelThreshold)> {
        self.profile.levels.iter().zip(self.thresholds.iter().copied())
    }

    /// The first level that the match reaches, else the default level.
    pub fn verdict(&self, scored: ScoredMatch) -> ProfileVerdict {
        let needs_confidence =
            |threshold: &LevelThreshold| matches!(threshold, LevelThreshold::Confidence(_));
        if scored.confidence.is_none() && self.thresholds.iter().any(needs_confidence) {
            return ProfileVerdict {
                level: "unknown".to_owned(),
                action: ProfileAction::CheckByHand,
                threshold: None,
            };
        }
        let reached = self.levels().find(|(_, threshold)| threshold.is_reached(scored));
        let default = &self.profile.default_level;
        reached.map_or_else(
            || ProfileVerdict {
                level: default.name.clone(),
                action: default.action,
                threshold: None,
            },
            |(level, threshold)| ProfileVerdict {
                level: level.name.clone(),
                action: level.action,
                threshold: Some(threshold),
            },
        )
    }
}

impl LevelThreshold {
    fn is_reached(self, scored: ScoredMatch) -> bool {
        match self {
            Self::Score(min) => f64::from(scored.score) >= min,
            Self::Confidence(min) => scored.confidence.is_some_and(|p| f64::from(p) >= min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueryKind;
    use crate::calibration::{CalibrationOrigin, LabelSource, ScoredPair};
    use eidetic_domain::ImageId;

    /// Scores 0.00 to 0.99; all from 0.6 match, every other one between 0.4 and 0.6, none below.
    fn calibration() -> Calibration {
        let pair = |i: u32| ScoredPair {
            image: ImageId::of(&i.to_le_bytes()),
            path: "p".into(),
            query: "q".into(),
            query_image: None,
            score: f64::from(i) / 100.0,
            matches: i >= 60 || (i >= 40 && i.is_multiple_of(2)),
        };
        let origin = CalibrationOrigin {
            version: 1,
            replaces: None,
            kind: QueryKind::Text,
            space: "s".into(),
            made_at: 0,
            source: LabelSource::Labels,
            anchor: None,
        };
        Calibration::fit(origin, (0..100).map(pair).collect(), None).unwrap()
    }

    fn level(profile: &str, scored: (f32, Option<f32>), calibration: Option<&Calibration>) -> String {
        let profiles = Profiles::builtin();
        let scored = ScoredMatch {
            score: scored.0,
            confidence: scored.1,
        };
        profiles
            .get(profile)
            .unwrap()
            .verdict(scored, &TargetContext::default(), calibration)
            .level
    }

    #[test]
    fn targets_follow_labeled_pairs() {
        let calibration = calibration();
        let at = |score| level("product", (score, Some(0.0)), Some(&calibration));
        assert_eq!([at(0.9), at(0.45), at(0.1)], ["use", "review", "exclude"]);
    }

    #[test]
    fn targets_without_calibration_are_confidences() {
        let at = |confidence| level("product", (0.3, confidence), None);
        assert_eq!(
            [at(Some(0.96)), at(Some(0.5)), at(Some(0.01))],
            ["use", "review", "exclude"]
        );
        assert_eq!(at(None), "unknown");
    }

    #[test]
    fn unreachable_precision_becomes_confidence() {
        let mut calibration = calibration();
        calibration.labeled.last_mut().unwrap().matches = false;
        for pair in calibration.labeled.iter_mut().skip(60).step_by(3) {
            pair.matches = false;
        }
        let profiles = Profiles::builtin();
        let resolved = profiles
            .get("product")
            .unwrap()
            .resolve(&TargetContext::default(), Some(&calibration));
        let thresholds: Vec<LevelThreshold> = resolved.levels().map(|(_, threshold)| threshold).collect();
        assert!(
            matches!(thresholds[0], LevelThreshold::Confidence(p) if (p - 0.95).abs() < 1e-9),
            "{thresholds:?}"
        );
        assert!(
            matches!(thresholds[1], LevelThreshold::Score(_)),
            "{thresholds:?}"
        );
    }
}
