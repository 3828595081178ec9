//! A cache of text embeddings.

use std::sync::{Arc, PoisonError, RwLock};

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, TextReading, TextVariants};
use quick_cache::sync::Cache;

/// Texts per batch of the encoder.
const BATCH: usize = 64;

/// A text as the model reads it, with the embedding of what it reads.
#[derive(Debug, PartialEq)]
pub struct EmbeddedText {
    /// The text without words that the model does not know.
    pub reading: TextReading,
    /// Its embedding, or that of its wordings together.
    pub embedding: Embedding,
    /// Its wordings, where the highest of their scores counts; else empty.
    pub wordings: Vec<Embedding>,
}

impl EmbeddedText {
    /// The embedding that is most similar to an image: of the best wording, or the only one.
    pub fn closest(&self, image: &Embedding) -> &Embedding {
        let closest = self
            .wordings
            .iter()
            .max_by(|a, b| a.cosine(image).total_cmp(&b.cosine(image)));
        closest.unwrap_or(&self.embedding)
    }
}

/// Embeddings of the most recent texts, so that paging, refining and repeating a query need no run of the
/// model.
///
/// Use each cache with one encoder only.
pub struct TextCache {
    texts: Cache<String, Arc<EmbeddedText>>,
    /// The wordings of every text, if there are several.
    variants: RwLock<Option<Arc<TextVariants>>>,
}

impl TextCache {
    /// A cache of at most `capacity` texts. An entry takes about 2 KB at 512 dimensions.
    pub fn new(capacity: usize) -> Self {
        Self {
            texts: Cache::new(capacity),
            variants: RwLock::new(None),
        }
    }

    /// Embeds every text in several wordings from now on; `None`: as it is.
    pub fn set_variants(&self, variants: Option<TextVariants>) {
        let mut current = self.variants.write().unwrap_or_else(PoisonError::into_inner);
        *current = variants.map(Arc::new);
        self.texts.clear();
    }

    /// The wordings of every text, if there are several.
    pub fn variants(&self) -> Option<Arc<TextVariants>> {
        self.variants
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The embedding of `text`, from the cache or from `encoder`.
    pub fn embed(&self, encoder: &dyn Encoder, text: &str) -> Result<Arc<EmbeddedText>, EncodeError> {
        self.texts.get_or_insert_with(text, || {
            let embedded = embed(encoder, &[text], self.variants().as_deref())?;
            Ok(Arc::new(embedded.into_iter().next().expect("one for each text")))
        })
    }

    /// The embeddings of many texts, in order. Those that are not in the cache are embedded in batches.
    pub fn embed_all(
        &self,
        encoder: &dyn Encoder,
        texts: &[&str],
    ) -> Result<Vec<Arc<EmbeddedText>>, EncodeError> {
        let variants = self.variants();
        let wordings = variants.as_ref().map_or(1, |variants| variants.templates().len());
        let mut found: Vec<Option<Arc<EmbeddedText>>> =
            texts.iter().map(|text| self.texts.get(*text)).collect();
        let missing: Vec<usize> = (0..texts.len()).filter(|&at| found[at].is_none()).collect();
        for chunk in missing.chunks((BATCH / wordings).max(1)) {
            let batch: Vec<&str> = chunk.iter().map(|&at| texts[at]).collect();
            let embedded = embed(encoder, &batch, variants.as_deref())?;
            for (&at, text) in chunk.iter().zip(embedded) {
                let text = Arc::new(text);
                self.texts.insert(texts[at].to_owned(), text.clone());
                found[at] = Some(text);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

/// Embeds texts in one run of the model.
fn embed(
    encoder: &dyn Encoder,
    texts: &[&str],
    variants: Option<&TextVariants>,
) -> Result<Vec<EmbeddedText>, EncodeError> {
    let readings: Vec<TextReading> = texts.iter().map(|text| encoder.read_text(text)).collect();
    let wordings = |text: &&str| variants.map_or_else(|| vec![(*text).to_owned()], |all| all.wordings(text));
    let wordings: Vec<Vec<String>> = texts.iter().map(wordings).collect();
    let read: Vec<TextReading> = wordings
        .iter()
        .flatten()
        .map(|text| encoder.read_text(text))
        .collect();
    let read: Vec<&str> = read.iter().map(|reading| reading.text.as_str()).collect();
    let mut embeddings = encoder.encode_texts(&read)?.into_iter();
    let embedded = readings.into_iter().zip(wordings).map(|(reading, wordings)| {
        let wordings: Vec<Embedding> = embeddings.by_ref().take(wordings.len()).collect();
        EmbeddedText {
            reading,
            embedding: variants.map_or_else(|| wordings[0].clone(), |all| all.combine(&wordings)),
            wordings: match variants {
                Some(all) if all.takes_best() => wordings,
                _ => Vec::new(),
            },
        }
    });
    Ok(embedded.collect())
}

impl Default for TextCache {
    fn default() -> Self {
        Self::new(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::Combination;
    use eidetic_encoder::fake::FakeEncoder;

    #[test]
    fn variants_combine_wordings_of_each_text() {
        let (encoder, cache) = (FakeEncoder::new(16), TextCache::default());
        let plain = cache.embed(&encoder, "a dog").unwrap();
        cache.set_variants(Some(TextVariants::builtin(Combination::Mean)));
        let mean = cache.embed(&encoder, "a dog").unwrap();
        assert_ne!(plain.embedding, mean.embedding);
        assert!(mean.wordings.is_empty());
        cache.set_variants(Some(TextVariants::builtin(Combination::Best)));
        let texts = ["a dog", "a cat", "two birds"];
        let best = cache.embed_all(&encoder, &texts).unwrap();
        assert_eq!(best[0].embedding, mean.embedding);
        assert!(best[0].wordings.contains(&plain.embedding));
        assert_eq!(best[0].closest(&plain.embedding), &plain.embedding);
        cache.set_variants(None);
        assert_eq!(cache.embed(&encoder, "a dog").unwrap(), plain);
    }

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
