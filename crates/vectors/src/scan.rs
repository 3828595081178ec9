//! Comparing the code of every row.

use std::sync::OnceLock;

use eidetic_kernels::{Kernel, prefetch};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::codes::Codes;
use crate::pool::Scored;
use crate::row_set::RowSet;
use crate::shortlist::Shortlist;

/// Words of 64 rows compared at one step of a thread.
const WORDS: usize = 128;
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
    let one = |words| compare(codes, query, rows.within(words, also), Shortlist::new(k, slack));
    if at_most(rows, also) <= ALONE {
        return one(0..rows.words());
    }
    on_search_threads(|| {
        (0..rows.words().div_ceil(WORDS))
            .into_par_iter()
            .map(|step| one(step * WORDS..rows.words().min((step + 1) * WORDS)))
            .reduce(|| Shortlist::new(k, slack), Shortlist::merge)
    })
}

/// How many rows both can share.
pub(crate) fn at_most(rows: &RowSet, also: Option<&RowSet>) -> usize {
    also.map_or(rows.len(), |also| also.len().min(rows.len()))
}

/// Offers the rows with their scores.
pub(crate) fn compare(
    codes: &Codes,
    query: &[i8],
    rows: impl Iterator<Item = u32>,
    mut list: Shortlist,
) -> Shortlist {
    let kernel = Kernel::best();
    let mut ahead = [0; AHEAD];
    let mut met = 0;
    let mut one = |node| {
        list.offer(Scored {
            score: kernel.dot_i8(query, codes.row(node)),
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
