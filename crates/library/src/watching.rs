//! Keeps a library current while files change: rounds of indexing, and what is known of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use eidetic_indexer::watch::{
    EventInbox, RestingFiles, RoundEnd, SystemDisk, SystemNotifications, WatchMode, WatchNotice,
    WatchOptions, WatchRound, Watcher,
};
use eidetic_indexer::{CancelToken, FolderHook, IndexerOptions, IndexingReport, RunContext, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::indexing::RunTarget;
use crate::{Library, LibraryError};

/// The file that tells other processes how the library is watched.
const FILE: &str = "watch.json";
/// Longest wait for an event, so that a cancellation is noticed.
const POLL: Duration = Duration::from_millis(100);
/// Until a round that another run preempted is tried again.
const AFTER_OTHERS: Duration = Duration::from_millis(500);
/// Until a round that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What one round did.
#[derive(Debug, Clone)]
pub struct WatchedRound {
    /// The report of the run, of what it looked at.
    pub report: IndexingReport,
    /// Sources that were walked through; of the others, only changes were looked at.
    pub whole: Vec<PathBuf>,
}

/// Receives what happens while a library is watched.
pub trait WatchObserver: Sync {
    /// A round ended, at its end or since another run goes first.
    fn round(&self, round: &WatchedRound) {
        let _ = round;
    }

    /// A round failed; it is tried again.
    fn failed(&self, error: &LibraryError) {
        let _ = error;
    }

    /// Something that the user is to know; said once.
    fn notice(&self, notice: &WatchNotice) {
        let _ = notice;
    }
}

/// Ignores everything.
impl WatchObserver for () {}

/// How a library is being watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchStatus {
    /// Every source, and how it is watched.
    pub sources: Vec<WatchedSourceStatus>,
    /// Seconds between two walks through a source of which the system tells all changes.
    pub rescan_seconds: u64,
    /// The same for a source that is polled.
    pub poll_seconds: u64,
    /// Why the last round failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a source is being watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedSourceStatus {
    /// The folder.
    pub path: PathBuf,
    /// How its changes are found.
    pub mode: WatchMode,
    /// Why it is polled, where that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When all its files were last looked at; none before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// When changes in it were last indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
}

/// The status as another process reads it.
#[derive(Serialize, Deserialize)]
struct StoredStatus {
    /// The process that watches.
    process: u32,
    watch: WatchStatus,
}

/// What a library knows of its being watched.
#[derive(Debug, Default)]
pub(crate) struct WatchState {
    status: Mutex<Option<WatchStatus>>,
    /// Ends the round that runs.
    round: Mutex<Option<CancelToken>>,
    /// Number of other runs that wait or have just begun.
    others: AtomicUsize,
}

impl WatchState {
    /// Ends the round that runs, and lets none begin until dropped: what a user asked for goes first.
    pub(crate) fn preempt(&self) -> Preemption<'_> {
        self.others.fetch_add(1, Ordering::AcqRel);
        if let Some(round) = &*lock(&self.round) {
            round.cancel();
        }
        Preemption(self)
    }

    /// Whether a round runs.
    pub(crate) fn is_running(&self) -> bool {
        lock(&self.round).is_some()
    }

    /// `None` where another run goes first.
    fn begin_round(&self, cancel: &CancelToken) -> Option<(CancelToken, RoundGuard<'_>)> {
        let mut round = lock(&self.round);
        if self.others.load(Ordering::Acquire) > 0 {
            return None;
        }
        let token = cancel.child();
        *round = Some(token.clone());
        Some((token, RoundGuard(self)))
    }
}

/// See [`WatchState::preempt`].
pub(crate) struct Preemption<'a>(&'a WatchState);

impl Drop for Preemption<'_> {
    fn drop(&mut self) {
        self.0.others.fetch_sub(1, Ordering::AcqRel);
    }
}

struct RoundGuard<'a>(&'a WatchState);

impl Drop for RoundGuard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.round) = None;
    }
}

/// Forgets the status when the watch ends, also by a panic.
struct StatusGuard<'a>(&'a Library);

impl Drop for StatusGuard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.watching.status) = None;
        // Only the process that it names makes it valid.
        let _ = fs::remove_file(self.0.directory.join(FILE));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the rounds of one watch share.
struct WatchRun<'a> {
    library: &'a Library,
    indexing: IndexerOptions,
    observer: &'a dyn WatchObserver,
    cancel: &'a CancelToken,
    /// Asks for the search graph to be extended.
    graph: Sender<()>,
}

impl Library {
    /// Keeps the sources current until `cancel`: indexes what is there already, then what changes. Sources that are added or
    /// forgotten meanwhile are followed. A round that fails is reported and tried again; other runs go first.
    ///
    /// Errors: the library is read-only, or its model cannot be loaded.
    pub fn watch(
        &self,
        options: &WatchOptions,
        indexing: &IndexerOptions,
        observer: &dyn WatchObserver,
        cancel: &CancelToken,
    ) -> Result<(), LibraryError> {
        self.require_writable()?;
        self.active().encoder()?;
        let inbox = Arc::new(EventInbox::default());
        let links = self.indexing_settings().links();
        let notifications = Arc::new(SystemNotifications::new(Arc::clone(&inbox), links));
        let entered = Arc::clone(&notifications);
        let indexing = IndexerOptions {
            resting: Some(Arc::new(RestingFiles::new(options.rest))),
            on_folder: Some(FolderHook::new(move |folder| entered.enter(folder))),
            ..indexing.clone()
        };
        let mut watcher = Watcher::new(options.clone(), &*notifications, SystemDisk);
        let _status = StatusGuard(self);
        thread::scope(|scope| {
            let (graph, requests) = bounded(1);
            scope.spawn(move || self.extend_graphs(&requests, cancel));
            let run = WatchRun {
                library: self,
                indexing,
                observer,
                cancel,
                graph,
            };
            while !cancel.is_cancelled() {
                run.step(&mut watcher, &inbox);
            }
        });
        Ok(())
    }

    /// How the library is being watched, by this process or by its owner.
    pub fn watch_status(&self) -> Option<WatchStatus> {
        let own = lock(&self.watching.status).clone();
        own.or_else(|| {
            let owner = self.published()?.owner.as_ref()?;
            let text = fs::read(self.directory.join(FILE)).ok()?;
            let stored: StoredStatus = serde_json::from_slice(&text).ok()?;
            (stored.process == owner.process).then_some(stored.watch)
        })
    }

    /// Searches are slower without the graph, with the same results.
    fn extend_graphs(&self, requests: &Receiver<()>, cancel: &CancelToken) {
        eidetic_indexer::lower_priority();
        for () in requests {
            if let Err(error) = self.active().refresh_graph(&RunContext::new(&(), cancel)) {
                tracing::warn!("searching without the graph: {error}");
            }
        }
    }

    fn set_watch_status(&self, status: WatchStatus) {
        let mut current = lock(&self.watching.status);
        if current.as_ref() == Some(&status) {
            return;
        }
        let stored = StoredStatus {
            process: std::process::id(),
            watch: status,
        };
        let path = self.directory.join(FILE);
        let written = serde_json::to_vec(&stored).map(|text| fs::write(&path, text));
        if let Ok(Err(error)) = written {
            tracing::debug!("{}: {error}", path.display());
        }
        *current = Some(stored.watch);
    }
}

type LibraryWatcher<'a> = Watcher<'a, SystemNotifications, SystemDisk>;

impl WatchRun<'_> {
    /// Waits for events, and runs a round if it is time for one.
    fn step(&self, watcher: &mut LibraryWatcher<'_>, inbox: &EventInbox) {
        let library = self.library;
        let excluded = [vec![library.directory.clone()], library.excluded()].concat();
        watcher.set_sources(&library.sources(), excluded, Instant::now());
        let until_due = watcher
            .wake_at()
            .map(|at| at.saturating_duration_since(Instant::now()));
        for (event, at) in inbox.take(until_due.unwrap_or(POLL).min(POLL)) {
            watcher.handle(event, at);
        }
        let round = watcher.next_round(Instant::now());
        self.note_sources(watcher);
        if let Some(round) = round {
            self.round(watcher, round);
        }
        for notice in watcher.take_notices() {
            self.observer.notice(&notice);
        }
    }

    fn round(&self, watcher: &mut LibraryWatcher<'_>, round: WatchRound) {
        let end = match self.library.run_round(&round, &self.indexing, self.cancel) {
            Ok(Some(report)) => {
                let unsettled = report.unsettled.clone();
                let was_preempted = report.cancelled;
                self.ended(&round, report);
                if was_preempted {
                    RoundEnd::Again(AFTER_OTHERS)
                } else {
                    RoundEnd::Done { unsettled }
                }
            }
            Ok(None) => RoundEnd::Again(AFTER_OTHERS),
            Err(error) => {
                self.observer.failed(&error);
                self.change_status(|status| status.error = Some(error.to_string()));
                RoundEnd::Again(AFTER_FAILURE)
            }
        };
        watcher.finished(round, end, Instant::now());
    }

    fn ended(&self, round: &WatchRound, report: IndexingReport) {
        let now = Timestamp::now();
        if !report.cancelled {
            self.change_status(|status| {
                status.error = None;
                for source in &mut status.sources {
                    if round.whole.contains(&source.path) {
                        source.looked_at = Some(now);
                    } else if round.paths.iter().any(|path| path.starts_with(&source.path)) {
                        source.changed_at = Some(now);
                    }
                }
            });
        }
        if report.indexed > 0 {
            // One request that waits is enough.
            let _ = self.graph.try_send(());
        }
        self.observer.round(&WatchedRound {
            report,
            whole: round.whole.clone(),
        });
    }

    /// Takes over how each source is watched now.
    fn note_sources(&self, watcher: &LibraryWatcher<'_>) {
        self.change_status(|status| {
            let before = std::mem::take(&mut status.sources);
            let watched = watcher.sources().into_iter().map(|source| {
                let known = before.iter().find(|known| known.path == source.path);
                WatchedSourceStatus {
                    path: source.path,
                    mode: source.mode,
                    reason: source.reason,
                    looked_at: known.and_then(|known| known.looked_at),
                    changed_at: known.and_then(|known| known.changed_at),
                }
            });
            status.sources = watched.collect();
            status.rescan_seconds = watcher.options().rescan_every.as_secs();
            status.poll_seconds = watcher.options().poll_every.as_secs();
        });
    }

    fn change_status(&self, change: impl FnOnce(&mut WatchStatus)) {
        let current = lock(&self.library.watching.status).clone();
        let mut status = current.unwrap_or(WatchStatus {
            sources: Vec::new(),
            rescan_seconds: 0,
            poll_seconds: 0,
            error: None,
        });
        change(&mut status);
        self.library.set_watch_status(status);
    }
}

impl Library {
    /// Indexes what a round is to look at; `None` where another run goes first.
    fn run_round(
        &self,
        round: &WatchRound,
        indexing: &IndexerOptions,
        cancel: &CancelToken,
    ) -> Result<Option<IndexingReport>, LibraryError> {
        let Some((token, _round)) = self.watching.begin_round(cancel) else {
            return Ok(None);
        };
        let _run = match self.lock_indexing() {
            Err(LibraryError::AlreadyIndexing) => return Ok(None),
            locked => locked?,
        };
        let target = self.target_of(round, self.begin_run()?);
        self.index_target(&target, indexing, &RunContext::new(&(), &token))
            .map(Some)
    }

    /// Sources may have been forgotten since the round was made.
    fn target_of(&self, round: &WatchRound, needs_sweep: bool) -> RunTarget {
        let sources = self.sources();
        let innermost = |path: &Path| {
            let around = sources.iter().filter(|source| path.starts_with(source));
            around.max_by_key(|source| source.components().count())
        };
        let whole = round.whole.iter().filter(|source| sources.contains(source));
        let paths = round.paths.iter().filter(|path| innermost(path).is_some());
        let looked_at: Vec<PathBuf> = whole.chain(paths).cloned().collect();
        let mut walked: Vec<PathBuf> = looked_at
            .iter()
            .filter_map(|path| innermost(path))
            .cloned()
            .collect();
        walked.sort();
        walked.dedup();
        let is_whole = |source: &PathBuf| looked_at.contains(source);
        let scope = if walked == sorted(&sources) && walked.iter().all(is_whole) {
            Scope::Everything
        } else {
            Scope::of(looked_at)
        };
        RunTarget {
            sources: walked,
            scope,
            needs_sweep,
        }
    }
}

fn sorted(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut sorted = paths.to_vec();
    sorted.sort();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_run_ends_round_and_goes_first() {
        let state = WatchState::default();
        let all = CancelToken::default();
        let (round, running) = state.begin_round(&all).unwrap();
        assert!(state.is_running() && !round.is_cancelled());
        let first = state.preempt();
        assert!(round.is_cancelled() && !all.is_cancelled());
        drop(running);
        assert!(!state.is_running() && state.begin_round(&all).is_none());
        drop(first);
        let (round, _running) = state.begin_round(&all).unwrap();
        all.cancel();
        assert!(round.is_cancelled(), "the end of the watch ends its round");
    }
}
