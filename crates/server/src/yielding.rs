//! Indexing in the background yields to searches.

use std::sync::{Arc, OnceLock};

use eidetic_indexer::{Background, Foreground, ForegroundGuard, IndexerOptions};

/// Images in one batch: a search waits for at most this much work.
const BATCH: usize = 8;

/// What requests and jobs share so that requests go first.
#[derive(Debug, Default)]
pub(crate) struct Yielding {
    foreground: Arc<Foreground>,
    /// Started with the first run; `None` where threads cannot be started.
    background: OnceLock<Option<Arc<Background>>>,
}

impl Yielding {
    /// Begins a request that goes first, from when it waits.
    pub(crate) fn enter(&self) -> ForegroundGuard {
        self.foreground.enter()
    }

    /// How runs index that yield.
    pub(crate) fn indexing(&self) -> IndexerOptions {
        let start = || match Background::new(Arc::clone(&self.foreground)) {
            Ok(background) => Some(Arc::new(background)),
            Err(error) => {
                tracing::warn!("indexing does not yield to searches: {error}");
                None
            }
        };
        IndexerOptions {
            batch: BATCH,
            background: self.background.get_or_init(start).clone(),
            ..IndexerOptions::default()
        }
    }
}
