//! Jobs: long operations that run on threads of their own.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eidetic_confidence::profile::NamedProfile;
use eidetic_indexer::{Background, CancelToken, IndexerOptions, Observer, RunContext, RunStage};
use eidetic_library::{
    CalibrationMode, Library, LibraryError, ModelRef, NewSources, ScreeningOptions, ScreeningReport, Space,
    SpaceReport, SwitchOptions, TagOptions, TextFormat, TextReader, TextsReport,
};

use crate::params::{CheckedCalibrate, CheckedIndex};
use crate::problem::{Problem, ProblemKind};
use crate::report::CalibrationReport;
use crate::responses::{
    CalibrateResponse, CalibrationSummary, FailedPairImage, IndexReport, JobKind, JobResponse, JobState,
    ProfileThresholds, ScreenResponse, SpaceReportResponse, TagReportResponse, TextsReportResponse,
};
use crate::yielding::Yielding;

/// Number of jobs that are kept.
const MAX_KEPT: usize = 20;
/// The total of a job before it is known.
const UNKNOWN: u64 = u64::MAX;

/// The running jobs and the last ones that ended. At most one job indexes and one fills a space at a time; of those that add
/// texts, tag, screen and calibrate at most one of each kind runs.
pub(crate) struct JobRegistry {
    history: Mutex<JobHistory>,
    /// Makes indexing yield to searches.
    yielding: Arc<Yielding>,
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
    /// Tags all images.
    Tag(TagOptions),
    /// Compares all images with the patterns of a profile.
    Screen(Box<NamedProfile>, ScreeningOptions),
    /// Fits confidences to labeled pairs.
    Calibrate(CheckedCalibrate),
    /// Computes the places of a space's images on its map.
    Map(Arc<Space>),
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
    /// Whether a response has said that it failed.
    failure_told: AtomicBool,
}

struct JobOutcome {
    state: JobState,
    reports: JobReports,
    error: Option<String>,
}

/// What a job found: one of these, by its kind.
#[derive(Default, Clone)]
struct JobReports {
    index: Option<IndexReport>,
    space: Option<SpaceReportResponse>,
    texts: Option<TextsReportResponse>,
    tag: Option<TagReportResponse>,
    screen: Option<ScreenResponse>,
    calibrate: Option<CalibrateResponse>,
}

impl JobTask {
    const fn kind(&self) -> JobKind {
        match self {
            Self::Index(_) => JobKind::Index,
            Self::Switch(..) | Self::ResumeSwitch => JobKind::Switch,
            Self::Backfill(_) => JobKind::Backfill,
            Self::Texts(_) => JobKind::Texts,
            Self::Tag(_) => JobKind::Tag,
            Self::Screen(..) => JobKind::Screen,
            Self::Calibrate(_) => JobKind::Calibrate,
            Self::Map(_) => JobKind::Map,
        }
    }
}

impl JobRegistry {
    /// No jobs yet.
    pub(crate) fn new(yielding: Arc<Yielding>) -> Self {
        Self {
            history: Mutex::default(),
            yielding,
        }
    }

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
        let yielding = Arc::clone(&self.yielding);
        if let Err(error) = thread.spawn(move || spawned.run(&library, task, &yielding)) {
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

    /// The last job of this kind, if it is still kept.
    pub(crate) fn last_of(&self, kind: JobKind) -> Option<Arc<Job>> {
        let history = self.history();
        history.jobs.iter().rev().find(|job| job.kind == kind).cloned()
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

    /// One job of a kind runs at a time; switching and backfilling are one kind, since both fill a space.
    fn conflicting_with(&self, kind: JobKind) -> Option<&Arc<Job>> {
        let lane = |kind: JobKind| match kind {
            JobKind::Backfill => JobKind::Switch,
            other => other,
        };
        self.running().find(|job| lane(job.kind) == lane(kind))
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
            failure_told: AtomicBool::new(false),
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

    /// Whether it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.outcome.get().is_none()
    }

    /// Why it failed, for the first caller only; none where it did not fail.
    pub(crate) fn take_failure(&self) -> Option<String> {
        let error = self.outcome.get()?.error.clone()?;
        let was_told = self.failure_told.swap(true, Ordering::Relaxed);
        (!was_told).then_some(error)
    }

    /// Its progress or result.
    pub(crate) fn response(&self) -> JobResponse {
        let outcome = self.outcome.get();
        let total = self.total.load(Ordering::Relaxed);
        let reports = outcome.map(|outcome| outcome.reports.clone()).unwrap_or_default();
        JobResponse {
            job: self.id(),
            kind: self.kind,
            state: outcome.map_or(JobState::Running, |outcome| outcome.state),
            done: self.done.load(Ordering::Relaxed),
            total: (total != UNKNOWN).then_some(total),
            report: reports.index,
            space_report: reports.space,
            tag_report: reports.tag,
            texts_report: reports.texts,
            screen_report: reports.screen,
            calibrate_report: reports.calibrate,
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
            JobKind::Tag => (ProblemKind::AlreadyRunning, "is tagging"),
            JobKind::Screen => (ProblemKind::AlreadyRunning, "is screening"),
            JobKind::Calibrate => (ProblemKind::AlreadyRunning, "is calibrating"),
            JobKind::Map => (ProblemKind::AlreadyRunning, "is computing the map"),
        };
        let id = self.id;
        Problem::new(
            kind,
            format!("job {id} {does}; wait for it to end, or cancel it with DELETE /v1/jobs/{id}"),
        )
    }

    fn run(&self, library: &Library, task: JobTask, yielding: &Yielding) {
        let _fail_on_panic = FailOnPanic(self);
        let options = yielding.indexing();
        let context = RunContext::new(self, &self.cancel);
        let result = match task {
            JobTask::Index(request) => return self.index(library, request, options),
            JobTask::Switch(model, options) => library.switch(&model, &options, &(), &context).map(Some),
            JobTask::ResumeSwitch => library.resume_switch(&options, &(), &context),
            JobTask::Texts(upload) => return self.end(JobOutcome::of_texts(upload.add(library, &context))),
            JobTask::Backfill(space) => library.backfill_space(&space, &options, &context).map(Some),
            JobTask::Tag(options) => return self.end(JobOutcome::from(self.tag(library, &options))),
            JobTask::Map(space) => {
                let background = yielding.background();
                return self.end(JobOutcome::from(self.map(&space, background.as_deref())));
            }
            JobTask::Screen(profile, options) => {
                return self.end(JobOutcome::from(self.screen(library, &profile, &options)));
            }
            JobTask::Calibrate(request) => {
                return self.end(JobOutcome::from(self.calibrate(library, &request)));
            }
        };
        self.end(JobOutcome::of_space(result));
    }

    fn tag(&self, library: &Library, options: &TagOptions) -> Result<JobOutcome, LibraryError> {
        let report = library
            .active()
            .tag(options, &RunContext::new(self, &self.cancel))?;
        let cancelled = report.cancelled;
        let reports = JobReports {
            tag: Some(report.into()),
            ..JobReports::default()
        };
        Ok(JobOutcome::ended(cancelled).with(reports))
    }

    /// Computes on the threads of the background, and pauses while there are requests.
    fn map(&self, space: &Space, background: Option<&Background>) -> Result<JobOutcome, LibraryError> {
        let observer = Pausing {
            job: self,
            background,
        };
        let update = || space.update_map(&RunContext::new(&observer, &self.cancel));
        let layout = match background {
            Some(background) => background.run(update)?,
            None => update()?,
        };
        Ok(JobOutcome::ended(layout.is_none()))
    }

    fn screen(
        &self,
        library: &Library,
        profile: &NamedProfile,
        options: &ScreeningOptions,
    ) -> Result<JobOutcome, LibraryError> {
        let space = library.active();
        let mut images = Vec::new();
        let context = RunContext::new(self, &self.cancel);
        let report = library.screen(&space, profile, options, &context, &mut |screened| {
            images.push(screened);
        })?;
        ScreeningReport::sort(&mut images, profile);
        let cancelled = report.cancelled;
        let response = ScreenResponse::new(space.id().to_string(), profile.name.clone(), report, images);
        let reports = JobReports {
            screen: Some(response),
            ..JobReports::default()
        };
        Ok(JobOutcome::ended(cancelled).with(reports))
    }

    fn calibrate(&self, library: &Library, request: &CheckedCalibrate) -> Result<JobOutcome, LibraryError> {
        let space = library.active();
        let scored = space.score_pairs(&request.scope, &request.pairs, self)?;
        if self.cancel.is_cancelled() {
            return Ok(JobOutcome::ended(true));
        }
        let made = space.calibrate(&request.scope, &scored, request.mode)?;
        let report = if request.report {
            let report = CalibrationReport {
                space: space.id().to_string(),
                calibrations: vec![&made],
                events: &space.calibration_history()?.events,
                quality: &library.answer_quality()?,
                image: &|image, path| library.calibration_image(image, path),
            };
            Some(report.html())
        } else {
            None
        };
        let reports = JobReports {
            calibrate: Some(CalibrateResponse {
                stored: request.mode == CalibrationMode::Store,
                profiles: ProfileThresholds::all(&request.profiles, &made),
                calibration: CalibrationSummary::from(&made),
                failed: scored.failed.iter().map(FailedPairImage::from).collect(),
                report,
            }),
            ..JobReports::default()
        };
        Ok(JobOutcome::ended(false).with(reports))
    }

    fn index(&self, library: &Library, request: CheckedIndex, options: IndexerOptions) {
        let context = RunContext::new(self, &self.cancel);
        let options = IndexerOptions {
            reading: request.reading,
            accepted: request.accept_removals,
            ..options
        };
        let new_sources = NewSources::Withdraw(&self.unwanted);
        let indexed = library.index_with(&request.folders, &options, new_sources, &context);
        let outcome = match indexed {
            Ok(report) => JobOutcome::ended(report.cancelled).with(JobReports {
                index: Some(IndexReport::new(&report, library.active().id())),
                ..JobReports::default()
            }),
            Err(error) => JobOutcome::failed(error.to_string()),
        };
        self.end(outcome);
        // Without the graph, searches scan all vectors: slower, but with the same results.
        if let Err(error) = library.active().refresh_graph(&RunContext::default()) {
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

    fn stage(&self, _stage: RunStage) {
        self.done.store(0, Ordering::Relaxed);
    }
}

/// Pauses a job after each step while there are requests.
struct Pausing<'a> {
    job: &'a Job,
    background: Option<&'a Background>,
}

impl Observer for Pausing<'_> {
    fn total(&self, items: u64) {
        self.job.total(items);
    }

    fn done(&self, items: u64) {
        self.job.done(items);
        if let Some(background) = self.background {
            background.pause(&self.job.cancel);
        }
    }

    fn stage(&self, stage: RunStage) {
        self.job.stage(stage);
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
    fn ended(cancelled: bool) -> Self {
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

    fn with(self, reports: JobReports) -> Self {
        Self { reports, ..self }
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
            Ok(report) => Self::ended(report.cancelled).with(JobReports {
                texts: Some(TextsReportResponse::from(&report)),
                ..JobReports::default()
            }),
        }
    }

    fn of_space(result: Result<Option<SpaceReport>, LibraryError>) -> Self {
        match result {
            Err(error) => Self::failed(error.to_string()),
            Ok(report) => {
                let reports = JobReports {
                    space: report.as_ref().map(SpaceReportResponse::from),
                    ..JobReports::default()
                };
                Self::ended(report.is_some_and(|report| report.cancelled)).with(reports)
            }
        }
    }
}

impl From<Result<Self, LibraryError>> for JobOutcome {
    fn from(result: Result<Self, LibraryError>) -> Self {
        result.unwrap_or_else(|error| Self::failed(error.to_string()))
    }
}
