//! What a long operation is given beside its input: whom to report progress to, and what stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Observer;

/// Stops the runs that hold a clone of it.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Stops the run within about one batch. What is committed is kept; nothing more is removed.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called on any clone.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
