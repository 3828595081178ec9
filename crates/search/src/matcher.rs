//! Comparing one image with many texts.

use std::collections::HashSet;

use eidetic_confidence::{ConfidenceModel, Level, TextMatch, cosine};
use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};

use crate::TextCache;

/// Compares images with texts.
pub struct Matcher<'a> {
    /// Embeds the texts.
    pub encoder: &'a dyn Encoder,
    /// Embeddings of recent texts.
    pub text_cache: &'a TextCache,
    /// Computes the confidences.
    pub confidence_model: &'a ConfidenceModel,
}

/// The texts without surrounding spaces, without empty ones and duplicates, in the order given.
pub fn distinct_texts<T: AsRef<str>>(texts: &[T]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let trimmed = texts.iter().map(|text| text.as_ref().trim());
    trimmed
        .filter(|text| !text.is_empty() && seen.insert(*text))
        .collect()
}

impl Matcher<'_> {
    /// Compares `image` with each of `texts`, which must be distinct. One result per text, the most
    /// probable first; texts that say nothing have no confidence and come last.
    pub fn match_texts(&self, image: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, EncodeError> {
        let embedded = self.text_cache.embed_all(self.encoder, texts)?;
        let closest: Vec<&Embedding> = embedded.iter().map(|text| text.closest(image)).collect();
        let confidences = self
            .confidence_model
            .text_confidences(image, closest.iter().copied());
        let range = self.encoder.score_calibration().range;
        let mut matches: Vec<TextMatch> = texts
            .iter()
            .zip(&embedded)
            .zip(closest)
            .zip(confidences)
            .map(|(((text, embedded), closest), confidence)| {
                let confidence = confidence.filter(|_| embedded.reading.has_content());
                let score = cosine(image, closest);
                TextMatch {
                    text: (*text).to_owned(),
                    score,
                    normalized: range.normalize(score),
                    confidence,
                    level: level(confidence, &embedded.reading.unknown_words),
                    unknown_words: embedded.reading.unknown_words.clone(),
                }
            })
            .collect();
        let knows_confidences = matches.iter().any(|found| found.confidence.is_some());
        let rank = |found: &TextMatch| match found.confidence {
            None if knows_confidences => -1.0,
            // The score within its range replaces an unknown confidence.
            confidence => confidence.unwrap_or(found.normalized),
        };
        matches.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(b.score.total_cmp(&a.score)));
        Ok(matches)
    }
}

/// A confidence that says nothing about a part of the text is no reason to take the whole for a match.
fn level(confidence: Option<f32>, unknown_words: &[String]) -> Level {
    let known = Level::of(confidence);
    if unknown_words.is_empty() {
        known
    } else {
        known.min(Level::Low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_limit_level() {
        let words = ["injured".to_owned()];
        let levels = [None, Some(0.1), Some(0.99)].map(|confidence| level(confidence, &words));
        assert_eq!(levels, [Level::None, Level::None, Level::Low]);
        assert_eq!(level(Some(0.99), &[]), Level::High);
    }

    #[test]
    fn distinct_texts_are_trimmed_without_duplicates() {
        assert_eq!(
            distinct_texts(&[" a cat", "", "a dog", "a cat ", "  "]),
            ["a cat", "a dog"]
        );
    }
}
