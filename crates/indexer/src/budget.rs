//! A number of bytes that threads share.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that may be in use at once.
pub struct Budget {
    capacity: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

/// Bytes in use, given back when dropped.
pub struct Permit<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            free: Mutex::new(capacity),
            returned: Condvar::new(),
        }
    }

    /// Waits until `bytes` are free. Who asks for more than there are gets all, and is then alone.
    pub fn acquire(&self, bytes: u64) -> Permit<'_> {
        let bytes = bytes.min(self.capacity);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .returned
            .wait_while(free, |free| *free < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Permit { budget: self, bytes }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn never_more_than_the_capacity_is_in_use_and_greedy_requests_are_served_alone() {
        let budget = Budget::new(10);
        let in_use = AtomicU64::new(0);
        let most = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for request in [3, 4, 25, 6, 1, 10, 2, 5] {
                let (budget, in_use, most) = (&budget, &in_use, &most);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let _permit = budget.acquire(request);
                        let charged = request.min(10);
                        let now = in_use.fetch_add(charged, Ordering::SeqCst) + charged;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        in_use.fetch_sub(charged, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 10);
        assert_eq!(*budget.free.lock().unwrap(), 10);
    }
}
