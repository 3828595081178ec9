use std::sync::{Arc, PoisonError};
use std::time::Instant;

use eidetic_catalog::{Catalog, CatalogError, ImageTags, Tag, TagStore};
use eidetic_confidence::tagging::{TagRule, TagVectors, Vocabulary, choose, prompts};
use eidetic_confidence::{Fit, Judge, background_texts};
use eidetic_domain::{Embedding, ImageId};
use eidetic_indexer::{RunContext, RunStage};
use eidetic_vectors::VectorIndex;
use serde::{Deserialize, Serialize};

use crate::kept_vectors::KeptVectors;
use crate::shared_out::shared_out;
use crate::{LibraryError, Space, tag_options};

/// Version of the way in which tags are chosen; part of every fingerprint.
const METHOD: &[u8] = b"EIDTAGS1";
const FILE_NAME: &str = "vocabulary.bin";
/// Images whose tags become durable together.
const IMAGES: usize = 256;
/// Words that go through the model between two looks at whether to stop.
const WORDS: usize = 16;

/// How images are tagged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TagOptions {
    /// Words to try.
    pub vocabulary: Vocabulary,
    /// How many an image gets.
    pub rule: TagRule,
}

/// What a tagging run did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TagReport {
    /// Images that were tagged in this run.
    pub tagged: u64,
    /// Images whose tags are as this run would make them.
    pub unchanged: u64,
    /// Images whose vectors are damaged or gone; the next indexing run embeds them anew.
    pub skipped: u64,
    /// Whether the run was stopped early; what it did is kept.
    pub cancelled: bool,
    /// How long it took.
    pub seconds: f64,
    /// Words of the vocabulary.
    pub vocabulary: u64,
    /// The space of the vectors.
    pub space: String,
    /// Images of the whole library that carry at least one tag.
    pub images: u64,
    /// Every tag of the library, the commonest first.
    pub tags: Vec<TagCount>,
}

/// A tag, and how common it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagCount {
    /// As the vocabulary writes it.
    pub tag: String,
    /// Images that carry it.
    pub images: u64,
}

/// A vocabulary's vectors, and what stands for everything that decided them.
#[derive(Clone)]
pub(crate) struct KeptTags {
    key: [u8; 32],
    vectors: Arc<TagVectors>,
}

/// All that it takes to tag an image.
struct Tagger {
    judge: Arc<Judge>,
    vectors: Arc<TagVectors>,
    rule: TagRule,
    fingerprint: [u8; 32],
}

impl Space {
    /// Gives every image its tags, but for those that have them already from the same words, rule, model and calibration.
    ///
    /// Tags are durable some hundred images at a time, so that a run that was cut short goes on where it stopped. Images
    /// removed meanwhile are passed over; those added meanwhile may be left for the next run.
    pub fn tag(&self, options: &TagOptions, context: &RunContext<'_>) -> Result<TagReport, LibraryError> {
        let _one_at_a_time = self.tagging.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Instant::now();
        let mut report = TagReport {
            vocabulary: options.vocabulary.tags().len() as u64,
            space: self.space().to_string(),
            ..TagReport::default()
        };
        match self.tagger(options, context)? {
            Some(tagger) => {
                tag_options::keep(&self.directory, options);
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

    /// The tags of an image: those that it was given last, else what the bundled vocabulary gives on the spot, which is not
    /// kept. The first call that has to look may take a few thousand short texts through the model.
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
        let tagger = tagger.expect("nobody cancels it");
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
                .take(IMAGES)
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
        let pictures: Vec<(ImageId, Embedding)> = {
            let vectors = self.read_vectors();
            let vector = |image: &ImageId| Some((*image, vectors.vector(image)?));
            wanted.iter().filter_map(vector).collect()
        };
        report.unchanged += (images.len() - wanted.len()) as u64;
        report.skipped += (wanted.len() - pictures.len()) as u64;
        report.tagged += pictures.len() as u64;
        if pictures.is_empty() {
            return Ok(());
        }
        self.catalog.put_tags(&tagger.tag(&pictures))?;
        // What filters by tag admitted is out of date.
        self.admissions.clear();
        Ok(())
    }

    /// `None` where it was cancelled.
    fn tagger(&self, options: &TagOptions, context: &RunContext<'_>) -> Result<Option<Tagger>, LibraryError> {
        let judge = self.judge()?;
        let Some(KeptTags { key, vectors }) = self.tag_vectors(&options.vocabulary, context)? else {
            return Ok(None);
        };
        Ok(Some(Tagger {
            fingerprint: fingerprint(&key, &judge.text, &options.rule),
            judge,
            vectors,
            rule: options.rule,
        }))
    }

    /// The vocabulary in the library's space: from memory, from disk, or from the model.
    fn tag_vectors(
        &self,
        vocabulary: &Vocabulary,
        context: &RunContext<'_>,
    ) -> Result<Option<KeptTags>, LibraryError> {
        let texts = vocabulary.tags().iter().flat_map(|tag| prompts(tag));
        let path = self.directory.join(FILE_NAME);
        let kept = KeptVectors::new(path, self.space(), texts, vocabulary.tags().len());
        let mut last = self.tag_vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.key == *kept.key()) {
            return Ok(Some(last.clone()));
        }
        let vectors = match kept.read() {
            Some(vectors) => vectors,
            None => match self.embed_tags(vocabulary, context)? {
                Some(vectors) => {
                    kept.keep(&vectors);
                    vectors
                }
                None => return Ok(None),
            },
        };
        let vectors = TagVectors::new(vocabulary, vectors).expect("there is one vector a tag");
        let found = KeptTags {
            key: *kept.key(),
            vectors: Arc::new(vectors),
        };
        *last = Some(found.clone());
        Ok(Some(found))
    }

    /// `None` where it was cancelled.
    fn embed_tags(
        &self,
        vocabulary: &Vocabulary,
        context: &RunContext<'_>,
    ) -> Result<Option<Vec<Embedding>>, LibraryError> {
        let encoder = self.encoder()?;
        context.observer.stage(RunStage::EmbeddingTags);
        context.observer.total(vocabulary.tags().len() as u64);
        let mut vectors = Vec::new();
        for tags in vocabulary.tags().chunks(WORDS) {
            if context.is_cancelled() {
                return Ok(None);
            }
            vectors.extend(TagVectors::embed(encoder, tags)?);
            context.observer.done(vectors.len() as u64);
        }
        Ok(Some(vectors))
    }
}

impl Tagger {
    fn tag(&self, pictures: &[(ImageId, Embedding)]) -> Vec<(ImageId, ImageTags)> {
        shared_out(pictures, |share| self.tag_share(share)).concat()
    }

    fn tag_share(&self, pictures: &[(ImageId, Embedding)]) -> Vec<(ImageId, ImageTags)> {
        let tagged = |(image, vector): &(ImageId, Embedding)| {
            let tags = ImageTags {
                fingerprint: self.fingerprint,
                tags: self.tags(vector),
            };
            (*image, tags)
        };
        pictures.iter().map(tagged).collect()
    }

    fn tags(&self, picture: &Embedding) -> Vec<Tag> {
        choose(&self.judge, &self.vectors, picture, &self.rule)
    }
}

/// Stands for all that decides an image's tags beside its own vector: the words in their prompts and the space (both in
/// `key`), how scores become probabilities, and the rule.
fn fingerprint(key: &[u8; 32], fit: &Fit, rule: &TagRule) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(METHOD).update(key);
    hasher.update(format!("{fit:?}{rule:?}").as_bytes());
    if *fit == Fit::Background {
        for text in background_texts() {
            hasher.update(b"\0").update(text.as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}
