//! A profile applied to many images: verdicts on texts, findings of patterns.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    Criticality, Pattern, Profile, ProfileVerdict, ResolvedProfile, Risk, ScoredMatch, TargetContext,
};
use crate::TextMatch;
use crate::calibration::Calibration;

/// A profile with everything that decides its thresholds, except for the image.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The profile's patterns; their risks count.
    pub patterns: &'a [Pattern],
    /// The cost of an error.
    pub criticality: Criticality,
    /// The library's calibration of text queries, if there is one.
    pub calibration: Option<&'a Calibration>,
}

/// How an image is compared with texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchContext {
    /// Number of texts that compete for the image; at least 1.
    pub candidates: usize,
    /// Edge density of the image, 0 to 1; `None` if it was not measured.
    pub complexity: Option<f32>,
}

/// A pattern with which an image reaches a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The pattern.
    pub text: String,
    /// Its risk.
    pub risk: Risk,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Probability that the image shows it.
    pub confidence: Option<f32>,
    /// The profile's verdict.
    pub verdict: ProfileVerdict,
}

/// A purpose with thresholds, for all images that are compared in the same context.
#[derive(Debug, Clone)]
pub struct ResolvedPurpose<'a> {
    profile: &'a Profile,
    risks: HashMap<&'a str, Risk>,
    /// By the risk of a text; `None` for texts that are not patterns.
    resolved: HashMap<Option<Risk>, ResolvedProfile<'a>>,
}

impl<'a> Purpose<'a> {
    /// The thresholds in `context`. Call it once for many images: each threshold is searched among all
    /// labeled pairs.
    pub fn resolve(&self, context: MatchContext) -> ResolvedPurpose<'a> {
        let patterns = self.patterns.iter();
        let risks: HashMap<&str, Risk> = patterns
            .map(|pattern| (pattern.text.as_str(), pattern.risk))
            .collect();
        let mut resolved = HashMap::new();
        for risk in std::iter::once(None).chain(risks.values().copied().map(Some)) {
            resolved
                .entry(risk)
                .or_insert_with(|| self.resolve_for(context, risk));
        }
        ResolvedPurpose {
            profile: self.profile,
            risks,
            resolved,
        }
    }

    fn resolve_for(&self, context: MatchContext, risk: Option<Risk>) -> ResolvedProfile<'a> {
        let context = TargetContext {
            candidates: context.candidates,
            criticality: self.criticality,
            complexity: context.complexity,
            risk,
        };
        self.profile.resolve(&context, self.calibration)
    }
}

impl ResolvedPurpose<'_> {
    /// One verdict per match, in order.
    pub fn verdicts(&self, matches: &[TextMatch]) -> Vec<ProfileVerdict> {
        matches.iter().map(|found| self.verdict(found)).collect()
    }

    /// The patterns among `matches` that reach a level, the strictest level first, the most probable first
    /// within a level. `matches` are in descending order of confidence.
    pub fn findings(&self, matches: &[TextMatch]) -> Vec<Finding> {
        let finding = |found: &TextMatch| {
            let risk = *self.risks.get(found.text.as_str())?;
            // The score is that of the other words, which say something else.
            if !found.unknown_words.is_empty() {
                return None;
            }
            let verdict = self.verdict(found);
            let reached = verdict.level != self.profile.default_level.name;
            reached.then(|| Finding {
                text: found.text.clone(),
                risk,
                score: found.score,
                confidence: found.confidence,
                verdict,
            })
        };
        let mut findings: Vec<Finding> = matches.iter().filter_map(finding).collect();
        // The sort is stable, so the order within a level stays.
        findings.sort_by_key(|finding| self.profile.strictness(&finding.verdict.level));
        findings
    }

    fn verdict(&self, found: &TextMatch) -> ProfileVerdict {
        let risk = self.risks.get(found.text.as_str()).copied();
        self.resolved[&risk].verdict(scored(found))
    }
}

impl Profile {
    /// The position of a level, 0 for the strictest. Names of no level come last.
    pub fn strictness(&self, level: &str) -> usize {
        let position = self.levels.iter().position(|rule| rule.name == level);
        position.unwrap_or(self.levels.len())
    }
}

fn scored(found: &TextMatch) -> ScoredMatch {
    ScoredMatch {
        score: found.score,
        confidence: found.confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::profile::{Profiles, parse_patterns};

    fn found(text: &str, confidence: f32) -> TextMatch {
        TextMatch {
            text: text.into(),
            score: confidence / 2.0,
            normalized: confidence,
            confidence: Some(confidence),
            unknown_words: Vec::new(),
            level: Level::of(Some(confidence)),
        }
    }

    fn context(candidates: usize) -> MatchContext {
        MatchContext {
            candidates,
            complexity: None,
        }
    }

    #[test]
    fn higher_risk_lowers_threshold_of_findings() {
        let profiles = Profiles::builtin();
        let patterns =
            parse_patterns("a gun\thigh\na cigarette\tlow\na knife\tmedium\na casino\tlow").unwrap();
        let purpose = Purpose {
            profile: profiles.get("moderation").unwrap(),
            patterns: &patterns,
            criticality: Criticality::Normal,
            calibration: None,
        };
        // Without labels, recall 0.98 is a confidence of 0.02. The error is halved for a high risk, doubled
        // for a low one.
        let matches = [
            found("a knife", 0.99),
            found("a cigarette", 0.05),
            found("a casino", 0.03),
            found("a gun", 0.015),
        ];
        let findings = purpose.resolve(context(matches.len())).findings(&matches);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| (finding.text.as_str(), finding.verdict.level.as_str()))
            .collect();
        assert_eq!(
            found,
            [("a knife", "block"), ("a cigarette", "flag"), ("a gun", "flag")]
        );
        let nothing = purpose
            .resolve(context(1))
            .findings(&[self::found("a gun", 0.005)]);
        assert!(nothing.is_empty(), "{nothing:?}");
    }

    #[test]
    fn candidates_and_complexity_raise_threshold() {
        let profiles = Profiles::builtin();
        let purpose = Purpose {
            profile: profiles.get("product").unwrap(),
            patterns: &[],
            criticality: Criticality::Normal,
            calibration: None,
        };
        let level = |candidates, complexity| {
            let context = MatchContext {
                candidates,
                complexity,
            };
            purpose.resolve(context).verdicts(&[found("a shoe", 0.96)])[0]
                .level
                .clone()
        };
        assert_eq!([level(1, None), level(100, None)], ["use", "review"]);
        assert_eq!([level(1, Some(0.1)), level(1, Some(0.5))], ["use", "review"]);
    }
}
