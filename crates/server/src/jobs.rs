//! Jobs: long operations that run on threads of their own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eidetic_indexer::{CancelToken, IndexerOptions, Observer, RunContext};
use eidetic_library::{
    Library, LibraryError, ModelRef, NewSources, SpaceReport, SwitchOptions, TextFormat, TextReader,
    TextsReport,
};

use crate::params::CheckedIndex;
use crate::problem::{Problem, ProblemKind};
use crate::responses::{
    IndexReport, JobKind, JobResponse, JobState, SpaceReportResponse, TextsReportResponse,
};

/// Number of jobs that are kept.
const MAX_KEPT: usize = 20;
/// The total of a job before it is known.
const UNKNOWN: u64 = u64::MAX;

/// The running jobs and the last ones that ended. At most one job indexes, one fills a space and one adds texts at a time.
#[derive(Default)]
pub(crate) struct JobRegistry {
    history: Mutex<JobHistory>,
}

#[derive(Default)]
struct JobHistory {
    /// Number of jobs started so far, which is the id of the last one.
    started: u64,
    jobs: VecDeque<Arc<Job>>,
}

/// What a job does.
pub(crate) enum JobTask {
    /// Indexes folders; without any, the library's sources.
    Index(CheckedIndex),
    /// Switches to this model.
    Switch(ModelRef, Box<SwitchOptions>),
    /// Resumes an interrupted switch.
    ResumeSwitch,
    /// Embeds the images that are missing in this space.
    Backfill(String),
    /// Makes a set of these texts.
    Texts(TextsUpload),
}

/// The texts of a set, as they were sent.
pub(crate) struct TextsUpload {
    pub(crate) set: String,
    /// `None`: its first line tells.
    pub(crate) format: Option<TextFormat>,
    pub(crate) file: File,
}

impl TextsUpload {
    /// Adds the texts to the library.
    pub(crate) fn add(
        self,
        library: &Library,
        context: &RunContext<'_>,
    ) -> Result<TextsReport, LibraryError> {
        let texts = TextReader::new(BufReader::with_capacity(1 << 18, self.file), self.format)?;
        library.add_texts(&self.set, texts, context)
    }
}

/// One job.
pub(crate) struct Job {
    id: u64,
    kind: JobKind,
    cancel: CancelToken,
    /// Whether a user cancelled it, rather than the end of the server.
    unwanted: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    /// Set when the job ends.
    outcome: OnceLock<JobOutcome>,
}

struct JobOutcome {
    state: JobState,
    report: Option<IndexReport>,
    space_report: Option<SpaceReportResponse>,
    texts_report: Option<TextsReportResponse>,
    error: Option<String>,
}

impl JobTask {
    const fn kind(&self) -> JobKind {
        match self {
            Self::Index(_) => JobKind::Index,
            Self::Switch(..) | Self::ResumeSwitch => JobKind::Switch,
            Self::Backfill(_) => JobKind::Backfill,
            Self::Texts(_) => JobKind::Texts,
        }
    }
}

impl JobRegistry {
    /// Starts a job on a thread of its own, unless a conflicting one runs.
    pub(crate) fn start(&self, library: &Arc<Library>, task: JobTask) -> Result<Arc<Job>, Problem> {
        let mut history = self.history();
        let kind = task.kind();
        if let Some(running) = history.conflicting_with(kind) {
            return Err(running.conflict());
        }
        let job = history.add(kind);
        let (spawned, library) = (Arc::clone(&job), Arc::clone(library));
        let thread = std::thread::Builder::new().name("job".into());
        if let Err(error) = thread.spawn(move || spawned.run(&library, task)) {
            job.end(JobOutcome::failed(format!("cannot start a thread: {error}")));
        }
        Ok(job)
    }

    /// Errors: a job of this kind cannot run now.
    pub(crate) fn require_free(&self, kind: JobKind) -> Result<(), Problem> {
        match self.history().conflicting_with(kind) {
            Some(running) => Err(running.conflict()),
            None => Ok(()),
        }
    }

    /// The job with this id, if it is still kept.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        let id: u64 = id.parse().ok()?;
        self.history().jobs.iter().find(|job| job.id == id).cloned()
    }

    /// Stops all running jobs for the end of the server; what they did stays.
    pub(crate) fn stop_running(&self) {
        self.history().running().for_each(|job| job.cancel.cancel());
    }

    /// Whether a job runs.
    pub(crate) fn any_running(&self) -> bool {
        self.history().running().next().is_some()
    }

    fn history(&self) -> MutexGuard<'_, JobHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobHistory {
    fn running(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.iter().filter(|job| job.outcome.get().is_none())
    }

    /// One job indexes at a time, one fills a space, and one adds texts.
    fn conflicting_with(&self, kind: JobKind) -> Option<&Arc<Job>> {
        let group = |kind: JobKind| match kind {
            JobKind::Index => 0,
            JobKind::Switch | JobKind::Backfill => 1,
            JobKind::Texts => 2,
        };
        self.running().find(|job| group(job.kind) == group(kind))
    }

    /// Adds a job; the oldest one that has ended is forgotten where there are too many.
    fn add(&mut self, kind: JobKind) -> Arc<Job> {
        self.started += 1;
        let job = Arc::new(Job::new(self.started, kind));
        self.jobs.push_back(Arc::clone(&job));
        if self.jobs.len() > MAX_KEPT
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
            unwanted: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(UNKNOWN),
            outcome: OnceLock::new(),
        }
    }

    /// Requests cancellation for a user; the job ends after committing its current batch.
    pub(crate) fn cancel(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }

    /// Its id in addresses.
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }

    /// Its progress or result.
    pub(crate) fn response(&self) -> JobResponse {
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
            texts_report: outcome.and_then(|outcome| outcome.texts_report.clone()),
            error: outcome.and_then(|outcome| outcome.error.clone()),
        }
    }

    /// The problem of a request that would start a job beside this one.
    fn conflict(&self) -> Problem {
        let (kind, does) = match self.kind {
            JobKind::Index => (ProblemKind::AlreadyIndexing, "is indexing"),
            JobKind::Switch => (ProblemKind::AlreadySwitching, "is switching to another model"),
            JobKind::Backfill => (ProblemKind::AlreadySwitching, "is backfilling a space"),
            JobKind::Texts => (ProblemKind::TextsBusy, "is adding texts"),
        };
        let id = self.id;
        Problem::new(
            kind,
            format!("job {id} {does}; wait for it to end, or cancel it with DELETE /v1/jobs/{id}"),
        )
    }

    fn run(&self, library: &Library, task: JobTask) {
        let _fail_on_panic = FailOnPanic(self);
        let options = IndexerOptions::default();
        let context = RunContext::new(self, &self.cancel);
        let result = match task {
            JobTask::Index(request) => return self.index(library, request),
            JobTask::Switch(model, options) => library.switch(&model, &options, &(), &context).map(Some),
            JobTask::ResumeSwitch => library.resume_switch(&options, &(), &context),
            JobTask::Texts(upload) => return self.end(JobOutcome::of_texts(upload.add(library, &context))),
            JobTask::Backfill(space) => library.backfill_space(&space, &options, &context).map(Some),
        };
        self.end(JobOutcome::of_space(result));
    }

    fn index(&self, library: &Library, request: CheckedIndex) {
        let context = RunContext::new(self, &self.cancel);
        let options = IndexerOptions {
            reading: request.reading,
            accepted: request.accept_removals,
            ..IndexerOptions::default()
        };
        let new_sources = NewSources::Withdraw(&self.unwanted);
        let indexed = library.index_with(&request.folders, &options, new_sources, &context);
        let outcome = match indexed {
            Ok(report) => JobOutcome {
                report: Some(IndexReport::new(&report, library.active().id())),
                ..JobOutcome::ended(report.cancelled)
            },
            Err(error) => JobOutcome::failed(error.to_string()),
        };
        self.end(outcome);
        // Without the graph, searches scan all vectors: slower, but with the same results.
        if let Err(error) = library.active().refresh_graph() {
            tracing::warn!("searching without the graph: {error}");
        }
    }

    fn end(&self, outcome: JobOutcome) {
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

/// Fails a job that panics. Otherwise it would seem to run forever, and no other could start.
struct FailOnPanic<'a>(&'a Job);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end(JobOutcome::failed(
                "the job panicked; see the server's log".into(),
            ));
        }
    }
}

impl JobOutcome {
    const fn ended(cancelled: bool) -> Self {
        Self {
            state: if cancelled {
                JobState::Cancelled
            } else {
                JobState::Done
            },
            report: None,
            space_report: None,
            texts_report: None,
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

    fn of_texts(result: Result<TextsReport, LibraryError>) -> Self {
        match result {
            Err(error) => Self::failed(error.to_string()),
            Ok(report) => Self {
                texts_report: Some(TextsReportResponse::from(&report)),
                ..Self::ended(report.cancelled)
            },
        }
    }

    fn of_space(result: Result<Option<SpaceReport>, LibraryError>) -> Self {
        match result {
            Err(error) => Self::failed(error.to_string()),
            Ok(report) => Self {
                space_report: report.as_ref().map(SpaceReportResponse::from),
                ..Self::ended(report.is_some_and(|report| report.cancelled))
            },
        }
    }
}
