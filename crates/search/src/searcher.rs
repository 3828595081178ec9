use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use eidetic_catalog::{Catalog, ImageRecord};
use eidetic_domain::{Embedding, Filter, Hit, ImageId};
use eidetic_encoder::Encoder;
use eidetic_vectors::{Neighbour, VectorIndex};

use crate::{AdmissionCache, Answer, Query, QueryPicture, RankedHit, SearchError, TextCache, Took, Verdict};

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
    pub admissions: &'a AdmissionCache,
}

impl<V: VectorIndex + ?Sized> Searcher<'_, V> {
    /// The best images for `query`, at most `query.k`, none of them gone from the catalog.
    pub fn search(&self, query: &Query) -> Result<Answer, SearchError> {
        let start = Instant::now();
        let embedding = self.embed(query)?;
        let encoded = Instant::now();
        let hits = self.nearest(&embedding, query)?;
        Ok(Answer {
            space: self.encoder.space().clone(),
            verdict: Verdict::Uncalibrated,
            hits,
            took: Took {
                encode: encoded - start,
                search: encoded.elapsed(),
            },
        })
    }

    fn embed(&self, query: &Query) -> Result<Embedding, SearchError> {
        let text = non_blank(query.text.as_deref())
            .map(|t| self.texts.embed(self.encoder, t))
            .transpose()?;
        let picture = query
            .picture
            .as_ref()
            .map(|p| self.embed_picture(p))
            .transpose()?;
        let negative = non_blank(query.negative.as_deref()).map(|t| self.texts.embed(self.encoder, t));
        let negative = negative.transpose()?;
        match (text, picture, negative) {
            (None, None, _) => Err(SearchError::EmptyQuery),
            // A query of one part is its vector as it is, not rescaled.
            (Some(text), None, None) => Ok(Arc::unwrap_or_clone(text)),
            (None, Some(picture), None) => Ok(picture),
            (text, picture, negative) => {
                let weights = query.weights;
                let terms: Vec<(f32, &Embedding)> = [
                    text.as_deref().map(|t| (weights.text, t)),
                    picture.as_ref().map(|p| (weights.picture, p)),
                    negative.as_deref().map(|n| (-weights.negative, n)),
                ]
                .into_iter()
                .flatten()
                .collect();
                Embedding::weighted_sum(&terms).map_err(SearchError::NoDirection)
            }
        }
    }

    fn embed_picture(&self, picture: &QueryPicture) -> Result<Embedding, SearchError> {
        match picture {
            QueryPicture::Pixels(pixels) => {
                let batch = [self.encoder.preprocess(pixels)];
                Ok(self.encoder.encode_pixels(&batch)?.swap_remove(0))
            }
            QueryPicture::Indexed(image) => self
                .read_vectors()
                .vector(image)
                .ok_or(SearchError::UnknownImage(*image)),
        }
    }

    /// Asks the index for more until `k` hits stand in the catalog: between the catalog forgetting an image and the
    /// index doing so, the index still returns it.
    fn nearest(&self, embedding: &Embedding, query: &Query) -> Result<Vec<RankedHit>, SearchError> {
        let end = self.read_vectors().end();
        let admitted = self.admissions.admitted(self.catalog, &query.filter, end)?;
        let excluded = match query.picture {
            Some(QueryPicture::Indexed(image)) => Some(image),
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
    fn resolve(&self, neighbours: &[Neighbour], filter: &Filter) -> Result<Vec<RankedHit>, SearchError> {
        let ids: Vec<ImageId> = neighbours.iter().map(|n| n.image).collect();
        let records = self.catalog.get_many(&ids)?;
        let admits = |record: &ImageRecord| filter.admits(&record.paths, record.metadata.taken);
        Ok(neighbours
            .iter()
            .zip(records)
            .filter_map(|(n, record)| ranked(n, record.filter(admits)))
            .collect())
    }

    fn read_vectors(&self) -> std::sync::RwLockReadGuard<'_, V> {
        // A writer that panicked left rows that no record names; reading stays sound.
        self.vectors.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|t| !t.is_empty())
}

fn ranked(neighbour: &Neighbour, record: Option<ImageRecord>) -> Option<RankedHit> {
    let hit = Hit {
        image: neighbour.image,
        score: neighbour.score,
        confidence: None,
    };
    record.map(|record| RankedHit { hit, record })
}
