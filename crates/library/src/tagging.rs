//! Tagging images with the words of a vocabulary.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use eidetic_catalog::{Catalog, CatalogError, ImageTags, Tag, TagStore};
use eidetic_confidence::tagging::{
    MAX_VOCABULARIES, NamedVocabulary, TagRule, TagVectors, Vocabulary, choose_tags, merge_tags, prompts,
};
use eidetic_confidence::{Calibrator, ConfidenceModel, background_texts};
use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::Encoder;
use eidetic_indexer::{RunContext, RunStage};
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::checked_json::{self, Checksum, PLACEHOLDER};
use crate::operations::Operation;
use crate::par_chunks::par_chunks;
use crate::vector_cache::VectorCache;
use crate::{LibraryError, Space};

/// Version of the method that chooses tags; part of every fingerprint.
const METHOD: &[u8] = b"EIDTAGS2";
/// The vectors of the vocabulary, in the space's directory.
const VOCABULARY_FILE: &str = "vocabulary.bin";
/// The options of the last run, in the space's directory.
const OPTIONS_FILE: &str = "tagging.json";
const OPTIONS_FORMAT: u32 = 2;
/// The format with one vocabulary, which had no name.
const SINGLE_FORMAT: u32 = 1;
/// The name of a vocabulary that was stored without one.
const OWN_NAME: &str = "own";
/// Words of a vocabulary that the report names where the model does not know them.
const NAMED_WORDS: usize = 5;
/// Images whose tags are committed together.
const IMAGE_BATCH: usize = 256;
/// Words that are embedded between two checks for cancellation.
const WORD_BATCH: usize = 16;

/// How images are tagged.
#[derive(Debug, Clone, PartialEq)]
pub struct TagOptions {
    /// Words to choose from. Each vocabulary gives an image its own tags.
    pub vocabularies: Vec<NamedVocabulary>,
    /// How many tags an image gets from each vocabulary.
    pub rule: TagRule,
}

/// A change of the vocabularies with which a space is tagged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VocabularyChange {
    /// Vocabularies to add.
    pub add: Vec<NamedVocabulary>,
    /// Whether one that is added may replace another one of the same name.
    pub replace: bool,
    /// Names of vocabularies to remove.
    pub remove: Vec<String>,
}

/// [`TagOptions`] on disk, so that another space can be tagged with the same ones.
#[derive(Serialize, Deserialize)]
struct StoredTagOptions {
    format: u32,
    #[serde(default)]
    checksum: String,
    /// The words of [`SINGLE_FORMAT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    words: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vocabularies: Vec<StoredVocabulary>,
    most: usize,
    bar: f32,
    least: usize,
}

#[derive(Serialize, Deserialize)]
struct StoredVocabulary {
    name: String,
    words: Vec<String>,
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
    /// Number of words of all vocabularies.
    pub vocabulary: u64,
    /// The vocabularies.
    #[serde(default)]
    pub vocabularies: Vec<VocabularyReport>,
    /// The space of the vectors.
    pub space: String,
    /// Images of the whole library with at least one tag.
    pub images: u64,
    /// Every tag of the library, the most frequent first.
    pub tags: Vec<TagCount>,
}

/// A vocabulary, and how much of it the model knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyReport {
    /// Its name.
    pub name: String,
    /// Number of its words.
    pub words: u64,
    /// Those with a word that the model does not know. They are left out: another word would be guessed in their place.
    pub unknown: u64,
    /// The first of those.
    pub unknown_words: Vec<String>,
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
    vectors: Arc<Vec<Embedding>>,
}

/// What is needed to tag one image.
struct Tagger {
    confidence_model: Arc<ConfidenceModel>,
    /// For each vocabulary, its words that the model knows.
    vocabularies: Vec<TagVectors>,
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
            vocabulary: options.words().count() as u64,
            vocabularies: self.vocabulary_reports(options)?,
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

    /// The options of the last run with a change of its vocabularies. A space that was never tagged has no vocabularies before
    /// the change; one that has none after it gets the bundled one.
    ///
    /// Errors: a vocabulary that is added would replace another one, a name to remove is unknown.
    pub fn changed_tag_options(
        &self,
        change: VocabularyChange,
        rule: TagRule,
    ) -> Result<TagOptions, LibraryError> {
        let stored = TagOptions::stored(&self.directory);
        let mut vocabularies = stored.map(|options| options.vocabularies).unwrap_or_default();
        for name in change.remove {
            let Some(place) = vocabularies.iter().position(|known| known.name == name) else {
                let known = vocabularies.into_iter().map(|known| known.name).collect();
                return Err(LibraryError::UnknownVocabulary { name, known });
            };
            vocabularies.remove(place);
        }
        for added in change.add {
            match vocabularies.iter_mut().find(|known| known.name == added.name) {
                None => vocabularies.push(added),
                Some(known) if known.words == added.words => {}
                Some(known) if change.replace => *known = added,
                Some(_) => return Err(LibraryError::VocabularyExists { name: added.name }),
            }
        }
        if vocabularies.len() > MAX_VOCABULARIES {
            return Err(LibraryError::TooManyVocabularies);
        }
        if vocabularies.is_empty() {
            vocabularies.push(NamedVocabulary::bundled());
        }
        Ok(TagOptions { vocabularies, rule })
    }

    /// What the model knows of each vocabulary.
    fn vocabulary_reports(&self, options: &TagOptions) -> Result<Vec<VocabularyReport>, LibraryError> {
        let encoder = self.encoder()?;
        let report = |vocabulary: &NamedVocabulary| {
            let words = vocabulary.words.tags();
            let unknown: Vec<&String> = words.iter().filter(|word| !is_known(encoder, word)).collect();
            VocabularyReport {
                name: vocabulary.name.clone(),
                words: words.len() as u64,
                unknown: unknown.len() as u64,
                unknown_words: unknown.into_iter().take(NAMED_WORDS).cloned().collect(),
            }
        };
        Ok(options.vocabularies.iter().map(report).collect())
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
        let words: Vec<&str> = options.words().collect();
        let Some(VocabularyVectors { key, vectors }) = self.vocabulary_vectors(&words, context)? else {
            return Ok(None);
        };
        let encoder = self.encoder()?;
        let mut all = vectors.iter().cloned();
        let mut of_vocabulary = |vocabulary: &NamedVocabulary| {
            let words = vocabulary.words.tags();
            let pairs = words.iter().cloned().zip(all.by_ref().take(words.len()));
            let (tags, vectors) = pairs.filter(|(word, _)| is_known(encoder, word)).unzip();
            TagVectors::new(tags, vectors).expect("there is one vector for each tag")
        };
        let vocabularies: Vec<TagVectors> = options.vocabularies.iter().map(&mut of_vocabulary).collect();
        Ok(Some(Tagger {
            fingerprint: fingerprint(&key, &confidence_model.text, options),
            confidence_model,
            vocabularies,
            rule: options.rule,
        }))
    }

    /// The vectors of words: from memory, from disk, or from the model.
    fn vocabulary_vectors(
        &self,
        words: &[&str],
        context: &RunContext<'_>,
    ) -> Result<Option<VocabularyVectors>, LibraryError> {
        let texts = words.iter().flat_map(|word| prompts(word));
        let path = self.directory.join(VOCABULARY_FILE);
        let cache = VectorCache::new(path, self.id(), texts, words.len());
        let mut last = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.key == *cache.key()) {
            return Ok(Some(last.clone()));
        }
        let vectors = match cache.read() {
            Some(vectors) => vectors,
            None => match self.embed_tags(words, context)? {
                Some(vectors) => {
                    cache.write(&vectors);
                    vectors
                }
                None => return Ok(None),
            },
        };
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
        words: &[&str],
        context: &RunContext<'_>,
    ) -> Result<Option<Vec<Embedding>>, LibraryError> {
        let encoder = self.encoder()?;
        context.observer.stage(RunStage::EmbeddingTags);
        context.observer.total(words.len() as u64);
        let mut vectors = Vec::new();
        for tags in words.chunks(WORD_BATCH) {
            if context.is_cancelled() {
                return Ok(None);
            }
            vectors.extend(TagVectors::embed(encoder, tags)?);
            context.observer.done(vectors.len() as u64);
        }
        Ok(Some(vectors))
    }
}

/// Whether the model knows all of a tag's words.
fn is_known(encoder: &dyn Encoder, tag: &str) -> bool {
    let reading = encoder.read_text(tag);
    reading.has_content() && reading.unknown_words.is_empty()
}

impl Default for TagOptions {
    /// The bundled words.
    fn default() -> Self {
        Self {
            vocabularies: vec![NamedVocabulary::bundled()],
            rule: TagRule::default(),
        }
    }
}

impl TagOptions {
    /// One vocabulary of this name.
    pub fn of(name: &str, words: Vocabulary) -> Self {
        Self {
            vocabularies: vec![NamedVocabulary {
                name: name.to_owned(),
                words,
            }],
            rule: TagRule::default(),
        }
    }

    /// The words of all vocabularies, one vocabulary after the other.
    fn words(&self) -> impl Iterator<Item = &str> {
        let words = self
            .vocabularies
            .iter()
            .flat_map(|vocabulary| vocabulary.words.tags());
        words.map(String::as_str)
    }

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
            words: Vec::new(),
            vocabularies: self.vocabularies.iter().map(StoredVocabulary::from).collect(),
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
        Self::stored(directory).unwrap_or_default()
    }

    /// The stored ones, if there are some that can be read.
    fn stored(directory: &Path) -> Option<Self> {
        Self::parse(&fs::read(directory.join(OPTIONS_FILE)).ok()?)
    }

    /// The file in a space's directory, if it is damaged.
    pub(crate) fn damaged_file(directory: &Path) -> Option<PathBuf> {
        let path = directory.join(OPTIONS_FILE);
        let text = fs::read(&path).ok()?;
        Self::parse(&text).is_none().then_some(path)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let stored: StoredTagOptions = serde_json::from_slice(text).ok()?;
        if checked_json::verify(text) == Checksum::Differs {
            return None;
        }
        let vocabularies = match stored.format {
            SINGLE_FORMAT => vec![single(&stored.words)?],
            OPTIONS_FORMAT => stored
                .vocabularies
                .iter()
                .map(named)
                .collect::<Option<Vec<_>>>()?,
            _ => return None,
        };
        let rule = TagRule {
            max_tags: stored.most,
            min_confidence: stored.bar,
            min_tags: stored.least,
        };
        (!vocabularies.is_empty()).then_some(Self { vocabularies, rule })
    }
}

impl From<&NamedVocabulary> for StoredVocabulary {
    fn from(vocabulary: &NamedVocabulary) -> Self {
        Self {
            name: vocabulary.name.clone(),
            words: vocabulary.words.tags().to_vec(),
        }
    }
}

fn named(stored: &StoredVocabulary) -> Option<NamedVocabulary> {
    let words = Vocabulary::parse(stored.words.join("\n").as_bytes()).ok()?;
    NamedVocabulary::is_valid_name(&stored.name).then(|| NamedVocabulary {
        name: stored.name.clone(),
        words,
    })
}

/// The vocabulary of [`SINGLE_FORMAT`], which may be the bundled one.
fn single(words: &[String]) -> Option<NamedVocabulary> {
    let words = Vocabulary::parse(words.join("\n").as_bytes()).ok()?;
    let bundled = NamedVocabulary::bundled();
    Some(if words == bundled.words {
        bundled
    } else {
        NamedVocabulary {
            name: OWN_NAME.to_owned(),
            words,
        }
    })
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
        let chosen = self
            .vocabularies
            .iter()
            .map(|words| choose_tags(&self.confidence_model, words, image, &self.rule));
        merge_tags(chosen)
    }
}

/// Hash of everything that an image's tags depend on beside its own vector: the words in their prompts and the space
/// (both in `key`), how scores become probabilities, and the rule.
fn fingerprint(key: &[u8; 32], calibrator: &Calibrator, options: &TagOptions) -> [u8; 32] {
    let TagRule {
        max_tags,
        min_confidence,
        min_tags,
    } = options.rule;
    let mut hasher = blake3::Hasher::new();
    hasher.update(METHOD).update(key);
    // Which words belong together; the names of vocabularies change no tag.
    for vocabulary in &options.vocabularies {
        hasher.update(&(vocabulary.words.tags().len() as u64).to_le_bytes());
    }
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
            rule: TagRule {
                max_tags: 4,
                min_confidence: 0.75,
                min_tags: 0,
            },
            ..TagOptions::of(
                "mine",
                Vocabulary::parse("red fish\nblue\n黄\n".as_bytes()).unwrap(),
            )
        };
        options.write(folder.path());
        assert_eq!(TagOptions::read(folder.path()), options);
        for content in [
            "",
            "{",
            r#"{"format":2}"#,
            r#"{"format":3,"words":["a"],"most":1,"bar":0,"least":0}"#,
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

    #[test]
    fn vocabulary_without_name_gets_one() {
        let parse = |words: &[String]| {
            let file = serde_json::json!({"format": 1, "words": words, "most": 4, "bar": 0.5, "least": 0});
            TagOptions::parse(file.to_string().as_bytes()).unwrap()
        };
        let own = parse(&["red".to_owned(), "blue".to_owned()]);
        assert_eq!((own.vocabularies[0].name.as_str(), own.rule.max_tags), ("own", 4));
        let bundled = parse(Vocabulary::default().tags());
        assert_eq!(bundled.vocabularies, [NamedVocabulary::bundled()]);
    }
}
