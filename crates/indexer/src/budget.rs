//! A memory budget that threads share.

use std::sync::{Condvar, Mutex, PoisonError};

/// A number of bytes that may be in use at once.
pub struct MemoryBudget {
    capacity: u64,
    free: Mutex<u64>,
    freed: Condvar,
}

/// Bytes in use, returned when dropped.
pub struct MemoryPermit<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            free: Mutex::new(capacity),
            freed: Condvar::new(),
        }
    }

    /// Waits until `bytes` are free. A request above the capacity is granted when nothing else is in use.
    pub fn acquire(&self, bytes: u64) -> MemoryPermit<'_> {
        let bytes = bytes.min(self.capacity);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free < bytes)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        MemoryPermit { budget: self, bytes }
    }
}

impl Drop for MemoryPermit<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn use_stays_within_capacity() {
        let budget = MemoryBudget::new(10);
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
