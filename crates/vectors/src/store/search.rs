//! Searching a store: candidates by their codes, then exact comparison of their vectors.

use std::sync::{Arc, PoisonError};

use eidetic_domain::{Embedding, ImageId};
use eidetic_kernels::CacheLine;

use super::{MIN_ROWS_PER_COMPARED, VectorStore, check_dimension};
use crate::candidate_queue::Candidate;
use crate::code_query::CodeQuery;
use crate::code_scan::scan_codes;
use crate::plan::SearchContext;
use crate::row_set::RowSet;
use crate::top_k::{Ranked, TopK};
use crate::{IndexError, Neighbor};

/// How often a search is repeated because it found damaged rows, before it returns what it has.
const MAX_ATTEMPTS: usize = 8;

/// The nearest images with their vectors.
type NearestVectors = TopK<Arc<[f32]>>;

/// How a search finds its candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchMode {
    /// By the graph if that is faster, with at least this size of the candidate queue.
    Auto { ef: usize },
    /// By comparing the codes of all rows.
    Scan,
}

impl VectorStore {
    /// The `k` nearest neighbors, best first.
    pub(crate) fn search_by(
        &self,
        mode: SearchMode,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        let code = self.codes.encode(query.as_slice());
        let (graph, ef) = match mode {
            SearchMode::Auto { ef } => (self.graph.as_deref(), ef),
            SearchMode::Scan => (None, 0),
        };
        let context = SearchContext {
            codes: &self.codes,
            rows: &self.rows,
            graph,
            unindexed: &self.unindexed,
        };
        let mut nearest = TopK::new(k);
        for _ in 0..MAX_ATTEMPTS {
            let damaged = self
                .damaged
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let mut candidates = context.candidates(&CodeQuery {
                code: CacheLine::codes(&code),
                k: k.saturating_add(damaged.len()),
                filter,
                ef,
            });
            candidates.retain(|candidate| !damaged.contains(candidate.row));
            let all_valid;
            (nearest, all_valid) = self.compare_vectors(query.as_slice(), k, &candidates)?;
            if all_valid {
                break;
            }
        }
        Ok(nearest.into_sorted().into_iter().map(Neighbor::from).collect())
    }

    /// The `most` nearest images, best first, by comparing the codes of all rows and the vectors that may be among them. `None`
    /// where these are too many, or some are damaged.
    pub(super) fn rank_by_codes(
        &self,
        query: &Embedding,
        filter: Option<&RowSet>,
        most: usize,
    ) -> Result<Option<Vec<(ImageId, f32)>>, IndexError> {
        let most_compared = self.rows.len() / MIN_ROWS_PER_COMPARED;
        if most > most_compared {
            return Ok(None);
        }
        let code = self.codes.encode(query.as_slice());
        let code = CodeQuery {
            code: CacheLine::codes(&code),
            k: most,
            filter,
            ef: 0,
        };
        let candidates = scan_codes(&self.codes, &code, self.rows.live_rows()).into_sorted();
        if candidates.len() > most_compared {
            return Ok(None);
        }
        let (nearest, all_valid) = self.compare_vectors(query.as_slice(), most, &candidates)?;
        let ranked = nearest.into_sorted().into_iter();
        Ok(all_valid.then(|| ranked.map(|near| (near.image, near.score)).collect()))
    }

    /// Reads the vectors of the candidates, which come best code first, and ranks them by exact score. Stops where no
    /// further candidate can be among the best `k`. Also returns whether all rows that were read are valid.
    fn compare_vectors(
        &self,
        query: &[f32],
        k: usize,
        candidates: &[Candidate],
    ) -> Result<(NearestVectors, bool), IndexError> {
        let (mut nearest, mut compared, mut all_valid) = (TopK::new(k), 0, true);
        let mut bytes = vec![0; self.file.row_bytes()];
        let mut vector = vec![0.0; self.space.dimension];
        let quantization_error = self.codes.quantizer().quantization_error();
        let mut min_score = i32::MIN;
        for candidate in candidates.iter().take_while(|_| k > 0) {
            if candidate.score < min_score {
                break;
            }
            let Some(image) = self.rows.image(candidate.row) else {
                continue;
            };
            if !self.read_vector(candidate.row, image, &mut bytes, &mut vector)? {
                all_valid = false;
                continue;
            }
            // Rounding can make the product of two unit vectors slightly larger than 1.
            let score = eidetic_kernels::dot(query, &vector).clamp(-1.0, 1.0);
            nearest.push_with(*image, score, || Arc::from(vector.as_slice()));
            compared += 1;
            if compared == k {
                min_score = candidate.score.saturating_sub(quantization_error);
            }
        }
        Ok((nearest, all_valid))
    }
}

impl From<Ranked<Arc<[f32]>>> for Neighbor {
    fn from(ranked: Ranked<Arc<[f32]>>) -> Self {
        Self {
            image: ranked.image,
            score: ranked.score,
            vector: ranked.value,
        }
    }
}
