//! Splits a slice over the processors.

use std::panic::resume_unwind;
use std::thread;

/// Calls `work` with equal chunks of `items`, on as many threads as there are processors. Results are in order.
pub(crate) fn par_chunks<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let chunk = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = items
            .chunks(chunk)
            .map(|chunk| scope.spawn(move || work(chunk)))
            .collect();
        started
            .into_iter()
            .map(|done| done.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_once_in_order() {
        for count in [0, 1, 2, 7, 100] {
            let items: Vec<usize> = (0..count).collect();
            let chunks = par_chunks(&items, <[usize]>::to_vec);
            assert_eq!(chunks.concat(), items);
        }
    }
}
