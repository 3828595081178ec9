//! Scores of texts against one image.

use std::collections::HashSet;
use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};

use crate::TextCache;
use eidetic_confidence::{ConfidenceModel, Level, TextMatch, cosine};

/// Holds pictures against texts.
pub struct Matcher<'a> {
    /// Embeds the texts.
    pub encoder: &'a dyn Encoder,
    /// Texts embedded before.
    pub texts: &'a TextCache,
    /// Says how probable matches are.
    pub judge: &'a ConfidenceModel,
}

/// The texts to hold against a picture: without spaces around them, none empty, each once, in the order given.
pub fn distinct_texts<T: AsRef<str>>(texts: &[T]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let trimmed = texts.iter().map(|text| text.as_ref().trim());
    trimmed
        .filter(|text| !text.is_empty() && seen.insert(*text))
        .collect()
}

impl Matcher<'_> {
    /// One result a text, the most probable first.
    pub fn texts_of(&self, picture: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, EncodeError> {
        let embedded = self.texts.embed_all(self.encoder, texts)?;
        let confidences = self.judge.texts_of(picture, embedded.iter().map(Arc::as_ref));
        let span = self.encoder.score_calibration().range;
        let mut matches: Vec<TextMatch> = texts
            .iter()
            .zip(&embedded)
            .zip(confidences)
            .map(|((text, embedding), confidence)| {
                let score = cosine(picture, embedding);
                TextMatch {
                    text: (*text).to_owned(),
                    score,
                    normalized: span.normalize(score),
                    confidence,
                    level: Level::of(confidence),
                }
            })
            .collect();
        matches.sort_by(|a, b| order(b).total_cmp(&order(a)).then(b.score.total_cmp(&a.score)));
        Ok(matches)
    }
}

fn order(found: &TextMatch) -> f32 {
    found.confidence.unwrap_or(found.normalized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_kept_once() {
        assert_eq!(
            distinct_texts(&[" a cat", "", "a dog", "a cat ", "  "]),
            ["a cat", "a dog"]
        );
    }
}
