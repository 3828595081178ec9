//! A warning that is said once, however often its cause recurs: as for each thumbnail on a full disk.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a warning was said.
#[derive(Debug, Default)]
pub(crate) struct WarnOnce {
    said: AtomicBool,
}

impl WarnOnce {
    /// Warns that derived data cannot be stored at `path`.
    pub(crate) fn warn(&self, path: &Path, error: &io::Error) {
        if !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!("cannot store derived data in {}: {error}", path.display());
        }
    }
}
