//! Does what jobs are for.

use std::io::BufReader;

use eidetic_confidence::profile::NamedProfile;
use eidetic_indexer::{Background, IndexerOptions, Observer, RunContext, RunStage};
use eidetic_library::{
    CalibrationMode, DuplicateOptions, Library, LibraryError, NewSources, Owner, ScreeningOptions,
    ScreeningReport, SpaceReport, TagOptions, TextReader,
};

use super::job::{Job, JobOutcome};
use super::request::TextsParams;
use super::store::JobStore;
use super::task::JobTask;
use crate::params::{CheckedBackup, CheckedCalibrate, CheckedIndex};
use crate::report::CalibrationReport;
use crate::responses::{
    CalibrateResponse, CalibrationSummary, FailedPairImage, IndexReport, JobReports, ProfileThresholds,
    ScreenResponse, SpaceReportResponse, TextsReportResponse,
};

/// What jobs work with.
pub(super) struct RunResources<'a> {
    pub(super) library: &'a Library,
    /// How images are indexed.
    pub(super) options: IndexerOptions,
    pub(super) store: &'a JobStore,
}

/// Does the work of a task, with its progress shown in `job`.
pub(super) fn run(task: JobTask, job: &Job, resources: RunResources<'_>) -> JobOutcome {
    let RunResources {
        library,
        options,
        store,
    } = resources;
    let context = RunContext::new(job, &job.cancel);
    let outcome = match task {
        JobTask::Index(request) => index(library, job, request, options),
        JobTask::Switch(model, options) => library
            .switch(&model, &options, &(), &context)
            .map(|report| of_space(Some(&report))),
        JobTask::ResumeSwitch => library
            .resume_switch(&options, &(), &context)
            .map(|report| of_space(report.as_ref())),
        JobTask::Backfill(space) => library
            .backfill_space(&space, &options, &context)
            .map(|report| of_space(Some(&report))),
        JobTask::Texts(params) => texts(library, job, &params, store),
        JobTask::Tag(options) => tag(library, job, &options),
        JobTask::Screen(profile, options) => screen(library, job, &profile, &options),
        JobTask::Calibrate(request) => calibrate(library, job, &request),
        JobTask::Duplicates(options) => duplicates(library, job, &options),
        JobTask::Backup(request) => backup(library, job, &request),
        JobTask::Map => map(library, job, options.background.as_deref()),
    };
    outcome.unwrap_or_else(|error| JobOutcome::failed(error.to_string()))
}

fn index(
    library: &Library,
    job: &Job,
    request: CheckedIndex,
    options: IndexerOptions,
) -> Result<JobOutcome, LibraryError> {
    let options = IndexerOptions {
        reading: request.reading,
        accepted: request.accept_removals,
        ..options
    };
    let new_sources = NewSources::Withdraw(&job.unwanted);
    let context = RunContext::new(job, &job.cancel);
    let report = library.index_with(&request.folders, &options, new_sources, &context)?;
    Ok(JobOutcome::ended(report.cancelled).with(JobReports {
        index: Some(IndexReport::new(&report, library.active().id())),
        ..JobReports::default()
    }))
}

fn of_space(report: Option<&SpaceReport>) -> JobOutcome {
    let reports = JobReports {
        space: report.map(SpaceReportResponse::from),
        ..JobReports::default()
    };
    JobOutcome::ended(report.is_some_and(|report| report.cancelled)).with(reports)
}

fn texts(
    library: &Library,
    job: &Job,
    params: &TextsParams,
    store: &JobStore,
) -> Result<JobOutcome, LibraryError> {
    let file = match store.open_upload(job) {
        Ok(file) => file,
        Err(error) => return Ok(JobOutcome::failed(format!("the upload cannot be read: {error}"))),
    };
    let texts = TextReader::new(BufReader::with_capacity(1 << 18, file), params.format)?;
    let report = library.add_texts(&params.set, texts, &RunContext::new(job, &job.cancel))?;
    Ok(JobOutcome::ended(report.cancelled).with(JobReports {
        texts: Some(TextsReportResponse::from(&report)),
        ..JobReports::default()
    }))
}

fn tag(library: &Library, job: &Job, options: &TagOptions) -> Result<JobOutcome, LibraryError> {
    let context = RunContext::new(job, &job.cancel);
    let report = library.active().tag(options, &context)?;
    let cancelled = report.cancelled;
    Ok(JobOutcome::ended(cancelled).with(JobReports {
        tag: Some(report.into()),
        ..JobReports::default()
    }))
}

fn screen(
    library: &Library,
    job: &Job,
    profile: &NamedProfile,
    options: &ScreeningOptions,
) -> Result<JobOutcome, LibraryError> {
    let space = library.active();
    let mut images = Vec::new();
    let context = RunContext::new(job, &job.cancel);
    let report = library.screen(&space, profile, options, &context, &mut |screened| {
        images.push(screened);
    })?;
    ScreeningReport::sort(&mut images, profile);
    let cancelled = report.cancelled;
    let response = ScreenResponse::new(space.id().to_string(), profile.name.clone(), report, images);
    Ok(JobOutcome::ended(cancelled).with(JobReports {
        screen: Some(response),
        ..JobReports::default()
    }))
}

fn calibrate(library: &Library, job: &Job, request: &CheckedCalibrate) -> Result<JobOutcome, LibraryError> {
    let space = library.active();
    let scored = space.score_pairs(&request.scope, &request.pairs, job)?;
    if job.cancel.is_cancelled() {
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
    Ok(JobOutcome::ended(false).with(JobReports {
        calibrate: Some(CalibrateResponse {
            stored: request.mode == CalibrationMode::Store,
            profiles: ProfileThresholds::all(&request.profiles, &made),
            calibration: CalibrationSummary::from(&made),
            failed: scored.failed.iter().map(FailedPairImage::from).collect(),
            report,
        }),
        ..JobReports::default()
    }))
}

fn duplicates(library: &Library, job: &Job, options: &DuplicateOptions) -> Result<JobOutcome, LibraryError> {
    let found = library.duplicates(options, &RunContext::new(job, &job.cancel))?;
    if job.cancel.is_cancelled() {
        return Ok(JobOutcome::ended(true));
    }
    Ok(JobOutcome::ended(false).with(JobReports {
        duplicates: Some((&found).into()),
        ..JobReports::default()
    }))
}

/// Reads the snapshot that this process publishes, as another process would: what it has is the state of one commit,
/// whatever is written meanwhile.
fn backup(library: &Library, job: &Job, request: &CheckedBackup) -> Result<JobOutcome, LibraryError> {
    let reader = Library::open_beside(library.directory(), &Owner::this_process("a backup job"))?;
    let context = RunContext::new(job, &job.cancel);
    let written = reader.backup(&request.file, request.thumbnails, &context);
    if job.cancel.is_cancelled() && written.is_err() {
        return Ok(JobOutcome::ended(true));
    }
    Ok(JobOutcome::ended(false).with(JobReports {
        backup: Some(written?.into()),
        ..JobReports::default()
    }))
}

/// Computes on the threads of the background, and pauses while there are requests.
fn map(library: &Library, job: &Job, background: Option<&Background>) -> Result<JobOutcome, LibraryError> {
    let space = library.active();
    let observer = Pausing { job, background };
    let update = || space.update_map(&RunContext::new(&observer, &job.cancel));
    let layout = match background {
        Some(background) => background.run(update)?,
        None => update()?,
    };
    Ok(JobOutcome::ended(layout.is_none()))
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
