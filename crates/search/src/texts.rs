use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};
use quick_cache::sync::Cache;

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

impl Default for TextCache {
    fn default() -> Self {
        Self::new(4096)
    }
}
