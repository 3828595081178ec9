//! Running a query.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use eidetic_catalog::{Catalog, ImageRecord, ImageTags};
use eidetic_confidence::{ConfidenceModel, MATCH_THRESHOLD, QueryKind, SimilarityLevel};
use eidetic_domain::{Embedding, Filter, Hit, ImageId};
use eidetic_encoder::Encoder;
use eidetic_vectors::{Neighbor, RowSet, VectorIndex, ranks_before};

use crate::copies::{self, Comparable};
use crate::query_parts::QueryParts;
use crate::query_texts::{Claim, QueryTexts};
use crate::ranking_cache::{BEGINNING, Ranking, RankingCache, RankingKey};
use crate::{
    CopyMode, FilterCache, Query, QueryImage, QueryWeights, RankedHit, SearchError, SearchPosition,
    SearchResults, TextCache, Timings, Verdict, shots,
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
    /// Rankings of the latest queries that were listed beyond their first page.
    pub ranking_cache: &'a RankingCache,
    /// Computes the confidences of hits; `None`: they are unknown.
    pub confidence_model: Option<&'a ConfidenceModel>,
}

/// Most hits that are looked for by the index rather than in a ranking of all images.
const MAX_INDEXED_HITS: usize = 1_000;
/// Most images before a page that are compared with those of the page, in which copies of them are left out.
const LOOK_BACK: usize = 256;

/// A hit with the vector that the index compared with the query.
pub(crate) struct ComparedHit {
    hit: RankedHit,
    vector: Arc<[f32]>,
}

/// A page of hits.
pub(crate) struct Found {
    hits: Vec<ComparedHit>,
    /// The best hit of all, where the page is not the first.
    best: Option<ComparedHit>,
    next: Option<SearchPosition>,
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
        let found = if query.after.is_some() || query.k > MAX_INDEXED_HITS {
            self.page_of_ranking(&embedding, query)?
        } else {
            self.nearest(&embedding, query)?
        };
        let next = found.next;
        let (mut hits, verdict) = match texts.claim {
            Claim::Made => self.assess(&parts, found),
            Claim::None => (without_confidences(found.hits), Verdict::NoMatch),
        };
        if let Some(min) = query.min_confidence {
            hits.retain(|hit| hit.hit.confidence.is_some_and(|confidence| confidence >= min));
        }
        let mut results = SearchResults {
            space: self.encoder.space().clone(),
            verdict,
            unknown_words: texts.unknown_words,
            hits,
            next,
            missing: self.missing()?,
            timings: Timings {
                encode: encoded - start,
                search: encoded.elapsed(),
            },
        };
        results.sort(query.order);
        Ok(results)
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

    /// Adds confidences and similarities to the hits. The verdict is that of the best hit of all pages.
    fn assess(&self, parts: &QueryParts, found: Found) -> (Vec<RankedHit>, Verdict) {
        let is_first = found.best.is_none();
        let found: Vec<ComparedHit> = found.best.into_iter().chain(found.hits).collect();
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
        if !is_first {
            hits.remove(0);
        }
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
    fn nearest(&self, embedding: &Embedding, query: &Query) -> Result<Found, SearchError> {
        let rows = self.matching_rows(query)?;
        let mut requested = query.k + query.k / 2 + 16;
        loop {
            let neighbors = self
                .read_vectors()
                .search(embedding, requested, rows.as_deref())?;
            let all_found = neighbors.len() < requested;
            let mut hits = folded(self.resolve(neighbors, query)?, query);
            if hits.len() > query.k || all_found || requested >= MAX_NEIGHBORS {
                let has_more = hits.len() > query.k || !all_found;
                hits.truncate(query.k);
                return Ok(Found {
                    next: position_of_last(&hits).filter(|_| has_more),
                    best: None,
                    hits,
                });
            }
            requested *= 2;
        }
    }

    /// The rows that the filter of a query admits; none where it admits all.
    fn matching_rows(&self, query: &Query) -> Result<Option<Arc<RowSet>>, SearchError> {
        let end = self.read_vectors().end();
        let row = |image: &ImageId| self.read_vectors().row(image);
        Ok(self
            .filter_cache
            .matching_rows(self.catalog, &query.filter, &row, end)?)
    }

    /// The hits after a place in the ranking of all images.
    fn page_of_ranking(&self, embedding: &Embedding, query: &Query) -> Result<Found, SearchError> {
        if let Some(beginning) = self.beginning(embedding, query)? {
            let page = self.page_within(&beginning, query)?;
            if page.next.is_some() || beginning.len() < BEGINNING {
                return Ok(page);
            }
        }
        let whole = self.ranked(embedding, query, |vectors, rows, key| {
            self.ranking_cache
                .whole(key, || Ok(vectors.rank(embedding, rows)?))
        });
        self.page_within(&whole?, query)
    }

    /// The beginning of the ranking, where the page may end in it and it is found faster than the whole.
    fn beginning(&self, embedding: &Embedding, query: &Query) -> Result<Option<Ranking>, SearchError> {
        if query.k > MAX_INDEXED_HITS {
            return Ok(None);
        }
        self.ranked(embedding, query, |vectors, rows, key| {
            let rank = || Ok(vectors.rank_beginning(embedding, rows, BEGINNING)?);
            self.ranking_cache.beginning(key, rank)
        })
    }

    /// The hits in `ranking` after the place of the query.
    fn page_within(&self, ranking: &[(ImageId, f32)], query: &Query) -> Result<Found, SearchError> {
        let start = query.after.map_or(0, |after| {
            let place = (after.image, after.score);
            ranking.partition_point(|ranked| ranks_before(ranked, &place).is_le())
        });
        let from = first_comparable(ranking, start);
        let before: HashSet<ImageId> = ranking[from..start].iter().map(|(image, _)| *image).collect();
        let mut requested = query.k.saturating_add(query.k / 2 + 16);
        loop {
            let end = start.saturating_add(requested).min(ranking.len());
            let mut hits = self.hits_at(&ranking[from..end], query)?;
            hits.retain(|found| !before.contains(&found.hit.hit.image));
            if hits.len() > query.k || end == ranking.len() {
                let has_more = hits.len() > query.k;
                hits.truncate(query.k);
                let best = ranking.first().filter(|_| start > 0);
                let best = self
                    .hits_at(best.map(std::slice::from_ref).unwrap_or_default(), query)?
                    .pop();
                return Ok(Found {
                    next: position_of_last(&hits).filter(|_| has_more),
                    best,
                    hits,
                });
            }
            requested = requested.saturating_mul(2);
        }
    }

    /// What `rank` makes of the index, the rows that match, and the key of the query's rankings.
    fn ranked<T>(
        &self,
        embedding: &Embedding,
        query: &Query,
        rank: impl FnOnce(&V, Option<&RowSet>, &RankingKey) -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        let rows = self.matching_rows(query)?;
        let generation = self.filter_cache.generation();
        let vectors = self.read_vectors();
        let state = (vectors.end(), vectors.len());
        let key = RankingKey::new(embedding, &query.filter, generation, state);
        rank(&vectors, rows.as_deref(), &key)
    }

    /// The images of a part of a ranking, copies folded. Damaged vectors are left out.
    fn hits_at(&self, ranked: &[(ImageId, f32)], query: &Query) -> Result<Vec<ComparedHit>, SearchError> {
        let neighbor = |(image, score): &(ImageId, f32)| {
            let vector = self.read_vectors().vector(image)?;
            Some(Neighbor {
                image: *image,
                score: *score,
                vector: vector.as_slice().into(),
            })
        };
        let neighbors = ranked.iter().filter_map(neighbor).collect();
        Ok(folded(self.resolve(neighbors, query)?, query))
    }

    /// The neighbors that are in the catalog and are not the image of the query, with their records. Checks the filter again, since
    /// rows may have been reused after it was resolved.
    fn resolve(&self, neighbors: Vec<Neighbor>, query: &Query) -> Result<Vec<ComparedHit>, SearchError> {
        let filter = &query.filter;
        let excluded = match query.image {
            Some(QueryImage::Indexed(image)) => Some(image),
            _ => None,
        };
        let images: Vec<ImageId> = neighbors.iter().map(|neighbor| neighbor.image).collect();
        let records = self.catalog.get_many(&images)?;
        let tagged = self.images_with_tags(&images, filter)?;
        let mut hits = Vec::with_capacity(neighbors.len());
        for (neighbor, record) in neighbors.into_iter().zip(records) {
            let Some(record) = record.filter(|record| Some(record.image) != excluded) else {
                continue;
            };
            let is_tagged = tagged
                .as_ref()
                .is_none_or(|tagged| tagged.contains(&record.image));
            if is_tagged && self.catalog.matches(&record, filter)? {
                hits.push(ComparedHit::new(neighbor, record));
            }
        }
        Ok(hits)
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

/// The hits, which are sorted by score, without copies and raw files that a better one stands for, unless the query wants them.
fn folded(hits: Vec<ComparedHit>, query: &Query) -> Vec<ComparedHit> {
    match query.copies {
        CopyMode::Folded => copies::fold(shots::fold(hits)),
        CopyMode::Expanded => hits,
    }
}

/// The first image of a ranking whose copies may be among those from `start` on.
fn first_comparable(ranking: &[(ImageId, f32)], start: usize) -> usize {
    let Some((_, score)) = ranking.get(start) else {
        return start;
    };
    let near = ranking[start.saturating_sub(LOOK_BACK)..start].iter().rev();
    start
        - near
            .take_while(|(_, other)| copies::may_be_same(*other, *score))
            .count()
}

fn position_of_last(hits: &[ComparedHit]) -> Option<SearchPosition> {
    let last = &hits.last()?.hit.hit;
    Some(SearchPosition {
        score: last.score,
        image: last.image,
    })
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
