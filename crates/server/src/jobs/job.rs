//! One job: its progress, its state, and what it found.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use eidetic_catalog::now_ms;
use eidetic_indexer::{CancelToken, FileFailure, Observer, RunStage};

use super::rate::RateMeter;
use super::request::JobRequest;
use super::task::JobTask;
use crate::responses::{JobKind, JobReports, JobResponse, JobState};

/// The total of a job before it is known.
const UNKNOWN: u64 = u64::MAX;

/// One job.
pub(crate) struct Job {
    id: u64,
    request: JobRequest,
    pub(super) cancel: CancelToken,
    /// Whether a user cancelled it, rather than the end of the server.
    pub(super) unwanted: AtomicBool,
    /// Whether a response has said that it failed.
    failure_told: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    failures: AtomicU64,
    rate: Mutex<RateMeter>,
    life: Mutex<Life>,
}

/// What changes only when a job is queued, starts or ends.
struct Life {
    state: JobState,
    /// What it does, until it starts; `None` where a stored request was not prepared yet.
    task: Option<JobTask>,
    queued_ms: i64,
    started_ms: Option<i64>,
    ended_ms: Option<i64>,
    /// How often it was started, without those that ended with a server that was stopped properly.
    attempts: u32,
    reports: JobReports,
    error: Option<String>,
}

/// How a job ended.
pub(super) struct JobOutcome {
    pub(super) state: JobState,
    pub(super) reports: JobReports,
    pub(super) error: Option<String>,
}

impl Job {
    /// A job that waits.
    pub(super) fn new(id: u64, request: JobRequest, task: Option<JobTask>) -> Self {
        let life = Life {
            state: JobState::Queued,
            task,
            queued_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            attempts: 0,
            reports: JobReports::default(),
            error: None,
        };
        Self::with(id, request, life)
    }

    /// A job as it was stored. One that had not ended waits.
    pub(super) fn restored(request: JobRequest, attempts: u32, mut stored: JobResponse) -> Option<Self> {
        let has_ended = stored.state.has_ended();
        let life = Life {
            state: if has_ended { stored.state } else { JobState::Queued },
            task: None,
            queued_ms: stored.queued_ms.unwrap_or_default(),
            started_ms: stored.started_ms.filter(|_| has_ended),
            ended_ms: stored.ended_ms,
            attempts,
            reports: stored.take_reports(),
            error: stored.error.take(),
        };
        let job = Self::with(stored.job.parse().ok()?, request, life);
        if has_ended {
            job.done.store(stored.done, Ordering::Relaxed);
            job.total
                .store(stored.total.unwrap_or(UNKNOWN), Ordering::Relaxed);
            job.failures.store(stored.failures, Ordering::Relaxed);
        }
        Some(job)
    }

    fn with(id: u64, request: JobRequest, life: Life) -> Self {
        Self {
            id,
            request,
            cancel: CancelToken::default(),
            unwanted: AtomicBool::new(false),
            failure_told: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(UNKNOWN),
            failures: AtomicU64::new(0),
            rate: Mutex::default(),
            life: Mutex::new(life),
        }
    }

    /// Its id in addresses.
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }

    pub(super) const fn number(&self) -> u64 {
        self.id
    }

    pub(super) const fn kind(&self) -> JobKind {
        self.request.kind()
    }

    pub(super) const fn request(&self) -> &JobRequest {
        &self.request
    }

    pub(crate) fn state(&self) -> JobState {
        self.life().state
    }

    pub(super) fn attempts(&self) -> u32 {
        self.life().attempts
    }

    pub(super) fn is_running(&self) -> bool {
        self.state() == JobState::Running
    }

    /// Whether it waits and can be started.
    pub(super) fn is_ready(&self) -> bool {
        let life = self.life();
        life.state == JobState::Queued && life.task.is_some()
    }

    /// Gives a stored job its task.
    pub(super) fn set_task(&self, task: JobTask) {
        self.life().task = Some(task);
    }

    /// Starts it, if it waits: its task.
    pub(super) fn begin(&self) -> Option<JobTask> {
        let mut life = self.life();
        if life.state != JobState::Queued {
            return None;
        }
        let task = life.task.take()?;
        life.state = JobState::Running;
        life.started_ms = Some(now_ms());
        life.attempts += 1;
        Some(task)
    }

    pub(super) fn end(&self, outcome: JobOutcome) {
        if let Some(reason) = &outcome.error {
            tracing::warn!(job = self.id, "a job failed: {reason}");
        }
        let mut life = self.life();
        life.state = outcome.state;
        life.ended_ms = Some(now_ms());
        life.task = None;
        life.reports = outcome.reports;
        life.error = outcome.error;
    }

    /// Requests cancellation for a user: one that waits never starts, one that runs ends after committing its current batch.
    pub(super) fn cancel(&self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.cancel.cancel();
        let mut life = self.life();
        if life.state == JobState::Queued {
            life.state = JobState::Cancelled;
            life.ended_ms = Some(now_ms());
            life.task = None;
        }
    }

    /// Why it failed, for the first caller only; none where it did not fail.
    pub(crate) fn take_failure(&self) -> Option<String> {
        let error = self.life().error.clone()?;
        let was_told = self.failure_told.swap(true, Ordering::Relaxed);
        (!was_told).then_some(error)
    }

    /// Whether a user cancelled it.
    pub(super) fn is_unwanted(&self) -> bool {
        self.unwanted.load(Ordering::Relaxed)
    }

    /// What [`response`](Self::response) says once the job has ended so.
    pub(super) fn response_with(&self, outcome: &JobOutcome) -> JobResponse {
        JobResponse {
            state: outcome.state,
            ended_ms: Some(now_ms()),
            error: outcome.error.clone(),
            ..self.summary()
        }
        .with_reports(outcome.reports.clone())
    }

    /// Its progress or result.
    pub(crate) fn response(&self) -> JobResponse {
        let reports = self.life().reports.clone();
        self.summary().with_reports(reports)
    }

    /// Its progress or result, without reports.
    pub(crate) fn summary(&self) -> JobResponse {
        let done = self.done.load(Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        let total = (total != UNKNOWN).then_some(total);
        let life = self.life();
        let rate = (life.state == JobState::Running)
            .then(|| self.rate().rate(Instant::now(), done))
            .flatten();
        let left = total.map(|total| total.saturating_sub(done));
        let seconds_left = left.zip(rate).filter(|(_, rate)| *rate > 0.0);
        JobResponse {
            job: self.id(),
            kind: self.kind(),
            subject: self.request.subject(),
            state: life.state,
            done,
            total,
            failures: self.failures.load(Ordering::Relaxed),
            rate,
            seconds_left: seconds_left.map(|(left, rate)| left as f64 / rate),
            waits_for: None,
            queued_ms: Some(life.queued_ms),
            started_ms: life.started_ms,
            ended_ms: life.ended_ms,
            report: None,
            space_report: None,
            texts_report: None,
            tag_report: None,
            screen_report: None,
            calibrate_report: None,
            duplicates_report: None,
            backup_report: None,
            error: life.error.clone(),
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rate(&self) -> MutexGuard<'_, RateMeter> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobOutcome {
    pub(super) fn ended(cancelled: bool) -> Self {
        Self {
            state: if cancelled {
                JobState::Cancelled
            } else {
                JobState::Done
            },
            reports: JobReports::default(),
            error: None,
        }
    }

    pub(super) fn with(self, reports: JobReports) -> Self {
        Self { reports, ..self }
    }

    pub(super) fn failed(reason: String) -> Self {
        Self {
            state: JobState::Failed,
            error: Some(reason),
            ..Self::ended(false)
        }
    }
}

impl Observer for Job {
    fn total(&self, items: u64) {
        self.total.store(items, Ordering::Relaxed);
    }

    fn done(&self, items: u64) {
        self.done.store(items, Ordering::Relaxed);
        // Another thread is noting the same.
        if let Ok(mut rate) = self.rate.try_lock() {
            rate.record(Instant::now(), items);
        }
    }

    fn failed(&self, _failure: &FileFailure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn stage(&self, _stage: RunStage) {
        self.done(0);
    }
}
