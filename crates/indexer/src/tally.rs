//! Numbers and failures of a run, gathered from all its threads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{FileFailure, Observer};

/// After how many files an observer hears of them.
const EVERY: u64 = 64;

/// The counters of a run.
pub struct Tally<'a> {
    observer: &'a dyn Observer,
    discovered: AtomicU64,
    walked: AtomicBool,
    done: AtomicU64,
    unchanged: AtomicU64,
    skipped: AtomicU64,
    failed: Mutex<Vec<FileFailure>>,
}

impl<'a> Tally<'a> {
    pub fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            discovered: AtomicU64::new(0),
            walked: AtomicBool::new(false),
            done: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    /// The walk, or the pass that only counts, has met `files` files so far.
    pub fn discovered(&self, files: u64) {
        if files.is_multiple_of(EVERY) && self.discovered.fetch_max(files, Ordering::Relaxed) < files {
            self.observer.discovered(files);
        }
    }

    /// The walk, or the pass that only counts, is over. The first to end is the one to tell.
    pub fn walked(&self, files: u64) {
        if !self.walked.swap(true, Ordering::Relaxed) {
            self.observer.discovered(files);
            self.observer.total(files);
        }
    }

    /// Whether the number of files is known.
    pub fn is_walked(&self) -> bool {
        self.walked.load(Ordering::Relaxed)
    }

    /// One more file is as it was.
    pub fn unchanged(&self) {
        self.unchanged.fetch_add(1, Ordering::Relaxed);
        self.done();
    }

    /// One more file is no picture, or is gone.
    pub fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        self.done();
    }

    /// One more file is dealt with in a way that is counted elsewhere.
    pub fn done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(EVERY) {
            self.observer.done(done);
        }
    }

    /// Tells the observer the number of files dealt with.
    pub fn tell_done(&self) {
        self.observer.done(self.done.load(Ordering::Relaxed));
    }

    /// One more file failed.
    pub fn failed_file(&self, path: &Path, reason: String) {
        self.failed(path, reason);
        self.done();
    }

    /// A folder or a source failed.
    pub fn failed(&self, path: &Path, reason: String) {
        let failure = FileFailure {
            path: path.into(),
            reason,
        };
        self.observer.failed(&failure);
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(failure);
    }

    /// Unchanged, skipped, and failures in order of path.
    pub fn finish(self) -> (u64, u64, Vec<FileFailure>) {
        let mut failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort_by(|a, b| a.path.cmp(&b.path));
        (self.unchanged.into_inner(), self.skipped.into_inner(), failed)
    }
}
