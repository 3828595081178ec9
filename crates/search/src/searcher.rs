use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use eidetic_catalog::{Catalog, ImageRecord, ImageTags};
use eidetic_domain::{Embedding, Filter, Hit, ImageId};
use eidetic_encoder::Encoder;
use eidetic_vectors::{Neighbor, VectorIndex};

use crate::{
    FilterCache, Query, QueryImage, QueryWeights, RankedHit, SearchError, SearchResults, TextCache, Timings,
    Verdict,
};
use eidetic_confidence::{ConfidenceModel, MATCH_LEVEL, QueryKind};

/// Answers queries over borrowed parts; cheap to make, one a request.
pub struct Searcher<'a, V: VectorIndex + ?Sized> {
    /// Embeds the query.
    pub encoder: &'a dyn Encoder,
    /// Finds the nearest vectors.
    pub vectors: &'a RwLock<V>,
    /// Says what the images are.
    pub catalog: &'a dyn Catalog,
    /// Texts embedded before.
    pub texts: &'a TextCache,
    /// Filters resolved before.
    pub admissions: &'a FilterCache,
    /// Says how probable it is that a hit matches.
    pub judge: Option<&'a ConfidenceModel>,
}

/// The vectors of what a query is made of.
struct QueryParts {
    text: Option<Arc<Embedding>>,
    picture: Option<Embedding>,
    negative: Option<Arc<Embedding>>,
    /// Text and picture as one, where the encoder can embed them so and nobody weighed them.
    joint: Option<Embedding>,
}

impl<V: VectorIndex + ?Sized> Searcher<'_, V> {
    /// The best images for `query`, at most `query.k`, none of them gone from the catalog.
    pub fn search(&self, query: &Query) -> Result<SearchResults, SearchError> {
        let start = Instant::now();
        let parts = self.parts(query)?;
        let embedding = parts.joined(query.weights)?;
        let encoded = Instant::now();
        let mut hits = self.nearest(&embedding, query)?;
        self.judge(&parts, &mut hits);
        let verdict = match verdict(&hits) {
            Verdict::NoMatch if !self.can_deny(&parts) => Verdict::Uncalibrated,
            said => said,
        };
        if let Some(least) = query.min_confidence {
            hits.retain(|hit| hit.hit.confidence.is_some_and(|confidence| confidence >= least));
        }
        Ok(SearchResults {
            space: self.encoder.space().clone(),
            verdict,
            hits,
            missing: self.missing()?,
            took: Timings {
                encode: encoded - start,
                search: encoded.elapsed(),
            },
        })
    }

    fn parts(&self, query: &Query) -> Result<QueryParts, SearchError> {
        let words = |text: &Option<String>| {
            let text = non_blank(text.as_deref()).map(|text| self.texts.embed(self.encoder, text));
            text.transpose()
        };
        let picture = query.picture.as_ref().map(|picture| self.embed_picture(picture));
        Ok(QueryParts {
            text: words(&query.text)?,
            picture: picture.transpose()?,
            negative: words(&query.negative)?,
            joint: self.joint(query)?,
        })
    }

    /// The joint embedding of text and picture. An image of the library has a vector, but no pixels to embed again.
    fn joint(&self, query: &Query) -> Result<Option<Embedding>, SearchError> {
        let (Some(text), Some(QueryImage::Pixels(pixels))) =
            (non_blank(query.text.as_deref()), &query.picture)
        else {
            return Ok(None);
        };
        if query.weights != QueryWeights::default() {
            return Ok(None);
        }
        let pixels = self.encoder.preprocess(pixels);
        let joint = self.encoder.encode_fused(&[(text, &pixels)])?;
        Ok(joint.and_then(|mut embeddings| embeddings.pop()))
    }

    /// Writes down how probable each hit is. A hit of a query of several parts has to match all of them, which are taken
    /// as independent: the text, the picture, and not the negative text. That holds for joint embeddings too: curves are
    /// known for texts and for pictures, not for both at once.
    fn judge(&self, parts: &QueryParts, hits: &mut [RankedHit]) {
        let Some(judge) = self.judge else { return };
        let vectors: Option<Vec<Embedding>> = {
            let index = self.read_vectors();
            hits.iter().map(|hit| index.vector(&hit.hit.image)).collect()
        };
        // A hit that was removed since it was found: the next search will not have it.
        let Some(vectors) = vectors else { return };
        let mut all: Option<Vec<f32>> = None;
        for (kind, part, wanted) in parts.each() {
            let Some(found) = judge.confidences(kind, part, &vectors) else {
                return;
            };
            let found = found.into_iter().map(|p| if wanted { p } else { 1.0 - p });
            all = Some(match all {
                None => found.collect(),
                Some(before) => before.iter().zip(found).map(|(a, b)| a * b).collect(),
            });
        }
        for (hit, confidence) in hits.iter_mut().zip(all.into_iter().flatten()) {
            hit.hit.confidence = Some(confidence);
        }
    }

    /// Whether hits of a low probability are no matches, rather than of an unknown kind.
    fn can_deny(&self, parts: &QueryParts) -> bool {
        let can_deny = |judge: &ConfidenceModel| parts.each().all(|(kind, ..)| judge.can_deny(kind));
        self.judge.is_some_and(can_deny)
    }

    fn embed_picture(&self, picture: &QueryImage) -> Result<Embedding, SearchError> {
        match picture {
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

    fn missing(&self) -> Result<u64, SearchError> {
        let images = self.catalog.counts()?.images;
        Ok(images.saturating_sub(self.read_vectors().len() as u64))
    }

    /// Asks the index for more until `k` hits stand in the catalog: between the catalog forgetting an image and the
    /// index doing so, the index still returns it.
    fn nearest(&self, embedding: &Embedding, query: &Query) -> Result<Vec<RankedHit>, SearchError> {
        let end = self.read_vectors().end();
        let admitted = self.admissions.admitted(self.catalog, &query.filter, end)?;
        let excluded = match query.picture {
            Some(QueryImage::Indexed(image)) => Some(image),
            _ => None,
        };
        let mut asked = query.k + usize::from(excluded.is_some());
        loop {
            let neighbours = self
                .read_vectors()
                .search(embedding, asked, admitted.as_deref())?;
            let exhausted = neighbours.len() < asked;
            let mut hits = self.resolve(&neighbours, &query.filter)?;
            hits.retain(|hit| Some(hit.hit.image) != excluded);
            if hits.len() >= query.k || exhausted {
                hits.truncate(query.k);
                return Ok(hits);
            }
            asked *= 2;
        }
    }

    /// What the catalog says of the neighbours, as far as it knows them and `filter` admits them: their rows may have
    /// changed hands since the filter was resolved.
    fn resolve(&self, neighbours: &[Neighbor], filter: &Filter) -> Result<Vec<RankedHit>, SearchError> {
        let ids: Vec<ImageId> = neighbours.iter().map(|n| n.image).collect();
        let records = self.catalog.get_many(&ids)?;
        let tagged = self.carriers(&ids, filter)?;
        let admits = |record: &ImageRecord| {
            filter.matches(&record.paths, record.metadata.taken)
                && tagged
                    .as_ref()
                    .is_none_or(|tagged| tagged.contains(&record.image))
        };
        Ok(neighbours
            .iter()
            .zip(records)
            .filter_map(|(n, record)| ranked(n, record.filter(admits)))
            .collect())
    }

    /// Those of `images` that carry the tags which `filter` asks for; `None` where it asks for none.
    fn carriers(&self, images: &[ImageId], filter: &Filter) -> Result<Option<HashSet<ImageId>>, SearchError> {
        if filter.required_tags().is_empty() {
            return Ok(None);
        }
        let carries = |tags: &ImageTags| filter.matches_tags(tags.tags.iter().map(|tag| tag.name.as_str()));
        let tags = self.catalog.get_tags(images)?;
        let carrying = images.iter().zip(tags);
        Ok(Some(
            carrying
                .filter(|(_, tags)| tags.as_ref().is_some_and(carries))
                .map(|(image, _)| *image)
                .collect(),
        ))
    }

    fn read_vectors(&self) -> std::sync::RwLockReadGuard<'_, V> {
        // A writer that panicked left rows that no record names; reading stays sound.
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryParts {
    /// The vector to search with.
    fn joined(&self, weights: QueryWeights) -> Result<Embedding, SearchError> {
        if let Some(joint) = &self.joint {
            return match &self.negative {
                None => Ok(joint.clone()),
                Some(negative) => {
                    Embedding::weighted_sum(&[(1.0, joint), (-weights.negative, negative.as_ref())])
                        .map_err(SearchError::NoDirection)
                }
            };
        }
        match (&self.text, &self.picture, &self.negative) {
            (None, None, _) => Err(SearchError::EmptyQuery),
            // A query of one part is its vector as it is, not rescaled.
            (Some(text), None, None) => Ok(text.as_ref().clone()),
            (None, Some(picture), None) => Ok(picture.clone()),
            (text, picture, negative) => {
                let terms: Vec<(f32, &Embedding)> = [
                    text.as_deref().map(|text| (weights.text, text)),
                    picture.as_ref().map(|picture| (weights.picture, picture)),
                    negative.as_deref().map(|negative| (-weights.negative, negative)),
                ]
                .into_iter()
                .flatten()
                .collect();
                Embedding::weighted_sum(&terms).map_err(SearchError::NoDirection)
            }
        }
    }

    /// Each part with its kind, and whether a hit should match it.
    fn each(&self) -> impl Iterator<Item = (QueryKind, &Embedding, bool)> {
        let text = self.text.as_deref().map(|text| (QueryKind::Text, text, true));
        let picture = self
            .picture
            .as_ref()
            .map(|picture| (QueryKind::Image, picture, true));
        let negative = self
            .negative
            .as_deref()
            .map(|text| (QueryKind::Text, text, false));
        text.into_iter().chain(picture).chain(negative)
    }
}

/// Whether any hit probably matches.
fn verdict(hits: &[RankedHit]) -> Verdict {
    let confidences = hits.iter().map(|hit| hit.hit.confidence);
    match confidences.flatten().reduce(f32::max) {
        Some(best) if best >= MATCH_LEVEL => Verdict::Match,
        Some(_) => Verdict::NoMatch,
        None => Verdict::Uncalibrated,
    }
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|t| !t.is_empty())
}

fn ranked(neighbour: &Neighbor, record: Option<ImageRecord>) -> Option<RankedHit> {
    let hit = Hit {
        image: neighbour.image,
        score: neighbour.score,
        confidence: None,
    };
    record.map(|record| RankedHit { hit, record })
}
