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
    /// The profile's calibration, or the library's of text queries, if there is one.
    pub calibration: Option<&'a Calibration>,
    /// The share of matches; `None`: as the profile states.
    pub prevalence: Option<f64>,
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
    patterns: HashMap<&'a str, &'a Pattern>,
    /// By the risk of a text; `None` for texts that are not patterns.
    resolved: HashMap<Option<Risk>, ResolvedProfile<'a>>,
}

impl<'a> Purpose<'a> {
    /// The thresholds in `context`. Call it once for many images: each threshold is searched among all
    /// labeled pairs.
    pub fn resolve(&self, context: MatchContext) -> ResolvedPurpose<'a> {
        let patterns = self.patterns.iter();
        let patterns: HashMap<&str, &Pattern> =
            patterns.map(|pattern| (pattern.text.as_str(), pattern)).collect();
        let mut resolved = HashMap::new();
        for risk in std::iter::once(None).chain(patterns.values().map(|pattern| Some(pattern.risk))) {
            resolved
                .entry(risk)
                .or_insert_with(|| self.resolve_for(context, risk));
        }
        ResolvedPurpose {
            profile: self.profile,
            patterns,
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
        self.profile.resolve(&context, self.calibration, self.prevalence)
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
            let risk = self.patterns.get(found.text.as_str())?.risk;
            let verdict = self.verdict(found);
            let reached = self.profile.reaches(&verdict) == Some(true);
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
        // The score is that of the other words, which say something else.
        if !found.unknown_words.is_empty() {
            let quoted = found.unknown_words.iter().map(|word| format!("{word:?}"));
            let words = quoted.collect::<Vec<_>>().join(", ");
            return ProfileVerdict::unknown(format!("the model does not know {words}"));
        }
        if found.confidence.is_none() {
            return ProfileVerdict::unknown("the text says nothing that an image could show".to_owned());
        }
        let pattern = self.patterns.get(found.text.as_str());
        let verdict = self.resolved[&pattern.map(|pattern| pattern.risk)].verdict(scored(found));
        match pattern.and_then(|pattern| pattern.level.as_deref()) {
            Some(level) => self.at_most(verdict, level),
            None => verdict,
        }
    }

    /// The verdict, or the given level where the verdict's is stricter.
    fn at_most(&self, verdict: ProfileVerdict, level: &str) -> ProfileVerdict {
        let strictest = self.profile.strictness(level);
        match self.profile.levels.get(strictest) {
            Some(rule) if self.profile.strictness(&verdict.level) < strictest => ProfileVerdict {
                level: rule.name.clone(),
                action: rule.action,
                reason: format!("{}; the pattern is {level} at most", verdict.reason),
                ..verdict
            },
            _ => verdict,
        }
    }
}

impl Profile {
    /// Whether a verdict is one of the levels rather than the default; `None` if the score decided nothing.
    pub fn reaches(&self, verdict: &ProfileVerdict) -> Option<bool> {
        let is_known = verdict.level != ProfileVerdict::UNKNOWN;
        is_known.then(|| verdict.level != self.default_level.name)
    }

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
        let mut profile = Profiles::builtin().get("moderation").unwrap().clone();
        profile.context.risk = 2.0;
        let patterns =
            parse_patterns("a gun\thigh\na cigarette\tlow\na knife\tmedium\na casino\tlow").unwrap();
        let purpose = Purpose {
            profile: &profile,
            patterns: &patterns,
            criticality: Criticality::Normal,
            calibration: None,
            prevalence: None,
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
    fn pattern_gives_its_level_at_most() {
        let profiles = Profiles::builtin();
        let patterns = parse_patterns("a gun\tflag\thigh\na knife").unwrap();
        let purpose = Purpose {
            profile: profiles.get("moderation").unwrap(),
            patterns: &patterns,
            criticality: Criticality::Normal,
            calibration: None,
            prevalence: None,
        };
        let matches = [found("a gun", 0.99), found("a knife", 0.98)];
        let findings = purpose.resolve(context(2)).findings(&matches);
        let levels: Vec<_> = findings
            .iter()
            .map(|finding| (finding.text.as_str(), finding.verdict.level.as_str()))
            .collect();
        assert_eq!(levels, [("a knife", "block"), ("a gun", "flag")]);
        assert!(
            findings[1].verdict.reason.contains("flag at most"),
            "{findings:?}"
        );
    }

    #[test]
    fn unknown_words_decide_nothing() {
        let profiles = Profiles::builtin();
        let patterns = parse_patterns("an injured animal\thigh\na gun\tlow").unwrap();
        let purpose = Purpose {
            profile: profiles.get("moderation").unwrap(),
            patterns: &patterns,
            criticality: Criticality::Normal,
            calibration: None,
            prevalence: None,
        };
        let half_known = TextMatch {
            unknown_words: vec!["injured".to_owned()],
            ..found("an injured animal", 0.99)
        };
        let empty = TextMatch {
            confidence: None,
            ..found("of the", 0.99)
        };
        let resolved = purpose.resolve(context(3));
        let matches = [half_known, empty, found("a gun", 0.99)];
        let verdicts = resolved.verdicts(&matches);
        let levels: Vec<&str> = verdicts.iter().map(|verdict| verdict.level.as_str()).collect();
        assert_eq!(levels, ["unknown", "unknown", "block"]);
        assert!(verdicts[0].reason.contains("\"injured\""), "{verdicts:?}");
        assert_eq!(resolved.findings(&matches).len(), 1);
    }

    #[test]
    fn candidates_and_complexity_raise_threshold() {
        let mut profile = Profiles::builtin().get("product").unwrap().clone();
        profile.context.candidates = 1.0;
        profile.context.complexity = 0.5;
        let purpose = Purpose {
            profile: &profile,
            patterns: &[],
            criticality: Criticality::Normal,
            calibration: None,
            prevalence: None,
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
