//! Running a query.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use eidetic_catalog::{Catalog, ImageRecord, ImageTags};
use eidetic_confidence::{ConfidenceModel, MATCH_THRESHOLD, QueryKind, SimilarityLevel};
use eidetic_domain::{Embedding, Filter, Hit, ImageId};
use eidetic_encoder::Encoder;
use eidetic_vectors::{Neighbor, VectorIndex};

use crate::copies::{self, Comparable};
use crate::query_parts::QueryParts;
use crate::query_texts::{Claim, QueryTexts};
use crate::{
    CopyMode, FilterCache, Query, QueryImage, QueryWeights, RankedHit, SearchError, SearchResults, TextCache,
    Timings, Verdict, shots,
};

/// Most neighbors that a search asks the index for, so that a library of copies of one image costs no more.
const MAX_NEIGHBORS: usize = 16_384;

/// Runs queries. It only borrows its parts, so make one for each request.
pub struct Searcher<'a, V: VectorIndex + ?Sized> {
    /// Embeds the query.
    pub encoder: &'a dyn Encoder,
    /// Finds the nearest vectors.
    pub vectors: &'a RwLock<V>,
    /// Has the records of the images.
    pub catalog: &'a dyn Catalog,
    /// Embeddings of recent texts.
    pub text_cache: &'a TextCache,
    /// Rows that match recent filters.
    pub filter_cache: &'a FilterCache,
    /// Computes the confidences of hits; `None`: they are unknown.
    pub confidence_model: Option<&'a ConfidenceModel>,
}

/// A hit with the vector that the index compared with the query.
struct ComparedHit {
    hit: RankedHit,
    vector: Arc<[f32]>,
}

impl<V: VectorIndex + ?Sized> Searcher<'_, V> {
    /// The images nearest to `query`, at most `query.k`. Each is in the catalog and matches the filter. Images that look
    /// the same are one hit.
    ///
    /// A query that says nothing has hits too, the nearest images, but no confidences and the verdict
    /// [`Verdict::NoMatch`].
    pub fn search(&self, query: &Query) -> Result<SearchResults, SearchError> {
        let start = Instant::now();
        let texts = QueryTexts::embed(query, self.encoder, self.text_cache)?;
        let parts = self.embed_parts(query, &texts)?;
        let embedding = parts.combine(query.weights)?;
        let encoded = Instant::now();
        let found = self.nearest(&embedding, query)?;
        let (mut hits, verdict) = match texts.claim {
            Claim::Made => self.assess(&parts, found),
            Claim::None => (without_confidences(found), Verdict::NoMatch),
        };
        if let Some(min) = query.min_confidence {
            hits.retain(|hit| hit.hit.confidence.is_some_and(|confidence| confidence >= min));
        }
        Ok(SearchResults {
            space: self.encoder.space().clone(),
            verdict,
            unknown_words: texts.unknown_words,
            hits,
            missing: self.missing()?,
            timings: Timings {
                encode: encoded - start,
                search: encoded.elapsed(),
            },
        })
    }

    fn embed_parts(&self, query: &Query, texts: &QueryTexts) -> Result<QueryParts, SearchError> {
        let image = query.image.as_ref().map(|image| self.embed_image(image));
        Ok(QueryParts {
            joint: self.embed_jointly(query, texts.text.as_ref().map(|text| text.reading.text.as_str()))?,
            text: texts.text.clone(),
            image: image.transpose()?,
            negative: texts.negative.clone(),
        })
    }

    /// The joint embedding of text and image. An image of the library has a vector, but no pixels to embed
    /// with the text.
    fn embed_jointly(&self, query: &Query, text: Option<&str>) -> Result<Option<Embedding>, SearchError> {
        let (Some(text), Some(QueryImage::Pixels(pixels))) = (text, &query.image) else {
            return Ok(None);
        };
        if query.weights != QueryWeights::default() {
            return Ok(None);
        }
        let pixels = self.encoder.preprocess(pixels);
        let joint = self.encoder.encode_fused(&[(text, &pixels)])?;
        Ok(joint.and_then(|mut embeddings| embeddings.pop()))
    }

    fn embed_image(&self, image: &QueryImage) -> Result<Embedding, SearchError> {
        match image {
            QueryImage::Pixels(pixels) => {
                let batch = [self.encoder.preprocess(pixels)];
                Ok(self.encoder.encode_pixels(&batch)?.swap_remove(0))
            }
            QueryImage::Indexed(image) => self
                .read_vectors()
                .vector(image)
                .ok_or(SearchError::UnknownImage(*image)),
        }
    }

    /// Adds confidences and similarities to the hits.
    fn assess(&self, parts: &QueryParts, found: Vec<ComparedHit>) -> (Vec<RankedHit>, Verdict) {
        let vectors: Vec<&[f32]> = found.iter().map(|found| &*found.vector).collect();
        let confidences = self.confidences(parts, &vectors);
        let similarities = self.similarities(parts, &vectors);
        let mut hits = without_confidences(found);
        for (hit, confidence) in hits.iter_mut().zip(confidences.into_iter().flatten()) {
            hit.hit.confidence = Some(confidence);
        }
        for (hit, similarity) in hits.iter_mut().zip(similarities.into_iter().flatten()) {
            hit.similarity = Some(similarity);
        }
        let verdict = match verdict(&hits) {
            Verdict::NoMatch if !self.supports_no_match(parts) => Verdict::Uncalibrated,
            verdict => verdict,
        };
        (hits, verdict)
    }

    /// The probability that each hit matches what the query asks for and not its negative text; `None` if it is unknown.
    fn confidences(&self, parts: &QueryParts, hits: &[&[f32]]) -> Option<Vec<f32>> {
        let model = self.confidence_model?;
        let text = parts.text.as_ref().map(|text| &text.embedding);
        let wanted = match (text, &parts.image) {
            (Some(text), Some(image)) => model.confidences_of_both(text, image, hits),
            (Some(text), None) => model.confidences(QueryKind::Text, text, hits),
            (None, Some(image)) => model.confidences(QueryKind::Image, image, hits),
            (None, None) => None,
        }?;
        let Some(negative) = &parts.negative else {
            return Some(wanted);
        };
        let unwanted = model.confidences(QueryKind::Text, &negative.embedding, hits)?;
        let both = wanted.iter().zip(unwanted);
        Some(both.map(|(wanted, unwanted)| wanted * (1.0 - unwanted)).collect())
    }

    fn similarities(&self, parts: &QueryParts, hits: &[&[f32]]) -> Option<Vec<f32>> {
        self.confidence_model?.similarities(parts.image.as_ref()?, hits)
    }

    /// Whether low confidences mean that nothing matches. A text beside an image tells enough of that.
    fn supports_no_match(&self, parts: &QueryParts) -> bool {
        let kind = match parts.text {
            Some(_) => QueryKind::Text,
            None => QueryKind::Image,
        };
        self.confidence_model
            .is_some_and(|model| model.supports_no_match(kind))
    }

    fn missing(&self) -> Result<u64, SearchError> {
        let images = self.catalog.counts()?.images;
        Ok(images.saturating_sub(self.read_vectors().len() as u64))
    }

    /// Requests more neighbors until `k` of them are distinct images in the catalog, and one more, behind which hardly any
    /// copy of them can be. An image that was removed from the catalog is in the index a little longer.
    fn nearest(&self, embedding: &Embedding, query: &Query) -> Result<Vec<ComparedHit>, SearchError> {
        let end = self.read_vectors().end();
        let rows = self.filter_cache.matching_rows(
            self.catalog,
            &query.filter,
            &|image| self.read_vectors().row(image),
            end,
        )?;
        let excluded = match query.image {
            Some(QueryImage::Indexed(image)) => Some(image),
            _ => None,
        };
        let mut requested = query.k + query.k / 2 + 16;
        loop {
            let neighbors = self
                .read_vectors()
                .search(embedding, requested, rows.as_deref())?;
            let is_exhausted = neighbors.len() < requested || requested >= MAX_NEIGHBORS;
            let mut hits = self.resolve(neighbors, &query.filter)?;
            hits.retain(|found| Some(found.hit.hit.image) != excluded);
            let mut hits = match query.copies {
                CopyMode::Folded => copies::fold(shots::fold(hits)),
                CopyMode::Expanded => hits,
            };
            if hits.len() > query.k || is_exhausted {
                hits.truncate(query.k);
                return Ok(hits);
            }
            requested *= 2;
        }
    }

    /// The neighbors that are in the catalog, with their records. Checks the filter again, since rows may
    /// have been reused after it was resolved.
    fn resolve(&self, neighbors: Vec<Neighbor>, filter: &Filter) -> Result<Vec<ComparedHit>, SearchError> {
        let images: Vec<ImageId> = neighbors.iter().map(|neighbor| neighbor.image).collect();
        let records = self.catalog.get_many(&images)?;
        let tagged = self.images_with_tags(&images, filter)?;
        let matches = |record: &ImageRecord| {
            filter.matches(&record.paths, record.metadata.taken)
                && tagged
                    .as_ref()
                    .is_none_or(|tagged| tagged.contains(&record.image))
        };
        Ok(neighbors
            .into_iter()
            .zip(records)
            .filter_map(|(neighbor, record)| Some(ComparedHit::new(neighbor, record.filter(&matches)?)))
            .collect())
    }

    /// Those of `images` that have the tags of `filter`; `None` if it has none.
    fn images_with_tags(
        &self,
        images: &[ImageId],
        filter: &Filter,
    ) -> Result<Option<HashSet<ImageId>>, SearchError> {
        if filter.required_tags().is_empty() {
            return Ok(None);
        }
        let matches = |tags: &ImageTags| filter.matches_tags(tags.tags.iter().map(|tag| tag.name.as_str()));
        let tags = self.catalog.get_tags(images)?;
        let tagged = images.iter().zip(tags);
        Ok(Some(
            tagged
                .filter(|(_, tags)| tags.as_ref().is_some_and(matches))
                .map(|(image, _)| *image)
                .collect(),
        ))
    }

    fn read_vectors(&self) -> RwLockReadGuard<'_, V> {
        // A writer that panicked leaves at most rows without a record, so reading is still sound.
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ComparedHit {
    fn new(neighbor: Neighbor, record: ImageRecord) -> Self {
        let hit = Hit {
            image: neighbor.image,
            score: neighbor.score,
            confidence: None,
        };
        Self {
            hit: RankedHit {
                hit,
                similarity: None,
                record,
                copies: 1,
                stack: Vec::new(),
                reachable: true,
            },
            vector: neighbor.vector,
        }
    }
}

impl AsRef<RankedHit> for ComparedHit {
    fn as_ref(&self) -> &RankedHit {
        &self.hit
    }
}

impl AsMut<RankedHit> for ComparedHit {
    fn as_mut(&mut self) -> &mut RankedHit {
        &mut self.hit
    }
}

impl Comparable for ComparedHit {
    fn score(&self) -> f32 {
        self.hit.hit.score
    }

    fn vector(&self) -> &Arc<[f32]> {
        &self.vector
    }

    fn add_copy(&mut self) {
        self.hit.copies += 1;
    }
}

fn without_confidences(found: Vec<ComparedHit>) -> Vec<RankedHit> {
    found.into_iter().map(|found| found.hit).collect()
}

/// Whether the best hit probably matches.
fn verdict(hits: &[RankedHit]) -> Verdict {
    let is_similar = |similarity| SimilarityLevel::of(similarity) >= SimilarityLevel::Similar;
    if hits.iter().any(|hit| hit.similarity.is_some_and(is_similar)) {
        return Verdict::Match;
    }
    let confidences = hits.iter().map(|hit| hit.hit.confidence);
    match confidences.flatten().reduce(f32::max) {
        Some(best) if best >= MATCH_THRESHOLD => Verdict::Match,
        Some(_) => Verdict::NoMatch,
        None => Verdict::Uncalibrated,
    }
}
