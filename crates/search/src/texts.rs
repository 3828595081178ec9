use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};
use quick_cache::sync::Cache;

/// Texts that the model gets at once.
const BATCH: usize = 64;

/// Embeddings of the texts asked for last, so that paging, refining and repeating a query cost no model run.
///
/// One cache belongs to one encoder.
pub struct TextCache(Cache<String, Arc<Embedding>>);

impl TextCache {
    /// A cache of at most `capacity` texts; an entry costs the text and its vector, about 2 KB at 512 dimensions.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The embedding of `text`, from the cache or from `encoder`.
    pub fn embed(&self, encoder: &dyn Encoder, text: &str) -> Result<Arc<Embedding>, EncodeError> {
        self.0.get_or_insert_with(text, || {
            let embedding = encoder.encode_texts(&[text])?.swap_remove(0);
            Ok(Arc::new(embedding))
        })
    }
}

impl TextCache {
    /// The embeddings of many texts, in order; those that are not in the cache go through the model together.
    pub fn embed_all(
        &self,
        encoder: &dyn Encoder,
        texts: &[&str],
    ) -> Result<Vec<Arc<Embedding>>, EncodeError> {
        let mut found: Vec<Option<Arc<Embedding>>> = texts.iter().map(|text| self.0.get(*text)).collect();
        let missing: Vec<usize> = (0..texts.len()).filter(|&at| found[at].is_none()).collect();
        for portion in missing.chunks(BATCH) {
            let batch: Vec<&str> = portion.iter().map(|&at| texts[at]).collect();
            for (&at, embedding) in portion.iter().zip(encoder.encode_texts(&batch)?) {
                let embedding = Arc::new(embedding);
                self.0.insert(texts[at].to_owned(), embedding.clone());
                found[at] = Some(embedding);
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
    fn many_texts_go_through_the_model_together_and_once() {
        let (encoder, cache) = (FakeEncoder::new(16), TextCache::default());
        let known = cache.embed(&encoder, "a dog").unwrap();
        let texts: Vec<String> = (0..100).map(|n| format!("text {n}")).collect();
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        texts.insert(50, "a dog");
        let all = cache.embed_all(&encoder, &texts).unwrap();
        assert_eq!(encoder.batches(), 1 + 2);
        assert_eq!((all.len(), &all[50]), (101, &known));
        for (text, embedding) in texts.iter().zip(&all) {
            assert_eq!(**embedding, encoder.encode_texts(&[text]).unwrap()[0]);
        }
        let batches = encoder.batches();
        assert_eq!(cache.embed_all(&encoder, &texts).unwrap(), all);
        assert_eq!(encoder.batches(), batches);
    }
}
