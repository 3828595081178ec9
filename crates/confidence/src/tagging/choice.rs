//! Choosing the tags of one image.

use std::collections::HashSet;

use eidetic_catalog::Tag;
use eidetic_domain::{Embedding, normalize_tag};

use super::TagVectors;
use crate::{ConfidenceModel, MATCH_THRESHOLD, cosine};

/// Where there are too few tags, those with at least this share of the minimum confidence are added, marked as low.
pub const LOW_TAG_SHARE: f32 = 0.8;
/// Confidences are computed for this many tags, those with the highest scores, or for the maximum number of
/// tags if that is higher. No other tag can be among the best: curves fitted to labels rise with the score,
/// and the background's rivals are the best five of a thousand texts, far above a tag that 64 others
/// outscore.
const CANDIDATE_TAGS: usize = 64;

/// How many tags an image gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TagRule {
    /// Maximum number of tags.
    pub max_tags: usize,
    /// Tags with at least this confidence are chosen.
    pub min_confidence: f32,
    /// If fewer tags than this are chosen, the next best are added and marked as low, down to [`LOW_TAG_SHARE`] of the
    /// minimum confidence.
    pub min_tags: usize,
}

impl Default for TagRule {
    fn default() -> Self {
        Self {
            max_tags: 10,
            min_confidence: MATCH_THRESHOLD,
            min_tags: 3,
        }
    }
}

/// The tags of an image, the most probable first; none if the confidences are unknown.
pub fn choose_tags(
    confidence_model: &ConfidenceModel,
    tags: &TagVectors,
    image: &Embedding,
    rule: &TagRule,
) -> Vec<Tag> {
    let mut scored: Vec<(f32, &str, &Embedding)> = tags
        .entries()
        .map(|(tag, vector)| (cosine(image, vector), tag, vector))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(CANDIDATE_TAGS.max(rule.max_tags));
    let vectors = scored.iter().map(|(_, _, vector)| *vector);
    let confidences = confidence_model.text_confidences(image, vectors);
    let tags = scored.iter().zip(confidences).filter_map(|((score, tag, _), p)| {
        Some(Tag {
            name: (*tag).to_owned(),
            confidence: p?,
            score: *score,
            low: false,
        })
    });
    best(tags.collect(), rule)
}

/// The tags that several vocabularies gave an image as one list, the most probable first, each tag once.
pub fn merge_tags(lists: impl IntoIterator<Item = Vec<Tag>>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = lists.into_iter().flatten().collect();
    tags.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut seen = HashSet::new();
    tags.retain(|tag| seen.insert(normalize_tag(&tag.name)));
    tags
}

/// The tags that `rule` allows, out of `tags` in descending order of score. The sort is stable, so that of
/// equally probable tags the one with the higher score comes first.
fn best(mut tags: Vec<Tag>, rule: &TagRule) -> Vec<Tag> {
    tags.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    tags.truncate(rule.max_tags);
    let chosen = tags
        .iter()
        .take_while(|tag| tag.confidence >= rule.min_confidence)
        .count();
    let filled = tags
        .iter()
        .take(rule.min_tags)
        .take_while(|tag| tag.confidence >= LOW_TAG_SHARE * rule.min_confidence);
    tags.truncate(chosen.max(filled.count()));
    for tag in &mut tags[chosen..] {
        tag.low = true;
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Calibrator;
    use crate::calibration::Platt;
    use crate::tagging::Vocabulary;
    use proptest::prelude::*;

    fn tags(confidences: &[f32]) -> Vec<Tag> {
        let tag = |p: &f32| Tag {
            name: p.to_string(),
            confidence: *p,
            score: *p,
            low: false,
        };
        confidences.iter().map(tag).collect()
    }

    fn chosen(confidences: &[f32], rule: TagRule) -> Vec<(f32, bool)> {
        let best = best(tags(confidences), &rule);
        best.iter().map(|tag| (tag.confidence, tag.low)).collect()
    }

    #[test]
    fn low_tags_fill_up_to_minimum() {
        let rule = TagRule::default();
        let few = chosen(&[0.42, 0.9, 0.41, 0.39, 0.45], rule);
        assert_eq!(few, [(0.9, false), (0.45, true), (0.42, true)]);
        assert_eq!(chosen(&[0.01, 0.39], rule), []);
        assert_eq!(chosen(&[0.3, 0.4], rule), [(0.4, true)]);
        let many = chosen(&[0.6; 20], rule);
        assert_eq!(many, [(0.6, false); 10]);
        let two = TagRule { max_tags: 2, ..rule };
        assert_eq!(chosen(&[0.9, 0.45, 0.4], two), [(0.9, false), (0.45, true)]);
        let none = TagRule { min_tags: 0, ..rule };
        assert_eq!(chosen(&[0.45], none), []);
    }

    #[test]
    fn merged_lists_hold_each_tag_once() {
        let named = |name: &str, confidence| Tag {
            name: name.to_owned(),
            confidence,
            score: 0.0,
            low: false,
        };
        let merged = merge_tags([
            vec![named("Dog", 0.9), named("park", 0.5)],
            vec![named("dog", 0.9), named("animal", 0.7)],
        ]);
        let names: Vec<&str> = merged.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["Dog", "animal", "park"]);
    }

    proptest! {
        #[test]
        fn chosen_tags_follow_rule(
            confidences in prop::collection::vec(0.0_f32..=1.0, 0..30),
            max_tags in 0_usize..12,
            min_tags in 0_usize..6,
            min_confidence in 0.0_f32..=1.0,
        ) {
            let found = chosen(&confidences, TagRule { max_tags, min_confidence, min_tags });
            prop_assert!(found.len() <= max_tags);
            prop_assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
            let is_low = |p: f32| p < min_confidence;
            prop_assert!(
                found.iter().all(|(p, low)| *low == is_low(*p) && (!is_low(*p) || *p >= LOW_TAG_SHARE * min_confidence))
            );
            let passing = confidences.iter().filter(|p| **p >= min_confidence).count();
            prop_assert!(found.len() >= passing.min(max_tags));
            prop_assert!(found.iter().filter(|(_, low)| *low).count() <= min_tags.saturating_sub(passing));
        }
    }

    #[test]
    fn nearest_tag_is_chosen() {
        let unit = |components: &[f32]| Embedding::normalize(components.to_vec()).unwrap();
        let vocabulary = Vocabulary::parse(b"east\nnorth\nwest").unwrap();
        let vectors = vec![unit(&[1.0, 0.0]), unit(&[0.0, 1.0]), unit(&[-1.0, 0.0])];
        let tags = TagVectors::new(vocabulary.tags().to_vec(), vectors).unwrap();
        let calibrator = Calibrator::Platt(Platt {
            slope: 10.0,
            intercept: -5.0,
        });
        let model = ConfidenceModel {
            text: calibrator.clone(),
            surprisal: 0.0,
            unrelated: None,
            image: calibrator,
            background: None,
            library_scores: None,
        };
        let found = choose_tags(&model, &tags, &unit(&[1.0, 0.2]), &TagRule::default());
        assert_eq!((found[0].name.as_str(), found[0].low), ("east", false));
        assert!((found[0].score - 0.980_58).abs() < 1e-4 && found[0].confidence > 0.99);
        let unknown = ConfidenceModel {
            text: Calibrator::Background,
            ..model
        };
        assert_eq!(
            choose_tags(&unknown, &tags, &unit(&[1.0, 0.2]), &TagRule::default()),
            []
        );
    }
}
