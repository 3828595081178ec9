use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eidetic_indexer::{Cancel, Observer, Options};
use eidetic_library::Library;

use crate::json::{IndexReport, JobAnswer, JobState};
use crate::problem::{Problem, ProblemKind};

/// Jobs that are remembered.
const KEPT: usize = 20;
/// Stands for a total that is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// Indexing jobs: at most one runs at a time, the last ones can be asked for.
#[derive(Default)]
pub(crate) struct Jobs {
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    started: u64,
    jobs: VecDeque<Arc<Job>>,
}

/// One indexing run.
pub(crate) struct Job {
    id: u64,
    cancel: Cancel,
    done: AtomicU64,
    total: AtomicU64,
    outcome: OnceLock<Outcome>,
}

enum Outcome {
    Done(IndexReport),
    Cancelled(IndexReport),
    Failed(String),
}

impl Jobs {
    /// Starts indexing `folders` on a thread of its own.
    pub(crate) fn start(&self, library: &Arc<Library>, folders: Vec<PathBuf>) -> Result<Arc<Job>, Problem> {
        let mut board = self.board();
        if let Some(running) = board.running() {
            let detail = format!(
                "job {} is indexing; wait for its end, or DELETE /v1/jobs/{0}",
                running.id
            );
            return Err(Problem::new(ProblemKind::AlreadyIndexing, detail));
        }
        let job = board.post();
        let (theirs, library) = (Arc::clone(&job), Arc::clone(library));
        let thread = std::thread::Builder::new().name("indexing".into());
        if let Err(error) = thread.spawn(move || theirs.run(&library, &folders)) {
            job.end(Outcome::Failed(format!("no thread could be started: {error}")));
        }
        Ok(job)
    }

    /// The job named `id`, unless it is forgotten.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        let id: u64 = id.parse().ok()?;
        self.board().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Asks the running job, if any, to stop.
    pub(crate) fn cancel_running(&self) {
        if let Some(job) = self.board().running() {
            job.cancel();
        }
    }

    /// Whether a job runs.
    pub(crate) fn any_running(&self) -> bool {
        self.board().running().is_some()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn running(&self) -> Option<&Arc<Job>> {
        self.jobs.iter().find(|job| job.outcome.get().is_none())
    }

    fn post(&mut self) -> Arc<Job> {
        self.started += 1;
        let job = Arc::new(Job::new(self.started));
        self.jobs.push_back(Arc::clone(&job));
        if self.jobs.len() > KEPT {
            self.jobs.pop_front();
        }
        job
    }
}

impl Job {
    fn new(id: u64) -> Self {
        Self {
            id,
            cancel: Cancel::default(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(UNKNOWN),
            outcome: OnceLock::new(),
        }
    }

    /// Asks it to stop; it ends with what is then under way committed.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Its name in addresses.
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }

    pub(crate) fn answer(&self) -> JobAnswer {
        let outcome = self.outcome.get();
        let total = self.total.load(Ordering::Relaxed);
        JobAnswer {
            job: self.id(),
            state: outcome.map_or(JobState::Running, Outcome::state),
            done: self.done.load(Ordering::Relaxed),
            total: (total != UNKNOWN).then_some(total),
            report: outcome.and_then(Outcome::report).cloned(),
            error: match outcome {
                Some(Outcome::Failed(reason)) => Some(reason.clone()),
                _ => None,
            },
        }
    }

    fn run(&self, library: &Library, folders: &[PathBuf]) {
        let _ended_in_any_case = EndOnPanic(self);
        let outcome = match library.index(folders, &Options::default(), self, &self.cancel) {
            Ok(report) if report.cancelled => Outcome::Cancelled(IndexReport::new(&report, library.space())),
            Ok(report) => Outcome::Done(IndexReport::new(&report, library.space())),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        self.end(outcome);
        // Searches are exact until the graph is there, so a graph that cannot be built makes them slow, not wrong.
        if let Err(error) = library.refresh_graph() {
            tracing::warn!("searching goes on without the graph: {error}");
        }
    }

    fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }
}

impl Observer for Job {
    fn walked(&self, files: u64) {
        self.total.store(files, Ordering::Relaxed);
    }

    fn done(&self, files: u64) {
        self.done.store(files, Ordering::Relaxed);
    }
}

/// A run that panics has failed; without this it would seem to run for ever, and no other could start.
struct EndOnPanic<'a>(&'a Job);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(Outcome::Failed(
                "the indexing run broke off; see the server's log".into(),
            ));
        }
    }
}

impl Outcome {
    fn state(&self) -> JobState {
        match self {
            Self::Done(_) => JobState::Done,
            Self::Cancelled(_) => JobState::Cancelled,
            Self::Failed(_) => JobState::Failed,
        }
    }

    fn report(&self) -> Option<&IndexReport> {
        match self {
            Self::Done(report) | Self::Cancelled(report) => Some(report),
            Self::Failed(_) => None,
        }
    }
}
