//! A cache of text embeddings.

use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, TextReading};
use quick_cache::sync::Cache;

/// Texts per batch of the encoder.
const BATCH: usize = 64;

/// A text as the model reads it, with the embedding of what it reads.
#[derive(Debug, PartialEq)]
pub struct EmbeddedText {
    /// The text without words that the model does not know.
    pub reading: TextReading,
    /// Its embedding.
    pub embedding: Embedding,
}

/// Embeddings of the most recent texts, so that paging, refining and repeating a query need no run of the
/// model.
///
/// Use each cache with one encoder only.
pub struct TextCache(Cache<String, Arc<EmbeddedText>>);

impl TextCache {
    /// A cache of at most `capacity` texts. An entry takes about 2 KB at 512 dimensions.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The embedding of `text`, from the cache or from `encoder`.
    pub fn embed(&self, encoder: &dyn Encoder, text: &str) -> Result<Arc<EmbeddedText>, EncodeError> {
        self.0.get_or_insert_with(text, || {
            let reading = encoder.read_text(text);
            let embedding = encoder.encode_texts(&[&reading.text])?.swap_remove(0);
            Ok(Arc::new(EmbeddedText { reading, embedding }))
        })
    }

    /// The embeddings of many texts, in order. Those that are not in the cache are embedded in batches.
    pub fn embed_all(
        &self,
        encoder: &dyn Encoder,
        texts: &[&str],
    ) -> Result<Vec<Arc<EmbeddedText>>, EncodeError> {
        let mut found: Vec<Option<Arc<EmbeddedText>>> = texts.iter().map(|text| self.0.get(*text)).collect();
        let missing: Vec<usize> = (0..texts.len()).filter(|&at| found[at].is_none()).collect();
        for chunk in missing.chunks(BATCH) {
            let readings: Vec<TextReading> = chunk.iter().map(|&at| encoder.read_text(texts[at])).collect();
            let batch: Vec<&str> = readings.iter().map(|reading| reading.text.as_str()).collect();
            let embeddings = encoder.encode_texts(&batch)?;
            for ((&at, reading), embedding) in chunk.iter().zip(readings).zip(embeddings) {
                let text = Arc::new(EmbeddedText { reading, embedding });
                self.0.insert(texts[at].to_owned(), text.clone());
                found[at] = Some(text);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

impl Default for TextCache {
    fn default() -> Self {
        Self::new(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    #[test]
    fn missing_texts_are_embedded_once_in_batches() {
        let (encoder, cache) = (FakeEncoder::new(16), TextCache::default());
        let known = cache.embed(&encoder, "a dog").unwrap();
        let texts: Vec<String> = (0..100).map(|n| format!("text {n}")).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts.insert(50, "a dog");
        let all = cache.embed_all(&encoder, &texts).unwrap();
        assert_eq!(encoder.batches(), 1 + 2);
        assert_eq!((all.len(), &all[50]), (101, &known));
        for (text, embedding) in texts.iter().zip(&all) {
            assert_eq!(embedding.embedding, encoder.encode_texts(&[text]).unwrap()[0]);
        }
        let batches = encoder.batches();
        assert_eq!(cache.embed_all(&encoder, &texts).unwrap(), all);
        assert_eq!(encoder.batches(), batches);
    }
}
