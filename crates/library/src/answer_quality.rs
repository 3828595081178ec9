//! How often recent answers contradict what was shown as a match.

use std::collections::BTreeMap;

use eidetic_catalog::{Feedback, FeedbackKind, FeedbackStore};
use eidetic_confidence::QueryKind;
use serde::{Deserialize, Serialize};

use crate::{FEEDBACK_NEEDED, Library, LibraryError};

/// The answers of a scope that count as recent.
const RECENT: usize = 200;
/// With fewer answers of a class, its rate says nothing.
const MIN_ANSWERS: u64 = 20;
/// The highest rates that need no attention.
const MOST_FALSE_ALARMS: f64 = 0.10;
const MOST_MISSES: f64 = 0.15;

/// The recent answers to one kind of query, or in the reviews of one profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerQuality {
    /// `text` or `picture`.
    pub kind: QueryKind,
    /// The profile; `None`: hits of searches.
    pub profile: Option<String>,
    /// Recent answers, at most 200, for which it is known whether a match was shown.
    pub answers: u64,
    /// Answers to what was shown as a match.
    pub shown: u64,
    /// Those that say that it is none.
    pub false_alarms: u64,
    /// Answers that say that it is a match.
    pub matching: u64,
    /// Those to what was not shown as a match.
    pub misses: u64,
}

impl AnswerQuality {
    fn of(kind: QueryKind, profile: Option<&str>, answers: &[(bool, bool)]) -> Self {
        let count = |expected: Option<bool>, right: Option<bool>| {
            let is_counted = |(was_expected, was_right): &&(bool, bool)| {
                expected.is_none_or(|expected| expected == *was_expected)
                    && right.is_none_or(|right| right == *was_right)
            };
            answers.iter().filter(is_counted).count() as u64
        };
        Self {
            kind,
            profile: profile.map(str::to_owned),
            answers: answers.len() as u64,
            shown: count(Some(true), None),
            false_alarms: count(Some(true), Some(false)),
            matching: count(None, Some(true)),
            misses: count(Some(false), Some(true)),
        }
    }

    /// The share of false alarms among what was shown; `None` below 20 answers to it.
    pub fn false_alarm_rate(&self) -> Option<f64> {
        (self.shown >= MIN_ANSWERS).then(|| self.false_alarms as f64 / self.shown as f64)
    }

    /// The share of matches that were not shown; `None` below 20 matches.
    pub fn miss_rate(&self) -> Option<f64> {
        (self.matching >= MIN_ANSWERS).then(|| self.misses as f64 / self.matching as f64)
    }

    /// What to do, in a sentence, where more than 10 % are false alarms or more than 15 % are missed.
    pub fn advice(&self) -> Option<String> {
        let alarms = self.false_alarm_rate().filter(|rate| *rate > MOST_FALSE_ALARMS);
        let misses = self.miss_rate().filter(|rate| *rate > MOST_MISSES);
        let alarms = alarms.map(|rate| format!("{:.0}% of what it shows are no matches", 100.0 * rate));
        let misses = misses.map(|rate| format!("it misses {:.0}% of the matches", 100.0 * rate));
        let faults: Vec<String> = alarms.into_iter().chain(misses).collect();
        if faults.is_empty() {
            return None;
        }
        let (what, option) = match (&self.profile, self.kind) {
            (Some(profile), _) => (format!("profile {profile}"), format!(" --profile {profile}")),
            (None, QueryKind::Text) => ("search by words".to_owned(), String::new()),
            (None, QueryKind::Image) => ("search by a picture".to_owned(), " --kind picture".to_owned()),
        };
        Some(format!(
            "{what}: by {} recent answers, {}; {FEEDBACK_NEEDED} new answers re-fit its confidences, or label pairs and run: \
             eidetic calibrate PAIRS{option}",
            self.answers,
            faults.join(", and ")
        ))
    }
}

impl Library {
    /// The quality of recent answers, of each scope that has any.
    pub fn answer_quality(&self) -> Result<Vec<AnswerQuality>, LibraryError> {
        Ok(quality_of(&self.catalog.feedback()?))
    }
}

/// For each answer whether a match was shown, and whether it is one.
type Expected = Vec<(bool, bool)>;

/// `feedback` is in order of time, the oldest first.
fn quality_of(feedback: &[Feedback]) -> Vec<AnswerQuality> {
    let mut recent: BTreeMap<(QueryKind, Option<&str>), Expected> = BTreeMap::new();
    for answer in feedback.iter().rev() {
        let answers = recent
            .entry((kind_of(answer), answer.profile.as_deref()))
            .or_default();
        if let Some(expected) = answer.expected
            && answers.len() < RECENT
        {
            answers.push((expected, answer.right));
        }
    }
    let known = recent.into_iter().filter(|(_, answers)| !answers.is_empty());
    known
        .map(|((kind, profile), answers)| AnswerQuality::of(kind, profile, &answers))
        .collect()
}

const fn kind_of(answer: &Feedback) -> QueryKind {
    match answer.kind {
        FeedbackKind::Text => QueryKind::Text,
        FeedbackKind::Image => QueryKind::Image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::ImageId;

    fn answers(count: usize, profile: Option<&str>, expected: Option<bool>, right: bool) -> Vec<Feedback> {
        let answer = |number: usize| Feedback {
            at_ms: 0,
            kind: FeedbackKind::Text,
            profile: profile.map(str::to_owned),
            query: "q".to_owned(),
            image: ImageId::of(&number.to_le_bytes()),
            path: "/p".into(),
            right,
            expected,
        };
        (0..count).map(answer).collect()
    }

    #[test]
    fn rates_are_counted_by_profile() {
        let all = [
            answers(5, None, None, true),
            answers(45, Some("shop"), Some(true), true),
            answers(15, Some("shop"), Some(true), false),
            answers(5, Some("shop"), Some(false), true),
            answers(10, None, Some(true), false),
        ]
        .concat();
        let found = quality_of(&all);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].answers, found[0].advice()), (10, None), "too few");
        let shop = &found[1];
        assert_eq!(shop.profile.as_deref(), Some("shop"));
        assert_eq!(shop.false_alarm_rate(), Some(0.25));
        assert_eq!(shop.miss_rate(), Some(0.1));
        let advice = shop.advice().unwrap();
        assert!(
            advice.contains("25%") && advice.contains("--profile shop"),
            "{advice}"
        );
        assert!(!advice.contains("misses"), "{advice}");
    }

    #[test]
    fn only_recent_answers_count() {
        let all = [
            answers(300, None, Some(true), false),
            answers(190, None, Some(true), true),
            answers(10, None, Some(false), true),
        ]
        .concat();
        let found = quality_of(&all);
        assert_eq!(
            (found[0].answers, found[0].false_alarms, found[0].misses),
            (200, 0, 10)
        );
        assert_eq!(found[0].advice(), None);
    }
}
