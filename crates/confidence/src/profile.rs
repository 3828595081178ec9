//! Thresholds by purpose: the same score means different things for different uses.
//!
//! A [`Profile`] states targets ("95 % of what is used must be right") instead of thresholds, and how many matches to
//! expect. The labeled pairs of a calibration give the score that reaches a target at that prevalence; without them, a
//! target is read as a confidence. docs/profiles.md has the rules.

mod complexity;
mod context;
mod evidence;
mod file;
mod patterns;
mod prevalence;
mod purpose;
mod thresholds;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use complexity::edge_density;
pub use context::{ContextRules, Criticality, TargetContext};
pub use file::{NamedProfile, ProfileError, Profiles, Share};
pub use patterns::{Pattern, PatternsError, Risk, parse_patterns};
pub use prevalence::{EstimatedPrevalence, estimate_prevalence};
pub use purpose::{Finding, MatchContext, Purpose, ResolvedPurpose};
pub use thresholds::{ExpectedRates, LevelThreshold, ResolvedThreshold, ThresholdBasis};

use crate::calibration::Calibration;
use evidence::Evidence;

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
    /// This score, with or without a calibration; it holds for one model only.
    #[serde(deserialize_with = "file::score")]
    Score(f64),
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
    /// The share of matches among all pairs that are compared; as among the labeled pairs if it is not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<Share>,
    /// Whether the share of matches is estimated from a batch of at least 100 pairs, in place of `prevalence`.
    #[serde(default)]
    pub prevalence_from_batch: bool,
    /// How the context shifts targets.
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

/// A profile with a threshold for each level.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedProfile<'a> {
    profile: &'a Profile,
    /// One for each level.
    thresholds: Vec<ResolvedThreshold>,
    prevalence: Option<f64>,
}

/// The level that a profile gives a match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The level's name; [`UNKNOWN`](Self::UNKNOWN) if the score decides nothing.
    pub level: String,
    /// What to do.
    pub action: ProfileAction,
    /// The threshold that was reached; `None` if none was.
    #[serde(rename = "bar")]
    pub threshold: Option<LevelThreshold>,
    /// Why, such as `score 0.2812 ≥ 0.2790, for precision 0.95`.
    #[serde(default)]
    pub reason: String,
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
        self.resolve(context, calibration, None).verdict(scored)
    }

    /// The thresholds that reach the targets in `context`, by the pairs of `calibration` if there is one, where a share
    /// of `prevalence` matches; `None`: as the profile states.
    ///
    /// Thresholds never rise from one level to the next.
    pub fn resolve(
        &self,
        context: &TargetContext,
        calibration: Option<&Calibration>,
        prevalence: Option<f64>,
    ) -> ResolvedProfile<'_> {
        let evidence = calibration.and_then(Evidence::of);
        let levels = self.levels.iter();
        let targets: Vec<LevelTarget> = levels
            .map(|level| self.context.shift(level.target, context))
            .collect();
        let prevalence = prevalence.or(self.prevalence.map(Share::get));
        let of_labels = || evidence.as_ref().map(|evidence| evidence.labels.label_share);
        let prevalence = prevalence
            .or_else(of_labels)
            .map(|share| Share::clamped(share).get());
        ResolvedProfile {
            profile: self,
            thresholds: thresholds::resolve(&targets, evidence.as_ref(), prevalence.unwrap_or(0.5)),
            prevalence,
        }
    }
}

impl LevelTarget {
    /// The score, if it is one.
    pub const fn score(self) -> Option<f64> {
        match self {
            Self::Score(score) => Some(score),
            Self::Precision(_) | Self::Recall(_) | Self::Confidence(_) => None,
        }
    }
}

impl fmt::Display for LevelTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Precision(share) => write!(f, "precision {}", share.get()),
            Self::Recall(share) => write!(f, "recall {}", share.get()),
            Self::Confidence(share) => write!(f, "confidence {}", share.get()),
            Self::Score(score) => write!(f, "score {score}"),
        }
    }
}

impl ResolvedProfile<'_> {
    /// The levels with their thresholds, the strictest first.
    pub fn levels(&self) -> impl Iterator<Item = (&LevelRule, &ResolvedThreshold)> {
        self.profile.levels.iter().zip(&self.thresholds)
    }

    /// The share of matches for which precisions hold; `None` without one stated and without labels.
    pub const fn prevalence(&self) -> Option<f64> {
        self.prevalence
    }

    /// The first level that the match reaches, else the default level.
    pub fn verdict(&self, scored: ScoredMatch) -> ProfileVerdict {
        let needs_confidence =
            |found: &ResolvedThreshold| matches!(found.threshold, LevelThreshold::Confidence(_));
        if scored.confidence.is_none() && self.thresholds.iter().any(needs_confidence) {
            return ProfileVerdict::unknown("the model gives no confidence".to_owned());
        }
        let reached = self
            .levels()
            .find(|(_, found)| found.threshold.is_reached(scored));
        let default = &self.profile.default_level;
        match reached {
            Some((level, found)) => ProfileVerdict {
                level: level.name.clone(),
                action: level.action,
                threshold: Some(found.threshold),
                reason: format!("{}, for {}", scored.compared(found.threshold, "≥"), level.target),
            },
            None => ProfileVerdict {
                level: default.name.clone(),
                action: default.action,
                threshold: None,
                reason: self.levels().last().map_or_else(String::new, |(level, found)| {
                    format!("{}, for {}", scored.compared(found.threshold, "<"), level.name)
                }),
            },
        }
    }
}

impl ProfileVerdict {
    /// The level of a match that the score does not decide.
    pub const UNKNOWN: &'static str = "unknown";

    /// The verdict on a match that the score does not decide.
    pub fn unknown(reason: String) -> Self {
        Self {
            level: Self::UNKNOWN.to_owned(),
            action: ProfileAction::CheckByHand,
            threshold: None,
            reason,
        }
    }
}

impl ScoredMatch {
    /// Such as `score 0.2812 ≥ 0.2790`.
    fn compared(self, threshold: LevelThreshold, sign: &str) -> String {
        match threshold {
            LevelThreshold::Score(score) => format!("score {:.4} {sign} {score:.4}", self.score),
            LevelThreshold::Confidence(confidence) => {
                let own = self.confidence.unwrap_or(0.0);
                format!("confidence {own:.4} {sign} {confidence:.4}")
            }
        }
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
mod tests;
