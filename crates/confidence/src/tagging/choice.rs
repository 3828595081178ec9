use eidetic_catalog::Tag;
use eidetic_domain::Embedding;

use super::TagVectors;
use crate::{Judge, MATCH_LEVEL, cosine};

/// No tag less probable than this is given, however few there are.
pub const FLOOR: f32 = 0.05;
/// So many tags, those with the highest scores, are judged, or as many as may be given. Fits to labels rise with the score,
/// so that no other could be among the best; and the background's rivals are the best five of a thousand texts, which a
/// tag that sixty others outscore does not come near.
const JUDGED: usize = 64;

/// How many tags a picture gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TagRule {
    /// At most so many.
    pub most: usize,
    /// Those at least so probable.
    pub bar: f32,
    /// Where fewer than so many pass, the next best fill up, marked as low, down to [`FLOOR`].
    pub least: usize,
}

impl Default for TagRule {
    fn default() -> Self {
        Self {
            most: 10,
            bar: MATCH_LEVEL,
            least: 3,
        }
    }
}

/// The tags of a picture, the most probable first; none where no probability can be known.
pub fn choose(judge: &Judge, tags: &TagVectors, picture: &Embedding, rule: &TagRule) -> Vec<Tag> {
    let mut scored: Vec<(f32, &str, &Embedding)> = tags
        .each()
        .map(|(tag, vector)| (cosine(picture, vector), tag, vector))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(JUDGED.max(rule.most));
    let confidences = judge.texts_of(picture, scored.iter().map(|(_, _, vector)| *vector));
    let judged = scored.iter().zip(confidences).filter_map(|((score, tag, _), p)| {
        Some(Tag {
            name: (*tag).to_owned(),
            confidence: p?,
            score: *score,
            low: false,
        })
    });
    best(judged.collect(), rule)
}

/// Those of `judged` that the rule allows. The sort is stable: of equally probable tags the higher score goes first.
fn best(mut judged: Vec<Tag>, rule: &TagRule) -> Vec<Tag> {
    judged.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    judged.truncate(rule.most);
    let passing = judged.iter().take_while(|tag| tag.confidence >= rule.bar).count();
    let filled = judged
        .iter()
        .take(rule.least)
        .take_while(|tag| tag.confidence >= FLOOR);
    judged.truncate(passing.max(filled.count()));
    for tag in &mut judged[passing..] {
        tag.low = true;
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fit;
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
    fn at_most_n_tags_over_the_bar_and_a_few_low_ones_where_there_are_too_few() {
        let rule = TagRule::default();
        let few = chosen(&[0.3, 0.9, 0.04, 0.2, 0.1], rule);
        assert_eq!(few, [(0.9, false), (0.3, true), (0.2, true)]);
        assert_eq!(chosen(&[0.01, 0.04], rule), []);
        assert_eq!(chosen(&[0.04, 0.06], rule), [(0.06, true)]);
        let many = chosen(&[0.6; 20], rule);
        assert_eq!(many, [(0.6, false); 10]);
        let two = TagRule { most: 2, ..rule };
        assert_eq!(chosen(&[0.9, 0.3, 0.2], two), [(0.9, false), (0.3, true)]);
        let none = TagRule { least: 0, ..rule };
        assert_eq!(chosen(&[0.4], none), []);
    }

    proptest! {
        #[test]
        fn the_rule_holds_whatever_the_confidences(
            confidences in prop::collection::vec(0.0_f32..=1.0, 0..30),
            most in 0_usize..12,
            least in 0_usize..6,
            bar in 0.0_f32..=1.0,
        ) {
            let found = chosen(&confidences, TagRule { most, bar, least });
            prop_assert!(found.len() <= most);
            prop_assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
            prop_assert!(found.iter().all(|(p, low)| *low == (*p < bar) && (*p >= bar || *p >= FLOOR)));
            let passing = confidences.iter().filter(|p| **p >= bar).count();
            prop_assert!(found.len() >= passing.min(most));
            prop_assert!(found.iter().filter(|(_, low)| *low).count() <= least.saturating_sub(passing));
        }
    }

    #[test]
    fn the_tag_that_lies_nearest_is_chosen() {
        let unit = |components: &[f32]| Embedding::normalize(components.to_vec()).unwrap();
        let vocabulary = Vocabulary::parse(b"east\nnorth\nwest").unwrap();
        let vectors = vec![unit(&[1.0, 0.0]), unit(&[0.0, 1.0]), unit(&[-1.0, 0.0])];
        let tags = TagVectors::new(&vocabulary, vectors).unwrap();
        let fit = Fit::Platt(Platt {
            slope: 10.0,
            intercept: -5.0,
        });
        let judge = Judge {
            text: fit.clone(),
            picture: fit,
            background: None,
            own_scores: None,
        };
        let found = choose(&judge, &tags, &unit(&[1.0, 0.2]), &TagRule::default());
        assert_eq!((found[0].name.as_str(), found[0].low), ("east", false));
        assert!((found[0].score - 0.980_58).abs() < 1e-4 && found[0].confidence > 0.99);
        let unknown = Judge {
            text: Fit::Background,
            ..judge
        };
        assert_eq!(
            choose(&unknown, &tags, &unit(&[1.0, 0.2]), &TagRule::default()),
            []
        );
    }
}
