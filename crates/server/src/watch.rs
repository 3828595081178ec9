//! The thread that keeps the sources of the library current.

use std::thread::{Builder, JoinHandle};

use actix_web::web::Data;
use eidetic_indexer::watch::{WatchNotice, WatchOptions};
use eidetic_indexer::{CancelToken, lower_priority};
use eidetic_library::{LibraryError, WatchObserver, WatchedRound};

use crate::state::AppState;

/// Watches until it is stopped.
pub(crate) struct WatchThread {
    cancel: CancelToken,
    thread: Option<JoinHandle<()>>,
}

impl WatchThread {
    /// Starts watching, where the options say so. A library that can only be read is not watched.
    pub(crate) fn start(state: &Data<AppState>) -> Self {
        let cancel = CancelToken::default();
        let options = state.options.watch.clone();
        let options = options.filter(|_| state.library.require_writable().is_ok());
        let thread = options.and_then(|options| {
            let (state, cancel) = (state.clone(), cancel.clone());
            let started = Builder::new()
                .name("watch".into())
                .spawn(move || watch(&state, &options, &cancel));
            started
                .inspect_err(|error| tracing::warn!("the folders are not watched: {error}"))
                .ok()
        });
        Self { cancel, thread }
    }

    /// Ends it after the batch that runs.
    pub(crate) fn stop(&self) {
        self.cancel.cancel();
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

fn watch(state: &AppState, options: &WatchOptions, cancel: &CancelToken) {
    lower_priority();
    let indexing = state.yielding.indexing();
    if let Err(error) = state.library.watch(options, &indexing, &Log, cancel) {
        tracing::warn!("the folders are not watched: {error}");
    }
}

/// Logs what happens.
struct Log;

impl WatchObserver for Log {
    fn round(&self, round: &WatchedRound) {
        let report = &round.report;
        tracing::info!(
            indexed = report.indexed,
            moved = report.moved,
            removed = report.removed,
            failed = report.failed.len(),
            "looked at changes"
        );
    }

    fn failed(&self, error: &LibraryError) {
        tracing::warn!("changes could not be indexed, to be tried again: {error}");
    }

    fn notice(&self, notice: &WatchNotice) {
        tracing::warn!("{notice}");
    }
}
