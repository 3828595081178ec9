//! Comparing the code of every row.

use std::sync::OnceLock;

use eidetic_kernels::{CodeKernel, differing_bits, prefetch};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::codes::{CHUNK_ROWS, Codes};
use crate::pool::Scored;
use crate::row_set::RowSet;
use crate::shortlist::Shortlist;

/// Words of 64 rows compared at one step of a thread.
const WORDS: usize = 128;
/// Words of a chunk of codes.
const CHUNK_WORDS: usize = CHUNK_ROWS / 64;
/// Of the rows whose signs were looked at, one in so many is compared; measured in docs/decisions/0011.
const COMPARED_ONE_IN: usize = 8;
/// And at least so many for each neighbour asked for.
const COMPARED_PER_NEIGHBOUR: usize = 64;
/// With more rows than this, all threads look at signs.
const ALONE_BY_SIGNS: usize = 32_768;
/// With more rows than this, all threads share the work; handing it out costs as much as some hundred rows.
const ALONE: usize = 4_096;
/// Rows fetched ahead of the one being compared.
const AHEAD: usize = 8;

/// The rows among `rows`, and among `also` where it is given, that may be the `k` nearest.
pub(crate) fn scan(
    codes: &Codes,
    query: &[i8],
    rows: &RowSet,
    also: Option<&RowSet>,
    (k, slack): (usize, i32),
) -> Shortlist {
    let smaller = also.map_or(rows.len(), |also| also.len().min(rows.len()));
    let one = |words| compare(codes, query, rows.within(words, also), Shortlist::new(k, slack));
    if smaller <= ALONE {
        return one(0..rows.words());
    }
    on_search_threads(|| {
        (0..rows.words().div_ceil(WORDS))
            .into_par_iter()
            .map(|step| one(step * WORDS..rows.words().min((step + 1) * WORDS)))
            .reduce(|| Shortlist::new(k, slack), Shortlist::merge)
    })
}

/// The rows among `rows` and `also` that may be the `k` nearest, all but certainly: those whose signs are unlike the
/// query's are not compared.
///
/// The angle between two vectors is about the part of their signs that differ; with hundreds of signs the error is small
/// beside what separates the nearest from most others (Charikar 2002). Reads an eighth of what [`scan`] reads.
pub(crate) fn scan_by_signs(
    codes: &Codes,
    query: &[i8],
    rows: &RowSet,
    also: Option<&RowSet>,
    (k, slack): (usize, i32),
) -> Shortlist {
    let signs = Codes::signs_of(query);
    let step = |step: usize| {
        let words = step * CHUNK_WORDS..rows.words().min((step + 1) * CHUNK_WORDS);
        Looks::new(codes.signs(step), &signs, step, rows.within(words, also))
    };
    let steps = 0..rows.words().div_ceil(CHUNK_WORDS);
    let admitted = also.map_or(rows.len(), |also| also.len().min(rows.len()));
    if admitted <= ALONE_BY_SIGNS {
        let looks: Vec<Looks> = steps.map(step).collect();
        let limit = limit(&looks, k);
        let near = looks.iter().flat_map(|looks| looks.within(limit));
        return compare(codes, query, near, Shortlist::new(k, slack));
    }
    on_search_threads(|| {
        let looks: Vec<Looks> = steps.into_par_iter().map(step).collect();
        let limit = limit(&looks, k);
        looks
            .par_iter()
            .map(|looks| compare(codes, query, looks.within(limit), Shortlist::new(k, slack)))
            .reduce(|| Shortlist::new(k, slack), Shortlist::merge)
    })
}

/// A first look at the admitted rows of one chunk.
struct Looks {
    first: u32,
    /// Rows of the chunk, and in how many signs each differs from the query.
    rows: Vec<u32>,
    distances: Vec<u16>,
    /// How many rows differ in so many signs.
    counts: Vec<u32>,
}

impl Looks {
    fn new(table: &[u64], query: &[u64], chunk: usize, rows: impl Iterator<Item = u32>) -> Self {
        let first = (chunk * CHUNK_ROWS) as u32;
        let rows: Vec<u32> = rows.map(|row| row - first).collect();
        let mut distances = vec![0; rows.len()];
        differing_bits(query, table, &rows, &mut distances);
        let mut counts = vec![0; query.len() * 64 + 1];
        for &distance in &distances {
            counts[usize::from(distance)] += 1;
        }
        Self {
            first,
            rows,
            distances,
            counts,
        }
    }

    fn within(&self, limit: usize) -> impl Iterator<Item = u32> + '_ {
        let pairs = self.rows.iter().zip(&self.distances);
        pairs
            .filter(move |(_, distance)| usize::from(**distance) <= limit)
            .map(|(row, _)| self.first + row)
    }
}

/// How many signs may differ so that enough rows are compared.
fn limit(looks: &[Looks], k: usize) -> usize {
    let met: usize = looks.iter().map(|looks| looks.rows.len()).sum();
    let enough = (met / COMPARED_ONE_IN).max(k.saturating_mul(COMPARED_PER_NEIGHBOUR));
    let mut sum = 0;
    let signs = looks.first().map_or(0, |looks| looks.counts.len());
    let reached = (0..signs).find(|&distance| {
        sum += looks
            .iter()
            .map(|looks| looks.counts[distance] as usize)
            .sum::<usize>();
        sum >= enough
    });
    reached.unwrap_or(signs)
}

/// Offers the rows with their scores.
fn compare(codes: &Codes, query: &[i8], rows: impl Iterator<Item = u32>, mut list: Shortlist) -> Shortlist {
    let kernel = CodeKernel::best();
    let mut ahead = [0; AHEAD];
    let mut met = 0;
    let mut one = |node| {
        list.offer(Scored {
            score: kernel.dot(query, codes.row(node)),
            node,
        });
    };
    for row in rows {
        prefetch(codes.row(row));
        let due = std::mem::replace(&mut ahead[met % AHEAD], row);
        if met >= AHEAD {
            one(due);
        }
        met += 1;
    }
    for at in met.saturating_sub(AHEAD)..met {
        one(ahead[at % AHEAD]);
    }
    list
}

/// Runs `search` on threads kept for searching, so that decoding or building a graph does not make a query wait.
pub(crate) fn on_search_threads<R: Send>(search: impl FnOnce() -> R + Send) -> R {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        ThreadPoolBuilder::new()
            .thread_name(|thread| format!("search-{thread}"))
            .build()
            .inspect_err(|error| tracing::warn!(%error, "searching on shared threads"))
            .ok()
    });
    match pool {
        Some(pool) => pool.install(search),
        None => search(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::Embedding;
    use eidetic_kernels::Line;

    /// Unit vectors of 512 numbers about 40 centres.
    fn clustered(count: usize, seed: u32) -> Vec<Embedding> {
        let mut state = seed;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
        };
        let mut centres_state = 5_u32;
        let centres: Vec<f32> = (0..40 * 512)
            .map(|_| {
                centres_state = centres_state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (centres_state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
            })
            .collect();
        let vector = |at: usize| {
            let centre = &centres[at % 40 * 512..][..512];
            let components = centre.iter().map(|c| c + 1.2 * number()).collect();
            Embedding::normalize(components).expect("not all zero")
        };
        (0..count).map(vector).collect()
    }

    #[test]
    fn a_scan_by_signs_finds_what_a_scan_of_all_codes_finds() {
        let mut codes = Codes::new(512);
        let vectors = clustered(40_000, 1);
        for (row, vector) in (0..).zip(&vectors) {
            codes.set(row, vector.as_slice());
        }
        let rows: RowSet = (0..40_000).filter(|row| row % 1_000 != 7).collect();
        // Kept: a part at random, and all that lies in one half of the clusters, wherever the query is.
        let filters = [
            None,
            Some((0..40_000).filter(|row| row % 3 == 1).collect::<RowSet>()),
            Some((0..40_000).filter(|row| row % 40 < 20).collect()),
        ];
        let slack = codes.quantizer().slack();
        let mut found = 0;
        let queries = clustered(60, 99);
        for query in &queries {
            let code = codes.encode(query.as_slice());
            for filter in &filters {
                let of = |list: Shortlist| -> Vec<u32> {
                    let nodes = list.into_sorted().into_iter().take(10).map(|scored| scored.node);
                    nodes.collect()
                };
                let all = of(scan(
                    &codes,
                    Line::codes(&code),
                    &rows,
                    filter.as_ref(),
                    (10, slack),
                ));
                let some = of(scan_by_signs(
                    &codes,
                    Line::codes(&code),
                    &rows,
                    filter.as_ref(),
                    (10, slack),
                ));
                assert_eq!(some.len(), 10);
                assert!(some.iter().all(|&row| rows.contains(row)));
                found += all.iter().filter(|row| some.contains(row)).count();
            }
        }
        let recall = found as f64 / (queries.len() * filters.len() * 10) as f64;
        // Noise alike in all directions is the hardest: all of a cluster is about equally near.
        assert!(recall >= 0.98, "recall {recall}");
    }
}
