//! Counts and failures of a run, gathered from all its threads.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use eidetic_imaging::unsupported_format;

use crate::{FileFailure, Observer};

/// The observer is told of files that were found once in this many, and of files that are done more often: they take
/// longer.
const REPORT_EVERY: u64 = 64;
const DONE_EVERY: u64 = 8;

/// The counters of a run, and the observer that they are reported to.
pub struct Progress<'a> {
    observer: &'a dyn Observer,
    discovered: AtomicU64,
    has_total: AtomicBool,
    /// Number of files that the walk found, once that is known.
    total: AtomicU64,
    /// Number of pictures that were found inside files, besides.
    parts: AtomicU64,
    done: AtomicU64,
    unchanged: AtomicU64,
    skipped: AtomicU64,
    unsupported: Mutex<BTreeMap<String, u64>>,
    failed: Mutex<Vec<FileFailure>>,
}

/// What only [`Progress`] counts.
pub struct ProgressTotals {
    pub unchanged: u64,
    pub skipped: u64,
    /// Number of files of each unsupported format.
    pub unsupported: BTreeMap<String, u64>,
    /// Sorted by path.
    pub failed: Vec<FileFailure>,
}

impl<'a> Progress<'a> {
    pub fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            discovered: AtomicU64::new(0),
            has_total: AtomicBool::new(false),
            total: AtomicU64::new(0),
            parts: AtomicU64::new(0),
            done: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            unsupported: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// The walk, or the pass that only counts, has found `files` files so far.
    pub fn discovered(&self, files: u64) {
        if files.is_multiple_of(REPORT_EVERY) && self.discovered.fetch_max(files, Ordering::Relaxed) < files {
            self.observer.discovered(files);
        }
    }

    /// The walk, or the pass that only counts, has ended. Only the first to end is reported.
    pub fn total(&self, files: u64) {
        if !self.has_total.swap(true, Ordering::Relaxed) {
            self.total.store(files, Ordering::Relaxed);
            self.observer.discovered(files);
            self.observer.total(files + self.parts.load(Ordering::Relaxed));
        }
    }

    /// A picture was found inside a file: it counts as a further file.
    pub fn part_found(&self) {
        let parts = self.parts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.has_total() {
            self.observer.total(self.total.load(Ordering::Relaxed) + parts);
        }
    }

    /// Whether the number of files is known.
    pub fn has_total(&self) -> bool {
        self.has_total.load(Ordering::Relaxed)
    }

    pub fn file_unchanged(&self) {
        self.unchanged.fetch_add(1, Ordering::Relaxed);
        self.file_done();
    }

    /// The file is not an image.
    pub fn file_skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        self.file_done();
    }

    /// The file is an image of an unsupported format, with the message for it.
    pub fn file_unsupported(&self, message: &str) {
        let format = unsupported_format(message).unwrap_or(message);
        let mut counts = self.unsupported.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(format.to_owned()).or_default() += 1;
        drop(counts);
        self.file_done();
    }

    /// The file is done, and counted elsewhere.
    pub fn file_done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(DONE_EVERY) {
            self.observer.done(done);
        }
    }

    /// Reports the number of files that are done, whatever it is.
    pub fn report_done(&self) {
        self.observer.done(self.done.load(Ordering::Relaxed));
    }

    pub fn file_failed(&self, path: &Path, reason: String) {
        self.path_failed(path, reason);
        self.file_done();
    }

    /// A folder or a source failed, which is not counted as a file.
    pub fn path_failed(&self, path: &Path, reason: String) {
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

    pub fn finish(self) -> ProgressTotals {
        let mut failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.sort_by(|a, b| a.path.cmp(&b.path));
        ProgressTotals {
            unchanged: self.unchanged.into_inner(),
            skipped: self.skipped.into_inner(),
            unsupported: self
                .unsupported
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            failed,
        }
    }
}
