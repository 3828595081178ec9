//! The rankings of the latest queries that were listed beyond their first page.

use std::sync::Arc;

use eidetic_domain::{Embedding, Filter, ImageId};
use quick_cache::sync::Cache;

/// The images of a library by their scores for a query.
pub(crate) type Ranking = Arc<[(ImageId, f32)]>;

/// Images in the beginning of a ranking, which suffices for most lists.
pub(crate) const BEGINNING: usize = 1_000;

/// Rankings of libraries, so that a list of many hits compares vectors once and not once a page.
pub struct RankingCache {
    /// Of 36 KB each; none where the index finds them no faster than the whole.
    beginnings: Cache<RankingKey, Option<Ranking>>,
    /// A ranking of a million images takes 36 MB, so only a few are kept.
    whole: Cache<RankingKey, Ranking>,
}

/// What a ranking depends on: the bits of the query's embedding, the filter, and the state of the library.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RankingKey {
    embedding: Vec<u32>,
    filter: String,
    generation: u64,
    vectors: (u64, usize),
}

impl RankingKey {
    /// The key of a query at a state of the library: the number of changes of the catalog, and end and number of vectors.
    pub(crate) fn new(
        embedding: &Embedding,
        filter: &Filter,
        generation: u64,
        vectors: (u64, usize),
    ) -> Self {
        Self {
            embedding: embedding
                .as_slice()
                .iter()
                .map(|component| component.to_bits())
                .collect(),
            filter: format!("{filter:?}"),
            generation,
            vectors,
        }
    }
}

impl RankingCache {
    /// The beginning of the ranking of a query, made by `rank` unless it is known.
    pub(crate) fn beginning<E>(
        &self,
        key: &RankingKey,
        rank: impl FnOnce() -> Result<Option<Vec<(ImageId, f32)>>, E>,
    ) -> Result<Option<Ranking>, E> {
        let ranked = || Ok(rank()?.map(Ranking::from));
        self.beginnings.get_or_insert_with(key, ranked)
    }

    /// The whole ranking of a query, made by `rank` unless it is known.
    pub(crate) fn whole<E>(
        &self,
        key: &RankingKey,
        rank: impl FnOnce() -> Result<Vec<(ImageId, f32)>, E>,
    ) -> Result<Ranking, E> {
        self.whole.get_or_insert_with(key, || Ok(rank()?.into()))
    }
}

impl Default for RankingCache {
    fn default() -> Self {
        Self {
            beginnings: Cache::new(64),
            whole: Cache::new(2),
        }
    }
}
