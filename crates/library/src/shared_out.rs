//! Work that falls into parts which have nothing to do with each other.

use std::panic::resume_unwind;
use std::thread;

/// Does `work` on equal shares of `items`, on as many threads as the machine runs at once; the results in order.
pub(crate) fn shared_out<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || work(share)))
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
    fn every_item_is_in_one_share_and_the_results_are_in_order() {
        for count in [0, 1, 2, 7, 100] {
            let items: Vec<usize> = (0..count).collect();
            let shares = shared_out(&items, <[usize]>::to_vec);
            assert_eq!(shares.concat(), items);
        }
    }
}
