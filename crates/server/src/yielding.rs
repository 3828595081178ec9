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

    /// The threads of work that yields; `None` where they cannot be started.
    pub(crate) fn background(&self) -> Option<Arc<Background>> {
        let start = || match Background::new(Arc::clone(&self.foreground)) {
            Ok(background) => Some(Arc::new(background)),
            Err(error) => {
                tracing::warn!("work in the background does not yield to searches: {error}");
                None
            }
        };
        self.background.get_or_init(start).clone()
    }

    /// How runs index that yield.
    pub(crate) fn indexing(&self) -> IndexerOptions {
        IndexerOptions {
            batch: BATCH,
            background: self.background(),
            ..IndexerOptions::default()
        }
    }
}
