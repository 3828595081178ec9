//! Exact search: the query against every row.

use std::sync::OnceLock;

use eidetic_domain::ImageId;
use eidetic_kernels::dot_rows;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::matrix::{BLOCK_ROWS, Matrix};
use crate::nearest::Nearest;
use crate::{Admit, Neighbour};

/// Rows whose scores are computed together; their scores stay on the stack.
const TILE_ROWS: usize = 64;

/// The `k` rows nearest to `query` among those for which `select` names an image and `admit` lets it pass.
///
/// Runs on the current rayon pool, one block a step. `admit` is asked only about rows good enough to be kept.
pub(crate) fn nearest<'i>(
    matrix: &Matrix,
    query: &[f32],
    k: usize,
    select: impl Fn(usize) -> Option<&'i ImageId> + Sync,
    admit: Option<Admit<'_>>,
) -> Nearest {
    let scan_block = |found: Nearest, (block, numbers): (usize, &std::sync::Arc<Vec<f32>>)| {
        scan_rows(found, query, block * BLOCK_ROWS, numbers, &select, admit)
    };
    matrix
        .blocks()
        .par_iter()
        .enumerate()
        .fold(|| Nearest::new(k), scan_block)
        .reduce(|| Nearest::new(k), Nearest::merge)
}

/// Offers the rows of one block, of which `first` is the first, to `found`.
fn scan_rows<'i>(
    mut found: Nearest,
    query: &[f32],
    first: usize,
    numbers: &[f32],
    select: impl Fn(usize) -> Option<&'i ImageId>,
    admit: Option<Admit<'_>>,
) -> Nearest {
    let mut scores = [0.0; TILE_ROWS];
    for (tile, numbers) in numbers.chunks(TILE_ROWS * query.len()).enumerate() {
        let start = first + tile * TILE_ROWS;
        let scores = &mut scores[..numbers.len() / query.len()];
        if (start..start + scores.len()).all(|row| select(row).is_none()) {
            continue;
        }
        dot_rows(query, numbers, scores);
        for (row, &score) in (start..).zip(&*scores) {
            if let Some(image) = select(row) {
                consider(&mut found, *image, score, admit);
            }
        }
    }
    found
}

/// Offers one image if it is good enough and `admit` lets it pass.
pub(crate) fn consider(found: &mut Nearest, image: ImageId, score: f32, admit: Option<Admit<'_>>) {
    // Rounding can carry the product of two unit vectors just past 1.
    let score = score.clamp(-1.0, 1.0);
    if found.would_keep(&image, score) && admit.is_none_or(|admit| admit(&image)) {
        found.offer(Neighbour { image, score });
    }
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
