//! Locks that keep two long operations of one kind from running at once, and the order in which they are taken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A long operation that excludes others of its kind.
///
/// One thread takes the locks of several operations only in the order of these variants, so that no two threads wait
/// for each other. Debug builds assert it. Locks of data (manifest, vectors, caches) come after all of these, and are
/// held for short steps only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Filling, activating or dropping a space beside the active one; one for the library.
    Switch,
    /// Embedding the images that a space has no vectors of; one for each space.
    Backfill,
    /// An indexing run, or the removal of a source; one for the library.
    Index,
    /// Adding, removing or embedding stored texts; one for the library.
    Texts,
    /// Building, extending or saving the search graph; one for each space.
    Graph,
    /// A tagging run; one for each space.
    Tag,
    /// Replacing the calibrations; one for each space.
    Calibrate,
    /// Computing the layout of the map; one for each space.
    Map,
}

/// The operation locks as one space sees them: its own, and those that all spaces of a library share.
#[derive(Debug, Default)]
pub(crate) struct OperationLocks {
    switch: Arc<OperationLock>,
    index: Arc<OperationLock>,
    texts: Arc<OperationLock>,
    backfill: OperationLock,
    graph: OperationLock,
    tag: OperationLock,
    calibrate: OperationLock,
    map: OperationLock,
}

#[derive(Debug, Default)]
struct OperationLock {
    mutex: Mutex<()>,
    /// Read by those who only ask: a trial of the mutex would make another thread's `try_lock` fail.
    running: AtomicBool,
}

/// Excludes other operations of its kind until dropped.
#[derive(Debug)]
pub(crate) struct OperationGuard<'a> {
    running: &'a AtomicBool,
    _mutex: MutexGuard<'a, ()>,
    _entry: order::Entry,
}

impl<'a> OperationGuard<'a> {
    fn new(lock: &'a OperationLock, mutex: MutexGuard<'a, ()>, entry: order::Entry) -> Self {
        lock.running.store(true, Ordering::Release);
        Self {
            running: &lock.running,
            _mutex: mutex,
            _entry: entry,
        }
    }
}

impl Drop for OperationGuard<'_> {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Release);
    }
}

impl OperationLocks {
    /// The locks of another space of the same library.
    pub(crate) fn for_space(&self) -> Self {
        Self {
            switch: Arc::clone(&self.switch),
            index: Arc::clone(&self.index),
            texts: Arc::clone(&self.texts),
            ..Self::default()
        }
    }

    /// Waits until no other operation of this kind runs. After a panic the lock is taken all the same: every operation
    /// leaves the files as its last commit made them.
    pub(crate) fn lock(&self, operation: Operation) -> OperationGuard<'_> {
        let entry = order::enter(operation);
        let lock = self.of(operation);
        let mutex = lock.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        OperationGuard::new(lock, mutex, entry)
    }

    /// The same without waiting; `None` while another operation of this kind runs.
    pub(crate) fn try_lock(&self, operation: Operation) -> Option<OperationGuard<'_>> {
        let entry = order::enter(operation);
        let lock = self.of(operation);
        let mutex = match lock.mutex.try_lock() {
            Ok(mutex) => mutex,
            Err(TryLockError::Poisoned(mutex)) => mutex.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(OperationGuard::new(lock, mutex, entry))
    }

    /// Whether an operation of this kind runs now.
    pub(crate) fn is_running(&self, operation: Operation) -> bool {
        self.of(operation).running.load(Ordering::Acquire)
    }

    fn of(&self, operation: Operation) -> &OperationLock {
        match operation {
            Operation::Switch => &self.switch,
            Operation::Backfill => &self.backfill,
            Operation::Index => &self.index,
            Operation::Texts => &self.texts,
            Operation::Graph => &self.graph,
            Operation::Tag => &self.tag,
            Operation::Calibrate => &self.calibrate,
            Operation::Map => &self.map,
        }
    }
}

/// Which operations the current thread holds, to assert their order.
mod order {
    use std::cell::RefCell;

    use super::Operation;

    thread_local! {
        static HELD: RefCell<Vec<Operation>> = const { RefCell::new(Vec::new()) };
    }

    /// Marks an operation as held until dropped.
    #[derive(Debug)]
    pub(super) struct Entry(Operation);

    pub(super) fn enter(operation: Operation) -> Entry {
        HELD.with_borrow_mut(|held| {
            debug_assert!(
                held.iter().all(|before| *before < operation),
                "{operation:?} must be locked before {held:?}"
            );
            held.push(operation);
        });
        Entry(operation)
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            HELD.with_borrow_mut(|held| {
                if let Some(at) = held.iter().rposition(|operation| *operation == self.0) {
                    held.remove(at);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    #[test]
    fn spaces_share_index_lock_not_tag_lock() {
        let first = OperationLocks::default();
        let second = first.for_space();
        let held = (first.lock(Operation::Index), first.lock(Operation::Tag));
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(second.is_running(Operation::Index));
                assert!(second.try_lock(Operation::Index).is_none());
                assert!(second.try_lock(Operation::Tag).is_some());
            });
        });
        drop(held);
        assert!(!second.is_running(Operation::Index));
        assert!(second.try_lock(Operation::Index).is_some());
    }

    #[test]
    fn wrong_order_panics_in_debug_builds() {
        let locks = OperationLocks::default();
        let wrong = || {
            let _tag = locks.lock(Operation::Tag);
            let _index = locks.lock(Operation::Index);
        };
        assert_eq!(
            catch_unwind(AssertUnwindSafe(wrong)).is_err(),
            cfg!(debug_assertions)
        );
        let _index = locks.lock(Operation::Index);
        let _tag = locks.lock(Operation::Tag);
    }

    #[test]
    fn panicked_operation_leaves_lock_usable() {
        let locks = OperationLocks::default();
        let failing = || {
            let _index = locks.lock(Operation::Index);
            panic!("the run fails");
        };
        assert!(catch_unwind(AssertUnwindSafe(failing)).is_err());
        assert!(locks.try_lock(Operation::Index).is_some());
    }
}
