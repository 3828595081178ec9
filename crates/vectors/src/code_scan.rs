//! Brute-force scan of the codes of many rows.

use std::sync::OnceLock;

use eidetic_kernels::{Kernel, prefetch};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::candidate_queue::Candidate;
use crate::code_query::CodeQuery;
use crate::codes::Codes;
use crate::row_set::RowSet;
use crate::shortlist::Shortlist;

/// Words of a row set that one task scans; a word is 64 rows.
const WORDS_PER_TASK: usize = 128;
/// Up to this many rows are scanned on the current thread; distributing work costs as much as some hundred rows.
const MAX_SEQUENTIAL: usize = 4_096;
/// How many rows ahead of the comparison codes are prefetched.
const PREFETCH_DISTANCE: usize = 8;

/// The rows, among `rows` and the query's filter, that may be among the query's `k` nearest.
pub(crate) fn scan_codes(codes: &Codes, query: &CodeQuery<'_>, rows: &RowSet) -> Shortlist {
    let scan_words = |words| score_rows(codes, query, rows.rows_in(words, query.filter));
    if max_common(rows, query.filter) <= MAX_SEQUENTIAL {
        return scan_words(0..rows.words());
    }
    on_search_threads(|| {
        (0..rows.words().div_ceil(WORDS_PER_TASK))
            .into_par_iter()
            .map(|task| {
                let words = task * WORDS_PER_TASK..rows.words().min((task + 1) * WORDS_PER_TASK);
                scan_words(words)
            })
            .reduce(|| query.shortlist(codes), Shortlist::merge)
    })
}

/// Upper bound of the number of rows in both sets.
pub(crate) fn max_common(rows: &RowSet, filter: Option<&RowSet>) -> usize {
    filter.map_or(rows.len(), |filter| filter.len().min(rows.len()))
}

/// Compares the codes of `rows` with the query's.
pub(crate) fn score_rows(codes: &Codes, query: &CodeQuery<'_>, rows: impl Iterator<Item = u32>) -> Shortlist {
    let kernel = Kernel::best();
    let mut shortlist = query.shortlist(codes);
    // A ring buffer of the rows that are being prefetched.
    let mut pending = [0; PREFETCH_DISTANCE];
    let mut count = 0;
    let mut score = |row| {
        let score = kernel.dot_i8(query.code, codes.row(row));
        shortlist.push(Candidate { score, row });
    };
    for row in rows {
        prefetch(codes.row(row));
        let due = std::mem::replace(&mut pending[count % PREFETCH_DISTANCE], row);
        if count >= PREFETCH_DISTANCE {
            score(due);
        }
        count += 1;
    }
    for at in count.saturating_sub(PREFETCH_DISTANCE)..count {
        score(pending[at % PREFETCH_DISTANCE]);
    }
    shortlist
}

/// Runs `search` on threads reserved for searching, so that a query doesn't wait for decoding or for building a graph.
pub(crate) fn on_search_threads<R: Send>(search: impl FnOnce() -> R + Send) -> R {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        ThreadPoolBuilder::new()
            .thread_name(|thread| format!("search-{thread}"))
            .build()
            .inspect_err(|error| tracing::warn!(%error, "cannot start search threads; using shared ones"))
            .ok()
    });
    match pool {
        Some(pool) => pool.install(search),
        None => search(),
    }
}
