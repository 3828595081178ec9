//! The queue of jobs.

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eidetic_indexer::RunContext;
use eidetic_library::Library;

use super::job::{Job, JobOutcome};
use super::request::JobRequest;
use super::run::{RunResources, run};
use super::store::JobStore;
use super::task::JobTask;
use crate::problem::{Problem, ProblemKind};
use crate::responses::{JobKind, JobResponse, JobState, JobsResponse};
use crate::yielding::Yielding;

/// Number of jobs that have ended and are kept.
const MAX_KEPT: usize = 20;
/// Most jobs that wait.
const MAX_WAITING: usize = 100;
/// How often a job is begun that ends with its server: it may be what ends it.
const MAX_ATTEMPTS: u32 = 3;

/// Jobs that wait, run, and the last ones that ended. Jobs of one lane ([`JobKind::lane`]) run one after another, those of several side by
/// side.
pub(crate) struct JobQueue {
    library: Arc<Library>,
    /// Makes indexing yield to searches.
    yielding: Arc<Yielding>,
    store: JobStore,
    /// By id, the oldest first.
    jobs: Mutex<VecDeque<Arc<Job>>>,
    /// Set at the end of the server: no job starts any more.
    stopping: AtomicBool,
}

impl JobQueue {
    /// With the jobs that an earlier server left; [`resume`](Self::resume) starts those that had not ended.
    pub(crate) fn new(library: Arc<Library>, yielding: Arc<Yielding>) -> Self {
        let store = JobStore::of_library(library.directory());
        let jobs = store.read().into_iter().map(Arc::new).collect();
        Self {
            library,
            yielding,
            store,
            jobs: Mutex::new(jobs),
            stopping: AtomicBool::new(false),
        }
    }

    /// Goes on with the jobs that an earlier server left, and with a switch that another process left.
    pub(crate) fn resume(self: &Arc<Self>, prepare: impl Fn(&JobRequest) -> Result<JobTask, Problem>) {
        if self.library.require_writable().is_err() {
            return;
        }
        let waiting: Vec<Arc<Job>> = self
            .jobs()
            .iter()
            .filter(|job| !job.state().has_ended())
            .cloned()
            .collect();
        for job in &waiting {
            let prepared = if job.attempts() < MAX_ATTEMPTS {
                prepare(job.request()).map_err(|problem| problem.to_string())
            } else {
                Err(format!(
                    "the server ended {MAX_ATTEMPTS} times while it ran; request it again to try once more"
                ))
            };
            match prepared {
                Ok(task) => {
                    tracing::info!(job = job.number(), "resuming a job");
                    job.set_task(task);
                }
                Err(reason) => {
                    job.end(JobOutcome::failed(reason));
                    self.store.write(job);
                }
            }
        }
        match self.library.planned_switch() {
            Ok(None) => {}
            Ok(Some(_)) if waiting.iter().any(|job| job.kind() == JobKind::Switch) => {}
            Ok(Some(switch)) => {
                tracing::info!(model = switch.model, "resuming the switch to another model");
                // The job itself reports what fails.
                let _job = self.add(JobRequest::ResumeSwitch, JobTask::ResumeSwitch, None);
            }
            Err(error) => tracing::warn!("cannot read whether a switch was interrupted: {error}"),
        }
        self.start_next();
    }

    /// Adds a job, which starts as soon as its lane is free. Where an equal one waits already, returns that one.
    ///
    /// Errors: too many jobs wait, or the upload cannot be stored.
    pub(crate) fn add(
        self: &Arc<Self>,
        request: JobRequest,
        task: JobTask,
        upload: Option<File>,
    ) -> Result<Arc<Job>, Problem> {
        let Some(mut upload) = upload else {
            let job = self.enqueue(request, Some(task))?;
            self.store_job(&job);
            self.start_next();
            return Ok(job);
        };
        let job = self.enqueue(request, None)?;
        if let Err(error) = self.store.keep_upload(&job, &mut upload) {
            job.end(JobOutcome::failed(format!(
                "the upload cannot be stored: {error}"
            )));
            self.store.remove(&job);
            return Err(Problem::internal(
                "the upload cannot be stored; is the disk full?",
            ));
        }
        job.set_task(task);
        self.store.write(&job);
        self.start_next();
        Ok(job)
    }

    /// A new job that waits, or one that waits for the same; without a task it waits for one.
    fn enqueue(&self, request: JobRequest, task: Option<JobTask>) -> Result<Arc<Job>, Problem> {
        let mut jobs = self.jobs();
        let waiting: Vec<&Arc<Job>> = jobs.iter().filter(|job| job.is_ready()).collect();
        if task.is_some()
            && let Some(same) = waiting.iter().find(|job| *job.request() == request)
        {
            return Ok(Arc::clone(same));
        }
        if waiting.len() >= MAX_WAITING {
            return Err(Problem::new(
                ProblemKind::Overloaded,
                format!("{MAX_WAITING} jobs are waiting; cancel some of them with DELETE /v1/jobs/{{id}}"),
            ));
        }
        let id = jobs.back().map_or(0, |last| last.number()) + 1;
        let job = Arc::new(Job::new(id, request, task));
        jobs.push_back(Arc::clone(&job));
        Ok(job)
    }

    /// Starts the jobs whose lanes are free.
    fn start_next(self: &Arc<Self>) {
        let jobs = self.jobs();
        if self.stopping.load(Ordering::Relaxed) {
            return;
        }
        let mut busy: Vec<JobKind> = running(&jobs).map(|job| job.kind().lane()).collect();
        for job in jobs.iter().filter(|job| job.is_ready()) {
            let lane = job.kind().lane();
            if busy.contains(&lane) {
                continue;
            }
            busy.push(lane);
            let Some(task) = job.begin() else { continue };
            let (queue, started) = (Arc::clone(self), Arc::clone(job));
            let thread = std::thread::Builder::new().name("job".into());
            if let Err(error) = thread.spawn(move || queue.run(&started, task)) {
                job.end(JobOutcome::failed(format!("cannot start a thread: {error}")));
            }
        }
    }

    fn run(self: &Arc<Self>, job: &Job, task: JobTask) {
        self.store_job(job);
        let changes_graph = matches!(task, JobTask::Index(_));
        let resources = RunResources {
            library: &self.library,
            options: self.yielding.indexing(),
            store: &self.store,
        };
        // Otherwise the job would seem to run forever, and no other of its lane could start.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(task, job, resources)))
            .unwrap_or_else(|_| JobOutcome::failed("the job panicked; see the server's log".into()));
        // First on disk: what a client has seen to end does not run again.
        if self.library.require_writable().is_ok() {
            self.store.write_outcome(job, &outcome);
        }
        job.end(outcome);
        self.forget_old();
        self.start_next();
        if changes_graph {
            // Without the graph, searches scan all vectors: slower, but with the same results.
            if let Err(error) = self.library.active().refresh_graph(&RunContext::default()) {
                tracing::warn!("searching without the graph: {error}");
            }
        }
    }

    /// Forgets the oldest jobs that have ended, where there are too many.
    fn forget_old(&self) {
        let mut jobs = self.jobs();
        let ended: Vec<u64> = jobs
            .iter()
            .filter(|job| job.state().has_ended())
            .map(|job| job.number())
            .collect();
        let Some(last) = ended.len().checked_sub(MAX_KEPT + 1).map(|at| ended[at]) else {
            return;
        };
        let is_old = |job: &Job| job.state().has_ended() && job.number() <= last;
        jobs.iter()
            .filter(|job| is_old(job))
            .for_each(|job| self.store.remove(job));
        jobs.retain(|job| !is_old(job));
    }

    /// The job with this id, if it is still kept.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Job>> {
        let id: u64 = id.parse().ok()?;
        self.jobs().iter().find(|job| job.number() == id).cloned()
    }

    /// The last job of this kind, if it is still kept.
    pub(crate) fn last_of(&self, kind: JobKind) -> Option<Arc<Job>> {
        self.jobs().iter().rev().find(|job| job.kind() == kind).cloned()
    }

    /// Stores a job where the library can be written; elsewhere only the map is computed, which is derived.
    fn store_job(&self, job: &Job) {
        if self.library.require_writable().is_ok() {
            self.store.write(job);
        }
    }

    /// The progress or result of a job.
    pub(crate) fn response(&self, job: &Job) -> JobResponse {
        JobResponse {
            waits_for: self.waits_for(job),
            ..job.response()
        }
    }

    /// All jobs, the newest first, without their reports.
    pub(crate) fn list(&self) -> JobsResponse {
        let jobs: Vec<Arc<Job>> = self.jobs().iter().rev().cloned().collect();
        let summary = |job: &Arc<Job>| JobResponse {
            waits_for: self.waits_for(job),
            ..job.summary()
        };
        JobsResponse {
            jobs: jobs.iter().map(summary).collect(),
        }
    }

    /// The job that has to end before this one starts.
    fn waits_for(&self, job: &Job) -> Option<String> {
        if job.state() != JobState::Queued {
            return None;
        }
        let jobs = self.jobs();
        let lane = job.kind().lane();
        let before = jobs.iter().rev().find(|other| {
            other.number() < job.number() && other.kind().lane() == lane && !other.state().has_ended()
        });
        before.map(|other| other.id())
    }

    /// Cancels a job for a user.
    pub(crate) fn cancel(&self, job: &Job) {
        if job.state().has_ended() {
            return;
        }
        job.cancel();
        if job.state().has_ended() {
            self.store.write(job);
            self.forget_old();
        }
    }

    /// Whether another job of its lane waits or runs.
    pub(crate) fn is_busy(&self, kind: JobKind) -> bool {
        self.jobs()
            .iter()
            .any(|job| job.kind().lane() == kind.lane() && !job.state().has_ended())
    }

    /// Stops all running jobs for the end of the server, and starts no others. What they did stays, and the next server goes
    /// on with them.
    pub(crate) fn stop(&self) {
        let jobs = self.jobs();
        self.stopping.store(true, Ordering::Relaxed);
        running(&jobs).for_each(|job| job.cancel.cancel());
    }

    /// Whether the server ends.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether a job runs.
    pub(crate) fn any_running(&self) -> bool {
        running(&self.jobs()).next().is_some()
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(jobs: &VecDeque<Arc<Job>>) -> impl Iterator<Item = &Arc<Job>> {
    jobs.iter().filter(|job| job.is_running())
}
