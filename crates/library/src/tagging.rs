//! Tagging images with the words of a vocabulary.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use eidetic_catalog::{Catalog, CatalogError, ImageTags, Tag, TagStore};
use eidetic_confidence::tagging::{TagRule, TagVectors, Vocabulary, choose_tags, prompts};
use eidetic_confidence::{Calibrator, ConfidenceModel, background_texts};
use eidetic_domain::{Embedding, ImageId};
use eidetic_indexer::{RunContext, RunStage};
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::checked_json::{self, Checksum, PLACEHOLDER};
use crate::operations::Operation;
use crate::par_chunks::par_chunks;
use crate::vector_cache::VectorCache;
use crate::{LibraryError, Space};

/// Version of the method that chooses tags; part of every fingerprint.
const METHOD: &[u8] = b"EIDTAGS1";
/// The vectors of the vocabulary, in the space's directory.
const VOCABULARY_FILE: &str = "vocabulary.bin";
/// The options of the last run, in the space's directory.
const OPTIONS_FILE: &str = "tagging.json";
const OPTIONS_FORMAT: u32 = 1;
/// Images whose tags are committed together.
const IMAGE_BATCH: usize = 256;
/// Words that are embedded between two checks for cancellation.
const WORD_BATCH: usize = 16;

/// How images are tagged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TagOptions {
    /// Words to choose from.
    pub vocabulary: Vocabulary,
    /// How many tags an image gets.
    pub rule: TagRule,
}

/// [`TagOptions`] on disk, so that another space can be tagged with the same ones.
#[derive(Serialize, Deserialize)]
struct StoredTagOptions {
    format: u32,
    #[serde(default)]
    checksum: String,
    words: Vec<String>,
    most: usize,
    bar: f32,
    least: usize,
}

/// The result of a tagging run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TagReport {
    /// Images that were tagged in this run.
    pub tagged: u64,
    /// Images that have the tags of this run's words, rule, model and calibration already.
    pub unchanged: u64,
    /// Images whose vectors are damaged or missing; the next indexing run embeds them again.
    pub skipped: u64,
    /// Whether the run was stopped before its end; what it did is kept.
    pub cancelled: bool,
    /// Duration of the run.
    pub seconds: f64,
    /// Number of words of the vocabulary.
    pub vocabulary: u64,
    /// The space of the vectors.
    pub space: String,
    /// Images of the whole library with at least one tag.
    pub images: u64,
    /// Every tag of the library, the most frequent first.
    pub tags: Vec<TagCount>,
}

/// A tag and its frequency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagCount {
    /// As the vocabulary writes it.
    pub tag: String,
    /// Images that have it.
    pub images: u64,
}

/// The vectors of a vocabulary, and a hash of everything that they depend on.
#[derive(Clone)]
pub(crate) struct VocabularyVectors {
    key: [u8; 32],
    vectors: Arc<TagVectors>,
}

/// What is needed to tag one image.
struct Tagger {
    confidence_model: Arc<ConfidenceModel>,
    vectors: Arc<TagVectors>,
    rule: TagRule,
    fingerprint: [u8; 32],
}

impl Space {
    /// Tags every image that has no tags from the same words, rule, model and calibration yet.
    ///
    /// Tags are committed every few hundred images, so that an interrupted run continues where it stopped. Images removed
    /// meanwhile are skipped; those added meanwhile may be left for the next run.
    pub fn tag(&self, options: &TagOptions, context: &RunContext<'_>) -> Result<TagReport, LibraryError> {
        self.require_writable()?;
        let _tag = self.operations.lock(Operation::Tag);
        let start = Instant::now();
        let mut report = TagReport {
            vocabulary: options.vocabulary.tags().len() as u64,
            space: self.id().to_string(),
            ..TagReport::default()
        };
        match self.tagger(options, context)? {
            Some(tagger) => {
                options.write(&self.directory);
                self.tag_all(&tagger, context, &mut report)?;
            }
            None => report.cancelled = true,
        }
        let summary = self.catalog.tag_summary()?;
        report.images = summary.images;
        let count = |(tag, images)| TagCount { tag, images };
        report.tags = summary.tags.into_iter().map(count).collect();
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    /// The tags of an image: the stored ones, else those that the bundled vocabulary gives, which are not stored. The first
    /// call without stored tags may embed a few thousand short texts.
    pub fn get_tags(&self, image: &ImageId) -> Result<Vec<Tag>, LibraryError> {
        if !self.catalog.contains(image)? {
            return Err(LibraryError::UnknownImage(*image));
        }
        let stored = self
            .catalog
            .get_tags(std::slice::from_ref(image))?
            .pop()
            .flatten();
        if let Some(stored) = stored {
            return Ok(stored.tags);
        }
        let options = TagOptions::default();
        let tagger = self.tagger(&options, &RunContext::default())?;
        let tagger = tagger.expect("this run has no cancel token");
        let vector = self.read_vectors().vector(image);
        let vector = vector.ok_or(LibraryError::UnknownImage(*image))?;
        Ok(tagger.tags(&vector))
    }

    fn tag_all(
        &self,
        tagger: &Tagger,
        context: &RunContext<'_>,
        report: &mut TagReport,
    ) -> Result<(), LibraryError> {
        context.observer.stage(RunStage::Tagging);
        context.observer.total(self.catalog.counts()?.images);
        let mut images = self.catalog.scan().map(|record| record.map(|found| found.image));
        loop {
            let batch: Vec<ImageId> = images
                .by_ref()
                .take(IMAGE_BATCH)
                .collect::<Result<_, CatalogError>>()?;
            if batch.is_empty() {
                return Ok(());
            }
            if context.is_cancelled() {
                report.cancelled = true;
                return Ok(());
            }
            self.tag_batch(tagger, &batch, report)?;
            let done = report.tagged + report.unchanged + report.skipped;
            context.observer.done(done);
        }
    }

    fn tag_batch(
        &self,
        tagger: &Tagger,
        images: &[ImageId],
        report: &mut TagReport,
    ) -> Result<(), LibraryError> {
        let known = self.catalog.get_tags(images)?;
        let stale = |tags: &Option<ImageTags>| {
            tags.as_ref()
                .is_none_or(|tags| tags.fingerprint != tagger.fingerprint)
        };
        let wanted = images.iter().zip(&known).filter(|(_, tags)| stale(tags));
        let wanted: Vec<ImageId> = wanted.map(|(image, _)| *image).collect();
        let embedded: Vec<(ImageId, Embedding)> = {
            let vectors = self.read_vectors();
            let vector = |image: &ImageId| Some((*image, vectors.vector(image)?));
            wanted.iter().filter_map(vector).collect()
        };
        report.unchanged += (images.len() - wanted.len()) as u64;
        report.skipped += (wanted.len() - embedded.len()) as u64;
        report.tagged += embedded.len() as u64;
        if embedded.is_empty() {
            return Ok(());
        }
        self.catalog.put_tags(&tagger.tag(&embedded))?;
        // Cached results of filters by tag are out of date.
        self.filter_cache.clear();
        Ok(())
    }

    /// `None` if the run was cancelled.
    fn tagger(&self, options: &TagOptions, context: &RunContext<'_>) -> Result<Option<Tagger>, LibraryError> {
        let confidence_model = self.confidence_model()?;
        let Some(VocabularyVectors { key, vectors }) =
            self.vocabulary_vectors(&options.vocabulary, context)?
        else {
            return Ok(None);
        };
        Ok(Some(Tagger {
            fingerprint: fingerprint(&key, &confidence_model.text, &options.rule),
            confidence_model,
            vectors,
            rule: options.rule,
        }))
    }

    /// The vectors of a vocabulary: from memory, from disk, or from the model.
    fn vocabulary_vectors(
        &self,
        vocabulary: &Vocabulary,
        context: &RunContext<'_>,
    ) -> Result<Option<VocabularyVectors>, LibraryError> {
        let texts = vocabulary.tags().iter().flat_map(|tag| prompts(tag));
        let path = self.directory.join(VOCABULARY_FILE);
        let cache = VectorCache::new(path, self.id(), texts, vocabulary.tags().len());
        let mut last = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.key == *cache.key()) {
            return Ok(Some(last.clone()));
        }
        let vectors = match cache.read() {
            Some(vectors) => vectors,
            None => match self.embed_tags(vocabulary, context)? {
                Some(vectors) => {
                    cache.write(&vectors);
                    vectors
                }
                None => return Ok(None),
            },
        };
        let vectors = TagVectors::new(vocabulary, vectors).expect("there is one vector for each tag");
        let found = VocabularyVectors {
            key: *cache.key(),
            vectors: Arc::new(vectors),
        };
        *last = Some(found.clone());
        Ok(Some(found))
    }

    /// `None` if the run was cancelled.
    fn embed_tags(
        &self,
        vocabulary: &Vocabulary,
        context: &RunContext<'_>,
    ) -> Result<Option<Vec<Embedding>>, LibraryError> {
        let encoder = self.encoder()?;
        context.observer.stage(RunStage::EmbeddingTags);
        context.observer.total(vocabulary.tags().len() as u64);
        let mut vectors = Vec::new();
        for tags in vocabulary.tags().chunks(WORD_BATCH) {
            if context.is_cancelled() {
                return Ok(None);
            }
            vectors.extend(TagVectors::embed(encoder, tags)?);
            context.observer.done(vectors.len() as u64);
        }
        Ok(Some(vectors))
    }
}

impl TagOptions {
    /// Stores them in a space's directory. A failure is only logged: another space is then tagged with the bundled words.
    fn write(&self, directory: &Path) {
        let TagRule {
            max_tags,
            min_confidence,
            min_tags,
        } = self.rule;
        let stored = StoredTagOptions {
            format: OPTIONS_FORMAT,
            checksum: PLACEHOLDER.to_owned(),
            words: self.vocabulary.tags().to_vec(),
            most: max_tags,
            bar: min_confidence,
            least: min_tags,
        };
        let path = directory.join(OPTIONS_FILE);
        let written = serde_json::to_string(&stored)
            .map_err(std::io::Error::from)
            .and_then(|text| eidetic_atomic_file::write(&path, checked_json::seal(&text).as_bytes()));
        if let Err(error) = written {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    /// The stored ones; the bundled words and the default rule where there are none, or they cannot be read.
    pub(crate) fn read(directory: &Path) -> Self {
        let text = fs::read(directory.join(OPTIONS_FILE)).unwrap_or_default();
        Self::parse(&text).unwrap_or_default()
    }

    /// The file in a space's directory, if it is damaged.
    pub(crate) fn damaged_file(directory: &Path) -> Option<PathBuf> {
        let path = directory.join(OPTIONS_FILE);
        let text = fs::read(&path).ok()?;
        Self::parse(&text).is_none().then_some(path)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let stored: StoredTagOptions = serde_json::from_slice(text).ok()?;
        if stored.format != OPTIONS_FORMAT || checked_json::verify(text) == Checksum::Differs {
            return None;
        }
        let vocabulary = Vocabulary::parse(stored.words.join("\n").as_bytes()).ok()?;
        let rule = TagRule {
            max_tags: stored.most,
            min_confidence: stored.bar,
            min_tags: stored.least,
        };
        Some(Self { vocabulary, rule })
    }
}

impl Tagger {
    fn tag(&self, images: &[(ImageId, Embedding)]) -> Vec<(ImageId, ImageTags)> {
        par_chunks(images, |chunk| self.tag_chunk(chunk)).concat()
    }

    fn tag_chunk(&self, images: &[(ImageId, Embedding)]) -> Vec<(ImageId, ImageTags)> {
        let tagged = |(image, vector): &(ImageId, Embedding)| {
            let tags = ImageTags {
                fingerprint: self.fingerprint,
                tags: self.tags(vector),
            };
            (*image, tags)
        };
        images.iter().map(tagged).collect()
    }

    fn tags(&self, image: &Embedding) -> Vec<Tag> {
        choose_tags(&self.confidence_model, &self.vectors, image, &self.rule)
    }
}

/// Hash of everything that an image's tags depend on beside its own vector: the words in their prompts and the space
/// (both in `key`), how scores become probabilities, and the rule.
fn fingerprint(key: &[u8; 32], calibrator: &Calibrator, rule: &TagRule) -> [u8; 32] {
    let TagRule {
        max_tags,
        min_confidence,
        min_tags,
    } = rule;
    let mut hasher = blake3::Hasher::new();
    hasher.update(METHOD).update(key);
    // Stored tags have hashes of this text: a change would make all of them stale.
    let rule = format!("TagRule {{ most: {max_tags}, bar: {min_confidence:?}, least: {min_tags} }}");
    hasher.update(format!("{calibrator:?}{rule}").as_bytes());
    if *calibrator == Calibrator::Background {
        for text in background_texts() {
            hasher.update(b"\0").update(text.as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_back_damage_gives_defaults() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(TagOptions::read(folder.path()), TagOptions::default());
        let options = TagOptions {
            vocabulary: Vocabulary::parse("red fish\nblue\n黄\n".as_bytes()).unwrap(),
            rule: TagRule {
                max_tags: 4,
                min_confidence: 0.75,
                min_tags: 0,
            },
        };
        options.write(folder.path());
        assert_eq!(TagOptions::read(folder.path()), options);
        for content in [
            "",
            "{",
            r#"{"format":2}"#,
            r#"{"format":1,"words":[],"most":1,"bar":0,"least":0}"#,
        ] {
            fs::write(folder.path().join(OPTIONS_FILE), content).unwrap();
            assert_eq!(
                TagOptions::read(folder.path()),
                TagOptions::default(),
                "{content}"
            );
        }
    }
}
