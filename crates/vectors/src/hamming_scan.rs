//! Scan of the codes of those rows whose signs are similar to the query's.

use std::ops::Range;

use eidetic_kernels::{Kernel, hamming_distances};
use rayon::prelude::*;

use crate::code_query::CodeQuery;
use crate::code_scan::{max_common, on_search_threads, score_rows};
use crate::codes::{CHUNK_ROWS, Codes};
use crate::row_set::RowSet;
use crate::shortlist::Shortlist;

/// Words of a row set per chunk of codes; a word is 64 rows.
const CHUNK_WORDS: usize = CHUNK_ROWS / 64;
/// One in this many rows is compared in the first pass.
const FIRST_PASS_ONE_IN: usize = 64;
/// And at least this many per requested neighbor.
const FIRST_PASS_PER_NEIGHBOR: usize = 32;
/// Standard deviations by which the sign distance of a row as near as the k-th may exceed its expected value. Of the rows
/// that are exactly as near, one in 44 is missed.
const DEVIATIONS: f64 = 2.0;
/// Up to this many rows are scanned on the current thread.
const MAX_SEQUENTIAL: usize = 32_768;

/// The rows, among `rows` and the query's filter, that may be among the query's `k` nearest, up to a small probability:
/// rows whose signs differ too much from the query's are skipped.
///
/// Each pair of signs of two vectors at an angle θ differs with probability θ/π (Charikar, 2002). So the rows with the
/// smallest Hamming distances are compared first. The k-th best of them gives a bound for the distance of rows that are as
/// near, and all rows within that bound are compared too. Without near rows, that is nearly all rows.
pub(crate) fn scan_by_signs(codes: &Codes, query: &CodeQuery<'_>, rows: &RowSet) -> Shortlist {
    let signs = Codes::signs_of(query.code);
    let distances = |chunk: usize| {
        let words = chunk * CHUNK_WORDS..rows.words().min((chunk + 1) * CHUNK_WORDS);
        SignDistances::compute(
            codes.signs(chunk),
            &signs,
            chunk,
            rows.rows_in(words, query.filter),
        )
    };
    let chunks = 0..rows.words().div_ceil(CHUNK_WORDS);
    if max_common(rows, query.filter) <= MAX_SEQUENTIAL {
        let chunks: Vec<SignDistances> = chunks.map(distances).collect();
        return scan_nearest(codes, query, &chunks, |scan| {
            chunks.iter().map(scan).reduce(Shortlist::merge)
        });
    }
    on_search_threads(|| {
        let chunks: Vec<SignDistances> = chunks.into_par_iter().map(distances).collect();
        scan_nearest(codes, query, &chunks, |scan| {
            chunks.par_iter().map(scan).reduce_with(Shortlist::merge)
        })
    })
}

/// Scans one chunk.
type ChunkScan<'s> = dyn Fn(&SignDistances) -> Shortlist + Sync + 's;

/// Runs both passes; `for_all` runs a scan on all chunks and merges the results.
fn scan_nearest(
    codes: &Codes,
    query: &CodeQuery<'_>,
    chunks: &[SignDistances],
    for_all: impl Fn(&ChunkScan<'_>) -> Option<Shortlist>,
) -> Shortlist {
    let scan_within = |limits: Range<usize>| {
        let scan = |chunk: &SignDistances| score_rows(codes, query, chunk.rows_within(&limits));
        for_all(&scan).unwrap_or_else(|| query.shortlist(codes))
    };
    let first_limit = first_pass_limit(chunks, query.k);
    let found = scan_within(0..first_limit);
    let limit = found
        .kth_score()
        .map_or(usize::MAX, |kth| distance_limit(codes, query.code, kth));
    if limit <= first_limit {
        return found;
    }
    found.merge(scan_within(first_limit..limit))
}

/// The Hamming distance from which on a row is unlikely to be as near to the query as one with this score.
fn distance_limit(codes: &Codes, query: &[i8], score: i32) -> usize {
    let signs = codes.quantizer().dimension() as f64;
    let self_product = f64::from(Kernel::best().dot_i8(query, query)).max(1.0);
    let probability = (f64::from(score) / self_product).clamp(-1.0, 1.0).acos() / std::f64::consts::PI;
    let deviation = (signs * probability * (1.0 - probability)).sqrt();
    (signs * probability + DEVIATIONS * deviation).ceil() as usize + 1
}

/// The Hamming distances between the signs of the query and of the matching rows of one chunk.
struct SignDistances {
    first_row: u32,
    /// Matching rows, relative to the first of the chunk.
    rows: Vec<u32>,
    distances: Vec<u32>,
    /// Histogram: number of rows by distance.
    counts: Vec<u32>,
}

impl SignDistances {
    fn compute(table: &[u64], query: &[u64], chunk: usize, rows: impl Iterator<Item = u32>) -> Self {
        let first_row = (chunk * CHUNK_ROWS) as u32;
        let rows: Vec<u32> = rows.map(|row| row - first_row).collect();
        let mut distances = vec![0; rows.len()];
        hamming_distances(query, table, &rows, &mut distances);
        let mut counts = vec![0; query.len() * 64 + 1];
        for &distance in &distances {
            counts[distance as usize] += 1;
        }
        Self {
            first_row,
            rows,
            distances,
            counts,
        }
    }

    /// The rows whose distance is within the limits.
    fn rows_within(&self, limits: &Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let limits = limits.clone();
        let pairs = self.rows.iter().zip(&self.distances);
        pairs
            .filter(move |(_, distance)| limits.contains(&(**distance as usize)))
            .map(|(row, _)| self.first_row + row)
    }
}

/// The distance below which rows are compared in the first pass.
fn first_pass_limit(chunks: &[SignDistances], k: usize) -> usize {
    let rows: usize = chunks.iter().map(|chunk| chunk.rows.len()).sum();
    let wanted = (rows / FIRST_PASS_ONE_IN).max(k.saturating_mul(FIRST_PASS_PER_NEIGHBOR));
    let max_distance = chunks.first().map_or(0, |chunk| chunk.counts.len());
    let mut total = 0;
    let reached = (0..max_distance).find(|&distance| {
        let count = |chunk: &SignDistances| chunk.counts[distance] as usize;
        total += chunks.iter().map(count).sum::<usize>();
        total >= wanted
    });
    reached.map_or(max_distance, |distance| distance + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_scan::scan_codes;
    use eidetic_domain::{Embedding, SplitMix64};
    use eidetic_kernels::CacheLine;

    /// A sequence of numbers between −1 and 1 that depends on the seed alone.
    fn numbers(seed: u32) -> impl FnMut() -> f32 {
        let mut random = SplitMix64::new(seed.into());
        move || random.signed_unit()
    }

    /// Unit vectors of dimension 512 around 40 centers.
    fn clustered(count: usize, seed: u32) -> Vec<Embedding> {
        let (mut center, mut noise) = (numbers(5), numbers(seed));
        let centers: Vec<f32> = (0..40 * 512).map(|_| center()).collect();
        let vector = |at: usize| {
            let center = &centers[at % 40 * 512..][..512];
            let components = center.iter().map(|c| c + 1.2 * noise()).collect();
            Embedding::normalize(components).expect("not all zero")
        };
        (0..count).map(vector).collect()
    }

    #[test]
    fn sign_scan_finds_what_code_scan_finds() {
        let mut codes = Codes::new(512);
        let vectors = clustered(40_000, 1);
        for (row, vector) in (0..).zip(&vectors) {
            codes.set(row, vector.as_slice());
        }
        let rows: RowSet = (0..40_000).filter(|row| row % 1_000 != 7).collect();
        // A part at random, and all rows of half of the clusters, wherever the query is.
        let filters = [
            None,
            Some((0..40_000).filter(|row| row % 3 == 1).collect::<RowSet>()),
            Some((0..40_000).filter(|row| row % 40 < 20).collect()),
        ];
        let nearest = |list: Shortlist| -> Vec<u32> {
            let candidates = list.into_sorted().into_iter().take(10);
            candidates.map(|candidate| candidate.row).collect()
        };
        let mut found = 0;
        let queries = clustered(60, 99);
        for query in &queries {
            let code = codes.encode(query.as_slice());
            for filter in &filters {
                let query = CodeQuery {
                    code: CacheLine::codes(&code),
                    k: 10,
                    filter: filter.as_ref(),
                    ef: 0,
                };
                let all = nearest(scan_codes(&codes, &query, &rows));
                let some = nearest(scan_by_signs(&codes, &query, &rows));
                assert_eq!(some.len(), 10);
                assert!(some.iter().all(|&row| rows.contains(row)));
                found += all.iter().filter(|row| some.contains(row)).count();
            }
        }
        let recall = found as f64 / (queries.len() * filters.len() * 10) as f64;
        assert!(recall >= 0.99, "recall {recall}");
    }
}
