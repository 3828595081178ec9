//! Comparing the codes of those rows whose signs are like the query's.

use eidetic_kernels::{Kernel, hamming_distances};
use rayon::prelude::*;

use crate::codes::{CHUNK_ROWS, Codes};
use crate::row_set::RowSet;
use crate::scan::{at_most, compare, on_search_threads};
use crate::shortlist::Shortlist;

/// Words of a chunk of codes.
const CHUNK_WORDS: usize = CHUNK_ROWS / 64;
/// Of the rows whose signs were looked at, one in so many is compared first.
const FIRST_ONE_IN: usize = 64;
/// And at least so many for each neighbour asked for.
const FIRST_PER_NEIGHBOUR: usize = 32;
/// Standard deviations that the signs of a row as near as the k-th may be off: of those at the very edge one in 44 is missed.
const DEVIATIONS: f64 = 2.0;
/// With more rows than this, all threads look at signs.
const ALONE: usize = 32_768;

/// The rows among `rows` and `also` that may be the `k` nearest, all but certainly: those whose signs are too unlike the
/// query's are not compared.
///
/// Of two vectors at an angle θ each pair of signs differs with probability θ/π (Charikar 2002). So the rows that differ in
/// the fewest signs are compared first; the k-th best of them says in how many signs a row as near may differ, and what
/// differs in no more is compared too. Where hardly any row stands out, that is nearly all of them.
pub(crate) fn scan_by_signs(
    codes: &Codes,
    query: &[i8],
    rows: &RowSet,
    also: Option<&RowSet>,
    few: (usize, i32),
) -> Shortlist {
    let signs = Codes::signs_of(query);
    let look = |step: usize| {
        let words = step * CHUNK_WORDS..rows.words().min((step + 1) * CHUNK_WORDS);
        Looks::new(codes.signs(step), &signs, step, rows.within(words, also))
    };
    let steps = 0..rows.words().div_ceil(CHUNK_WORDS);
    if at_most(rows, also) <= ALONE {
        let looks: Vec<Looks> = steps.map(look).collect();
        return nearest_looks(codes, query, &looks, few, |compare| {
            looks.iter().map(compare).reduce(Shortlist::merge)
        });
    }
    on_search_threads(|| {
        let looks: Vec<Looks> = steps.into_par_iter().map(look).collect();
        nearest_looks(codes, query, &looks, few, |compare| {
            looks.par_iter().map(compare).reduce_with(Shortlist::merge)
        })
    })
}

/// Compares what differs least, then what may be as near; `each` runs a comparison on all looks and merges the results.
fn nearest_looks(
    codes: &Codes,
    query: &[i8],
    looks: &[Looks],
    (k, slack): (usize, i32),
    each: impl Fn(&(dyn Fn(&Looks) -> Shortlist + Sync)) -> Option<Shortlist>,
) -> Shortlist {
    let within = |limits: std::ops::Range<usize>| {
        let compare = |looks: &Looks| compare(codes, query, looks.within(&limits), Shortlist::new(k, slack));
        each(&compare).unwrap_or_else(|| Shortlist::new(k, slack))
    };
    let first = first_limit(looks, k);
    let found = within(0..first);
    let enough = found.kth().map_or(usize::MAX, |kth| as_near(codes, query, kth));
    if enough <= first {
        return found;
    }
    found.merge(within(first..enough))
}

/// From how many different signs on a row is hardly as near to the query as one whose code's product with it is `score`.
fn as_near(codes: &Codes, query: &[i8], score: i32) -> usize {
    let signs = codes.quantizer().dimension() as f64;
    let own = f64::from(Kernel::best().dot_i8(query, query)).max(1.0);
    let part = (f64::from(score) / own).clamp(-1.0, 1.0).acos() / std::f64::consts::PI;
    let deviation = (signs * part * (1.0 - part)).sqrt();
    (signs * part + DEVIATIONS * deviation).ceil() as usize + 1
}

/// A first look at the admitted rows of one chunk.
struct Looks {
    first: u32,
    /// Rows of the chunk, and in how many signs each differs from the query.
    rows: Vec<u32>,
    distances: Vec<u32>,
    /// How many rows differ in so many signs.
    counts: Vec<u32>,
}

impl Looks {
    fn new(table: &[u64], query: &[u64], chunk: usize, rows: impl Iterator<Item = u32>) -> Self {
        let first = (chunk * CHUNK_ROWS) as u32;
        let rows: Vec<u32> = rows.map(|row| row - first).collect();
        let mut distances = vec![0; rows.len()];
        hamming_distances(query, table, &rows, &mut distances);
        let mut counts = vec![0; query.len() * 64 + 1];
        for &distance in &distances {
            counts[distance as usize] += 1;
        }
        Self {
            first,
            rows,
            distances,
            counts,
        }
    }

    /// Rows that differ in so many signs.
    fn within(&self, limits: &std::ops::Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let (from, to) = (limits.start, limits.end);
        let pairs = self.rows.iter().zip(&self.distances);
        pairs
            .filter(move |(_, distance)| (from..to).contains(&(**distance as usize)))
            .map(|(row, _)| self.first + row)
    }
}

/// Below how many different signs rows are compared first.
fn first_limit(looks: &[Looks], k: usize) -> usize {
    let met: usize = looks.iter().map(|looks| looks.rows.len()).sum();
    let enough = (met / FIRST_ONE_IN).max(k.saturating_mul(FIRST_PER_NEIGHBOUR));
    let mut sum = 0;
    let signs = looks.first().map_or(0, |looks| looks.counts.len());
    let reached = (0..signs).find(|&distance| {
        sum += looks
            .iter()
            .map(|looks| looks.counts[distance] as usize)
            .sum::<usize>();
        sum >= enough
    });
    reached.map_or(signs, |distance| distance + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::scan;
    use eidetic_domain::{Embedding, SplitMix64};
    use eidetic_kernels::CacheLine;

    /// Numbers between −1 and 1, the same for the same seed.
    fn numbers(seed: u32) -> impl FnMut() -> f32 {
        let mut random = SplitMix64::new(seed.into());
        move || random.signed_unit()
    }

    /// Unit vectors of 512 numbers about 40 centres.
    fn clustered(count: usize, seed: u32) -> Vec<Embedding> {
        let (mut centre, mut noise) = (numbers(5), numbers(seed));
        let centres: Vec<f32> = (0..40 * 512).map(|_| centre()).collect();
        let vector = |at: usize| {
            let centre = &centres[at % 40 * 512..][..512];
            let components = centre.iter().map(|c| c + 1.2 * noise()).collect();
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
                    CacheLine::codes(&code),
                    &rows,
                    filter.as_ref(),
                    (10, slack),
                ));
                let some = of(scan_by_signs(
                    &codes,
                    CacheLine::codes(&code),
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
        assert!(recall >= 0.99, "recall {recall}");
    }
}
