//! Recall of the index, compared with exact search.

use std::path::PathBuf;

use eidetic_domain::{Embedding, Filter};
use eidetic_vectors::{RowSet, VectorIndex};
use serde::{Deserialize, Serialize};

use crate::{LibraryError, Space};

/// Neighbors of each query: recall is recall@10.
const K: usize = 10;
/// Stored vectors that serve as queries.
const IMAGES: usize = 100;
/// Shares of the vectors that random filters accept.
const SHARES: [(f64, &str); 3] = [(0.5, "random 50%"), (0.05, "random 5%"), (0.001, "random 0.1%")];
/// Typical queries. Texts lie elsewhere in a space than images, and their neighbors are harder to find.
const TEXTS: [&str; 50] = [
    "a dog",
    "a cat",
    "a horse",
    "birds in the sky",
    "a fish",
    "flowers",
    "a tree in autumn",
    "mountains",
    "the sea",
    "a beach at sunset",
    "snow",
    "rain on a window",
    "a river",
    "a forest path",
    "a city at night",
    "a street",
    "a bridge",
    "a church",
    "an old house",
    "a kitchen",
    "a bedroom",
    "a garden",
    "a car",
    "a bicycle",
    "a train",
    "an aeroplane",
    "a boat",
    "a child playing",
    "a baby",
    "a group of friends",
    "a wedding",
    "a birthday cake",
    "people dancing",
    "a concert",
    "a football match",
    "someone running",
    "food on a plate",
    "a cup of coffee",
    "bread and cheese",
    "fruit",
    "a book",
    "a computer screen",
    "handwriting",
    "a map",
    "a sign",
    "a painting",
    "a statue",
    "a black and white portrait",
    "a selfie",
    "fireworks",
];

/// Recall of the live index, measured now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallStatus {
    /// Neighbors of each query.
    pub k: usize,
    /// Queries that are stored vectors.
    #[serde(rename = "picture_queries")]
    pub image_queries: usize,
    /// Queries that are texts, if the model is available; else weighted sums of two stored vectors.
    pub text_queries: usize,
    /// One entry for each filter and kind of query.
    pub measured: Vec<RecallEntry>,
}

/// Recall under one filter, for one kind of query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallEntry {
    /// `pictures`, `texts` or `mixtures`.
    pub queries: String,
    /// `none`, `random 50%`, or a source's folder.
    pub filter: String,
    /// Vectors that the filter accepts.
    pub vectors: usize,
    /// Share of the true nearest neighbors that were found; 1 where there are none.
    pub recall: f64,
    /// Lower end of the 95 % interval (Wilson).
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

impl Space {
    pub(crate) fn recall(&self, sources: &[PathBuf]) -> Result<RecallStatus, LibraryError> {
        let images = self.read_vectors().sample(IMAGES);
        let (kind, texts) = match self.encode_texts() {
            Some(texts) => ("texts", texts),
            None => ("mixtures", mixtures(&images)),
        };
        let (names, filters): (Vec<String>, Vec<Option<RowSet>>) = self.filters(sources)?.into_iter().unzip();
        let vectors = self.read_vectors();
        let admitted = |filter: &Option<RowSet>| filter.as_ref().map_or(vectors.len(), RowSet::len);
        let mut measured = Vec::new();
        for (kind, queries) in [("pictures", &images), (kind, &texts)] {
            let recalls = vectors.recall(queries, &filters, K)?;
            for ((name, filter), recall) in names.iter().zip(&filters).zip(recalls) {
                let (low, high) = recall.interval();
                measured.push(RecallEntry {
                    queries: kind.to_owned(),
                    filter: name.clone(),
                    vectors: admitted(filter),
                    recall: recall.ratio(),
                    low,
                    high,
                });
            }
        }
        Ok(RecallStatus {
            k: K,
            image_queries: images.len(),
            text_queries: texts.len(),
            measured,
        })
    }

    /// No filter, random ones, and the folder of the first source; without those that accept too few vectors.
    fn filters(&self, sources: &[PathBuf]) -> Result<Vec<(String, Option<RowSet>)>, LibraryError> {
        let vectors = self.read_vectors();
        let (end, mut filters) = (vectors.end(), vec![("none".to_owned(), None)]);
        filters.extend(SHARES.map(|(share, name)| (name.to_owned(), Some(vectors.sample_rows(share)))));
        drop(vectors);
        if let Some(source) = sources.first() {
            let filter = Filter {
                folders: vec![source.clone()],
                ..Filter::default()
            };
            let rows = self.filter_cache.matching_rows(
                &self.catalog,
                &filter,
                &|image| self.read_vectors().row(image),
                end,
            )?;
            filters.push((
                source.display().to_string(),
                rows.map(|rows| rows.as_ref().clone()),
            ));
        }
        filters.retain(|(_, filter)| filter.as_ref().is_none_or(|rows| rows.len() >= K));
        Ok(filters)
    }

    /// `None` if the model is unavailable; recall can be measured without it.
    fn encode_texts(&self) -> Option<Vec<Embedding>> {
        self.encoder().ok()?.encode_texts(&TEXTS).ok()
    }
}

/// Each vector plus half of the next one, normalized.
fn mixtures(vectors: &[Embedding]) -> Vec<Embedding> {
    let next = vectors.iter().cycle().skip(1);
    let mix = |(vector, next)| Embedding::weighted_sum(&[(1.0, vector), (0.5, next)]).ok();
    vectors.iter().zip(next).filter_map(mix).collect()
}
