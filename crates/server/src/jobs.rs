use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eidetic_indexer::{CancelToken, IndexerOptions, Observer, RunContext};
use eidetic_library::{Library, LibraryError, ModelRef, SpaceReport, SwitchOptions};

use crate::problem::{Problem, ProblemKind};
use crate::responses::{IndexReport, JobKind, JobResponse, JobState, SpaceReportResponse};

/// JobRegistry that are remembered.
const KEPT: usize = 20;
/// Stands for a total that is not known yet.
const UNKNOWN: u64 = u64::MAX;

/// JobRegistry: at most one that indexes and one that fills a space run at a time, the last ones can be asked for.
#[derive(Default)]
pub(crate) struct JobRegistry {
    board: Mutex<JobHistory>,
}

#[derive(Default)]
struct JobHistory {
    started: u64,
    jobs: VecDeque<Arc<Job>>,
}

/// What a job is to do.
pub(crate) enum JobTask {
    /// Index these folders; without any, those that the library has.
    Index(Vec<PathBuf>),
    /// Let this model answer.
    Switch(ModelRef, Box<SwitchOptions>),
    /// Go on with a switch that was interrupted.
    Resume,
    /// Embed what this space lacks.
    CatchUp(String),
}

/// One run.
pub(crate) struct Job {
    id: u64,
    kind: JobKind,
    cancel: CancelToken,
    done: AtomicU64,
    total: AtomicU64,
    outcome: OnceLock<Outcome>,
}

struct Outcome {
    state: JobState,
    report: Option<IndexReport>,
    space_report: Option<SpaceReportResponse>,
    error: Option<String>,
}

impl JobTask {
    const fn kind(&self) -> JobKind {
        match self {
            Self::Index(_) => JobKind::Index,
            Self::Switch(..) | Self::Resume => JobKind::Switch,
            Self::CatchUp(_) => JobKind::CatchUp,
        }
    }
}

impl JobRegistry {
    /// Starts a job on a thread of its own.
    pub(crate) fn start(&self, library: &Arc<Library>, work: JobTask) -> Result<Arc<Job>, Problem> {
        let mut board = self.board();
        let kind = work.kind();
        if let Some(running) = board.in_the_way_of(kind) {
            return Err(running.in_the_way());
        }
        let job = board.post(kind);
        let (theirs, library) = (Arc::clone(&job), Arc::clone(library));
        let thread = std::thread::Builder::new().name("job".into());
        if let Err(error) = thread.spawn(move || theirs.run(&library, work)) {
            job.end(Outcome::failed(format!("no thread could be started: {error}")));
        }
        Ok(job)
    }

    /// The job named `id`, unless it is forgotten.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        let id: u64 = id.parse().ok()?;
        self.board().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Asks all running jobs to stop.
    pub(crate) fn cancel_running(&self) {
        self.board().running().for_each(|job| job.cancel());
    }

    /// Whether a job runs.
    pub(crate) fn any_running(&self) -> bool {
        self.board().running().next().is_some()
    }

    fn board(&self) -> MutexGuard<'_, JobHistory> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobHistory {
    fn running(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.iter().filter(|job| job.outcome.get().is_none())
    }

    /// One job indexes at a time, and one fills a space.
    fn in_the_way_of(&self, kind: JobKind) -> Option<&Arc<Job>> {
        let indexes = |kind: JobKind| kind == JobKind::Index;
        self.running().find(|job| indexes(job.kind) == indexes(kind))
    }

    fn post(&mut self, kind: JobKind) -> Arc<Job> {
        self.started += 1;
        let job = Arc::new(Job::new(self.started, kind));
        self.jobs.push_back(Arc::clone(&job));
        if self.jobs.len() > KEPT
            && let Some(ended) = self.jobs.iter().position(|job| job.outcome.get().is_some())
        {
            self.jobs.remove(ended);
        }
        job
    }
}

impl Job {
    fn new(id: u64, kind: JobKind) -> Self {
        Self {
            id,
            kind,
            cancel: CancelToken::default(),
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

    pub(crate) fn answer(&self) -> JobResponse {
        let outcome = self.outcome.get();
        let total = self.total.load(Ordering::Relaxed);
        JobResponse {
            job: self.id(),
            kind: self.kind,
            state: outcome.map_or(JobState::Running, |outcome| outcome.state),
            done: self.done.load(Ordering::Relaxed),
            total: (total != UNKNOWN).then_some(total),
            report: outcome.and_then(|outcome| outcome.report.clone()),
            space_report: outcome.and_then(|outcome| outcome.space_report.clone()),
            error: outcome.and_then(|outcome| outcome.error.clone()),
        }
    }

    /// What those are told who want to start another.
    fn in_the_way(&self) -> Problem {
        let (kind, does) = match self.kind {
            JobKind::Index => (ProblemKind::AlreadyIndexing, "is indexing"),
            JobKind::Switch => (ProblemKind::AlreadySwitching, "is switching to another model"),
            JobKind::CatchUp => (
                ProblemKind::AlreadySwitching,
                "is bringing a kept model up to date",
            ),
        };
        let id = self.id;
        Problem::new(
            kind,
            format!("job {id} {does}; wait for its end, or DELETE /v1/jobs/{id}"),
        )
    }

    fn run(&self, library: &Library, work: JobTask) {
        let _ended_in_any_case = EndOnPanic(self);
        let options = IndexerOptions::default();
        let context = RunContext::new(self, &self.cancel);
        let ended = match work {
            JobTask::Index(folders) => return self.index(library, &folders),
            JobTask::Switch(model, options) => library.switch(&model, &options, &(), &context).map(Some),
            JobTask::Resume => library.resume_switch(&options, &(), &context),
            JobTask::CatchUp(space) => library.backfill_space(&space, &options, &context).map(Some),
        };
        self.end(Outcome::of_space(ended));
    }

    fn index(&self, library: &Library, folders: &[PathBuf]) {
        let outcome = match library.index(
            folders,
            &IndexerOptions::default(),
            &RunContext::new(self, &self.cancel),
        ) {
            Ok(report) => Outcome {
                report: Some(IndexReport::new(&report, &library.space())),
                ..Outcome::ended(report.cancelled)
            },
            Err(error) => Outcome::failed(error.to_string()),
        };
        self.end(outcome);
        // Searches are exact until the graph is there, so a graph that cannot be built makes them slow, not wrong.
        if let Err(error) = library.refresh_graph() {
            tracing::warn!("searching goes on without the graph: {error}");
        }
    }

    fn end(&self, outcome: Outcome) {
        if let Some(reason) = &outcome.error {
            tracing::warn!(job = self.id, "a job failed: {reason}");
        }
        let _ = self.outcome.set(outcome);
    }
}

impl Observer for Job {
    fn total(&self, files: u64) {
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
            self.0
                .end(Outcome::failed("the job broke off; see the server's log".into()));
        }
    }
}

impl Outcome {
    const fn ended(cancelled: bool) -> Self {
        Self {
            state: if cancelled {
                JobState::Cancelled
            } else {
                JobState::Done
            },
            report: None,
            space_report: None,
            error: None,
        }
    }

    fn failed(reason: String) -> Self {
        Self {
            state: JobState::Failed,
            error: Some(reason),
            ..Self::ended(false)
        }
    }

    fn of_space(ended: Result<Option<SpaceReport>, LibraryError>) -> Self {
        match ended {
            Err(error) => Self::failed(error.to_string()),
            Ok(report) => Self {
                space_report: report.as_ref().map(SpaceReportResponse::from),
                ..Self::ended(report.is_some_and(|report| report.cancelled))
            },
        }
    }
}
