//! What albums show of an image's tags: weights, recommended tags, and how well the vocabulary fits the image.

use eidetic_catalog::Tag;

/// Tags that are recommended for an image.
const RECOMMENDED: usize = 3;
/// The greatest weight of a tag.
const MAX_WEIGHT: f32 = 10.0;

/// The weight of a tag, 1 to 10: its confidence in tenths, rounded.
pub fn tag_weight(tag: &Tag) -> u8 {
    (tag.confidence * MAX_WEIGHT).round().clamp(1.0, MAX_WEIGHT) as u8
}

/// The tags that are recommended for an image: its three best.
pub fn recommended_tags(tags: &[Tag]) -> &[Tag] {
    &tags[..tags.len().min(RECOMMENDED)]
}

/// How well the vocabulary fits an image, 0 to 1: the mean confidence of the three recommended tags, a missing one counting
/// as 0.
pub fn taggability(tags: &[Tag]) -> f32 {
    let sum: f32 = recommended_tags(tags).iter().map(|tag| tag.confidence).sum();
    sum / RECOMMENDED as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(confidences: &[f32]) -> Vec<Tag> {
        let tag = |confidence: &f32| Tag {
            name: confidence.to_string(),
            confidence: *confidence,
            score: 0.0,
            low: false,
        };
        confidences.iter().map(tag).collect()
    }

    #[test]
    fn weights_are_tenths_of_confidence() {
        let weights: Vec<u8> = tags(&[0.0, 0.04, 0.16, 0.5, 0.94, 0.96, 1.0])
            .iter()
            .map(tag_weight)
            .collect();
        assert_eq!(weights, [1, 1, 2, 5, 9, 10, 10]);
    }

    #[test]
    fn taggability_is_mean_of_three() {
        assert!((taggability(&tags(&[0.9, 0.6, 0.3, 0.3])) - 0.6).abs() < 1e-6);
        assert!((taggability(&tags(&[0.9])) - 0.3).abs() < 1e-6);
        assert!(taggability(&[]).abs() < 1e-9);
        assert_eq!(recommended_tags(&tags(&[0.9, 0.6, 0.3, 0.2])).len(), 3);
    }
}
