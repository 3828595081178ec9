use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Context, Criticality, Evidence, Pattern, Profile, ProfileVerdict, ResolvedProfile, Risk};
use crate::TextMatch;
use crate::calibration::Calibrated;

/// A profile with all that decides its bars but the picture.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its patterns, where it has some: their risks count.
    pub patterns: &'a [Pattern],
    /// What a mistake costs.
    pub criticality: Criticality,
    /// The library's calibration of text queries, where it has one.
    pub calibration: Option<&'a Calibrated>,
}

/// How a picture is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    /// Texts that compete for it; at least 1.
    pub candidates: usize,
    /// Its edge density, 0 to 1, where it was measured.
    pub complexity: Option<f32>,
}

/// A pattern that a picture reaches a level by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What the picture would show.
    pub text: String,
    /// How bad that is.
    pub risk: Risk,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Probability that it does.
    pub confidence: Option<f32>,
    /// What the profile says.
    pub verdict: ProfileVerdict,
}

/// A purpose whose targets have become bars, for all that is compared in the same circumstances.
#[derive(Debug, Clone)]
pub struct ResolvedPurpose<'a> {
    profile: &'a Profile,
    risks: HashMap<&'a str, Risk>,
    /// By the risk of what a text names; `None` for texts that are no patterns.
    resolved: HashMap<Option<Risk>, ResolvedProfile<'a>>,
}

impl<'a> Purpose<'a> {
    /// The bars in `circumstances`: once for many pictures, since each bar is looked for among all labelled pairs.
    pub fn resolve(&self, circumstances: Circumstances) -> ResolvedPurpose<'a> {
        let patterns = self.patterns.iter();
        let risks: HashMap<&str, Risk> = patterns
            .map(|pattern| (pattern.text.as_str(), pattern.risk))
            .collect();
        let mut resolved = HashMap::new();
        for risk in std::iter::once(None).chain(risks.values().copied().map(Some)) {
            resolved
                .entry(risk)
                .or_insert_with(|| self.resolve_for(circumstances, risk));
        }
        ResolvedPurpose {
            profile: self.profile,
            risks,
            resolved,
        }
    }

    fn resolve_for(&self, circumstances: Circumstances, risk: Option<Risk>) -> ResolvedProfile<'a> {
        let context = Context {
            candidates: circumstances.candidates,
            criticality: self.criticality,
            complexity: circumstances.complexity,
            risk,
        };
        self.profile.resolve(&context, self.calibration)
    }
}

impl ResolvedPurpose<'_> {
    /// One verdict a match, in order.
    pub fn verdicts(&self, matches: &[TextMatch]) -> Vec<ProfileVerdict> {
        matches.iter().map(|found| self.verdict(found)).collect()
    }

    /// What of `matches`, which hold a picture against the patterns, reaches a level: the strictest level first, in it the
    /// most probable.
    pub fn findings(&self, matches: &[TextMatch]) -> Vec<Finding> {
        let finding = |found: &TextMatch| {
            let risk = *self.risks.get(found.text.as_str())?;
            let verdict = self.verdict(found);
            let reached = verdict.level != self.profile.otherwise.name;
            reached.then(|| Finding {
                text: found.text.clone(),
                risk,
                score: found.score,
                confidence: found.confidence,
                verdict,
            })
        };
        let mut findings: Vec<Finding> = matches.iter().filter_map(finding).collect();
        // Matches come the most probable first, and the sort is stable.
        findings.sort_by_key(|finding| self.profile.strictness(&finding.verdict.level));
        findings
    }

    fn verdict(&self, found: &TextMatch) -> ProfileVerdict {
        let risk = self.risks.get(found.text.as_str()).copied();
        self.resolved[&risk].judge(evidence(found))
    }
}

impl Profile {
    /// A level's place, the strictest being 0; what is no level comes last.
    pub fn strictness(&self, level: &str) -> usize {
        let place = self.levels.iter().position(|rule| rule.name == level);
        place.unwrap_or(self.levels.len())
    }
}

fn evidence(found: &TextMatch) -> Evidence {
    Evidence {
        score: found.score,
        confidence: found.confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;
    use crate::profile::{Profiles, patterns};

    fn found(text: &str, confidence: f32) -> TextMatch {
        TextMatch {
            text: text.into(),
            score: confidence / 2.0,
            normalized: confidence,
            confidence: Some(confidence),
            level: Level::of(Some(confidence)),
        }
    }

    fn circumstances(candidates: usize) -> Circumstances {
        Circumstances {
            candidates,
            complexity: None,
        }
    }

    #[test]
    fn whatever_reaches_a_bar_is_found_and_what_must_not_be_missed_is_found_sooner() {
        let profiles = Profiles::builtin();
        let patterns = patterns("a gun\thigh\na cigarette\tlow\na knife\tmedium\na casino\tlow").unwrap();
        let purpose = Purpose {
            profile: profiles.get("moderation").unwrap(),
            patterns: &patterns,
            criticality: Criticality::Normal,
            calibration: None,
        };
        // Without labels, recall 0.98 is a confidence of 0.02; half the error for a high risk, twice for a low one.
        let matches = [
            found("a knife", 0.99),
            found("a cigarette", 0.05),
            found("a casino", 0.03),
            found("a gun", 0.015),
        ];
        let findings = purpose.resolve(circumstances(matches.len())).findings(&matches);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| (finding.text.as_str(), finding.verdict.level.as_str()))
            .collect();
        assert_eq!(
            found,
            [("a knife", "block"), ("a cigarette", "flag"), ("a gun", "flag")]
        );
        let nothing = purpose
            .resolve(circumstances(1))
            .findings(&[self::found("a gun", 0.005)]);
        assert!(nothing.is_empty(), "{nothing:?}");
    }

    #[test]
    fn many_candidates_ask_for_more() {
        let profiles = Profiles::builtin();
        let purpose = Purpose {
            profile: profiles.get("product").unwrap(),
            patterns: &[],
            criticality: Criticality::Normal,
            calibration: None,
        };
        let level = |candidates, complexity| {
            let circumstances = Circumstances {
                candidates,
                complexity,
            };
            purpose.resolve(circumstances).verdicts(&[found("a shoe", 0.96)])[0]
                .level
                .clone()
        };
        assert_eq!([level(1, None), level(100, None)], ["use", "review"]);
        assert_eq!([level(1, Some(0.1)), level(1, Some(0.5))], ["use", "review"]);
    }
}
