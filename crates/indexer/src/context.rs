//! What a long operation is given beside its input: whom to report progress to, and what stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Observer;

/// Stops the runs that hold a clone of it.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
    /// Stops them too.
    outer: Option<Arc<AtomicBool>>,
}

impl CancelToken {
    /// Stops the run within about one batch. What is committed is kept; nothing more is removed.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// A token for a part of the work: it is cancelled by itself, or with this one. Of a child of a child, the outermost
    /// token is not asked.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            cancelled: Arc::default(),
            outer: Some(Arc::clone(&self.cancelled)),
        }
    }

    /// Whether [`cancel`](Self::cancel) was called on any clone, or on the token that this one is a child of.
    pub fn is_cancelled(&self) -> bool {
        let is_set = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        is_set(&self.cancelled) || self.outer.as_ref().is_some_and(is_set)
    }
}

/// The observer and the cancel token of one run. By default it has no observer and is never cancelled.
#[derive(Clone)]
pub struct RunContext<'a> {
    /// Receives progress and failures.
    pub observer: &'a dyn Observer,
    /// Stops the run.
    pub cancel: CancelToken,
}

impl<'a> RunContext<'a> {
    /// A run that reports to `observer` and stops with `cancel`.
    pub fn new(observer: &'a dyn Observer, cancel: &CancelToken) -> Self {
        Self {
            observer,
            cancel: cancel.clone(),
        }
    }

    /// The same run without an observer, for steps whose counts would mix with those of the run.
    #[must_use]
    pub fn without_observer(&self) -> RunContext<'static> {
        RunContext::new(&(), &self.cancel)
    }

    /// Whether the run is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

impl Default for RunContext<'_> {
    fn default() -> Self {
        Self::new(&(), &CancelToken::default())
    }
}
