//! Runs commands through the HTTP API of the server that owns the library.

mod server;

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_confidence::profile::Criticality;
use eidetic_domain::{Filter, ImageId};
use eidetic_indexer::{CancelToken, Observer};
use eidetic_library::{Status, TextFormat};
use eidetic_server::params::{
    CalibrateParams, DuplicatesJobParams, FilterParams, IndexParams, ScreenParams, SortParam, SpaceParams,
    SwitchParams, TagParams, filter_pairs,
};
use eidetic_server::responses::{
    AlbumResponse, CalibrateResponse, CalibrationsResponse, DropResponse, DuplicatesResponse, FeedbackList,
    ForgetResponse, ImageResponse, IndexReport, JobResponse, JobState, JobTicket, JobsResponse,
    MatchResponse, RemovedTextsResponse, ScreenResponse, SearchResponse, SpaceReportResponse,
    TagReportResponse, TextSearchResponse, TextSetsResponse, TextsReportResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Completion;
use crate::arguments::{self, ListArgs, SearchArgs, SortArg};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{BackfillBar, IndexBar, StageBar, TextsBar};

pub(crate) use server::RemoteServer;

/// Time between two polls of a job.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Images of a page of an album.
const ALBUM_PAGE: usize = 1000;

/// `GET /v1/status`
pub(crate) fn status(server: &RemoteServer, arguments: &arguments::StatusArgs) -> Result<Status, Failure> {
    let (recall, failed) = (arguments.recall, arguments.failed);
    // Older servers know only the first parameter.
    let failed = if failed { "&failed=true" } else { "" };
    server.get(&format!("/v1/status?recall={recall}{failed}"))
}

/// `GET /v1/calibration`
pub(crate) fn calibrations(server: &RemoteServer) -> Result<CalibrationsResponse, Failure> {
    server.get("/v1/calibration")
}

/// `DELETE /v1/calibration`
pub(crate) fn undo_calibration(
    server: &RemoteServer,
    kind: arguments::QueryKindArg,
    profile: Option<&str>,
) -> Result<CalibrationsResponse, Failure> {
    let scope = profile.map_or(("kind", kind.name()), |profile| ("profile", profile));
    server.delete("/v1/calibration", scope)
}

/// `GET /v1/calibration/report`
pub(crate) fn calibration_report(server: &RemoteServer) -> Result<String, Failure> {
    server.get_text("/v1/calibration/report")
}

/// `GET /v1/feedback`
pub(crate) fn feedback(
    server: &RemoteServer,
    kind: arguments::QueryKindArg,
    profile: Option<&str>,
) -> Result<FeedbackList, Failure> {
    match profile {
        None => server.get(&format!("/v1/feedback?kind={}", kind.name())),
        Some(profile) => server.get_with("/v1/feedback", ("profile", profile)),
    }
}

/// `POST /v1/search`, with the image file undecoded.
pub(crate) fn search(
    server: &RemoteServer,
    arguments: &SearchArgs,
    filter: &Filter,
    count: usize,
    cursor: Option<&str>,
) -> Result<SearchResponse, Failure> {
    let image = arguments.image.as_deref().map(base64_file).transpose()?;
    let body = json!({
        "text": arguments.text(),
        "negative": arguments.without,
        "image": image,
        "image_id": arguments.image_id,
        "k": count,
        "cursor": cursor,
        "sort": SortParam::from(arguments.sort),
        "text_weight": arguments.text_weight,
        "filter": FilterParams::from(filter.clone()),
        "min_confidence": arguments.min_confidence,
        "space": arguments.space,
        "expand": arguments.expand.then_some(true),
    });
    server.post("/v1/search", &body)
}

/// `POST /v1/search` for stored texts, with the image file undecoded.
pub(crate) fn search_texts(
    server: &RemoteServer,
    arguments: &SearchArgs,
) -> Result<TextSearchResponse, Failure> {
    let image = arguments.image.as_deref().map(base64_file).transpose()?;
    let body = json!({
        "target": "texts",
        "set": arguments.set,
        "text": arguments.text(),
        "image": image,
        "image_id": arguments.image_id,
        "k": arguments.k,
        "min_confidence": arguments.min_confidence,
        "space": arguments.space,
    });
    server.post("/v1/search", &body)
}

/// `GET /v1/images/{id}`
pub(crate) fn image(server: &RemoteServer, image: &ImageId) -> Result<ImageResponse, Failure> {
    server.get(&format!("/v1/images/{image}"))
}

/// `GET /v1/texts`
pub(crate) fn text_sets(server: &RemoteServer) -> Result<TextSetsResponse, Failure> {
    server.get("/v1/texts")
}

/// `DELETE /v1/texts/{set}`
pub(crate) fn remove_texts(server: &RemoteServer, set: &str) -> Result<RemovedTextsResponse, Failure> {
    server.delete_path(&format!("/v1/texts/{}", percent_encoded(set)))
}

/// `POST /v1/texts/{set}`; waits for the job, if it is one.
pub(crate) fn add_texts(
    server: &RemoteServer,
    set: &str,
    file: File,
    format: TextFormat,
) -> Result<TextsReportResponse, Failure> {
    /// The report of a short set, or the job that adds a long one.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Answer {
        Report(TextsReportResponse),
        Job(JobTicket),
    }
    let media_type = match format {
        TextFormat::Lines => "text/plain",
        TextFormat::Csv => "text/csv",
        TextFormat::Tsv => "text/tab-separated-values",
        TextFormat::JsonLines => "application/x-ndjson",
    };
    eprintln!("eidetic: the server at {server} owns the library and adds the texts");
    let path = format!("/v1/texts/{}", percent_encoded(set));
    let ticket = match server.upload(&path, media_type, file)? {
        Answer::Report(report) => return Ok(report),
        Answer::Job(ticket) => ticket,
    };
    let interrupt = JobInterrupt::new(server)?;
    let bar = TextsBar::new();
    let (job, _) = follow_job(server, &ticket, |job| {
        match job.total {
            Some(total) => {
                bar.total(total);
                bar.done(job.done);
            }
            None => bar.discovered(job.done),
        }
        interrupt.pass_on(job);
    })?;
    bar.finish();
    job.texts_report.ok_or_else(|| no_report(server))
}

/// The text as a part of a path.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The profile of a match request.
pub(crate) struct RequestedProfile<'a> {
    pub(crate) name: &'a str,
    pub(crate) criticality: Criticality,
    pub(crate) prevalence: Option<f64>,
}

/// The views that a match request asks for.
pub(crate) struct RequestedViews<'a> {
    pub(crate) instruction: Option<&'a str>,
}

/// `POST /v1/match`, with the image file undecoded, or the id of an image of the library.
pub(crate) fn match_texts(
    server: &RemoteServer,
    image: &str,
    texts: &[&str],
    profile: Option<&RequestedProfile<'_>>,
    views: Option<&RequestedViews<'_>>,
) -> Result<MatchResponse, Failure> {
    let path = Path::new(image);
    let is_id = image.parse::<ImageId>().is_ok() && !path.exists();
    let file = if is_id { None } else { Some(base64_file(path)?) };
    let body = json!({
        "image": file,
        "image_id": is_id.then_some(image),
        "texts": texts,
        "profile": profile.map(|profile| profile.name),
        "criticality": profile.map(|profile| profile.criticality),
        "prevalence": profile.and_then(|profile| profile.prevalence),
        "breakdown": views.is_some(),
        "instruction": views.and_then(|views| views.instruction),
    });
    server.post("/v1/match", &body)
}

fn base64_file(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    Ok(STANDARD.encode(bytes))
}

/// `POST /v1/index`; waits for the job.
pub(crate) fn index(
    server: &RemoteServer,
    request: &IndexParams,
) -> Result<(IndexReport, Completion), Failure> {
    eprintln!("eidetic: the server at {server} owns the library and runs the index job");
    let bar = IndexBar::new();
    let (job, completion) = run_job(server, "/v1/index", request, |job| {
        if let Some(total) = job.total {
            bar.total(total);
        }
        bar.done(job.done);
    })?;
    bar.finish();
    Ok((job.report.ok_or_else(|| no_report(server))?, completion))
}

/// `DELETE /v1/sources`
pub(crate) fn forget(server: &RemoteServer, folder: &Path) -> Result<u64, Failure> {
    let folder = folder.to_string_lossy();
    let response: ForgetResponse = server.delete("/v1/sources", ("folder", &folder))?;
    Ok(response.forgotten)
}

/// `POST /v1/model/switch`; waits for the job.
pub(crate) fn switch(
    server: &RemoteServer,
    request: &SwitchParams,
) -> Result<(SpaceReportResponse, Completion), Failure> {
    eprintln!(
        "eidetic: the server at {server} owns the library and runs the switch; it continues after Ctrl-C"
    );
    space_job(server, "/v1/model/switch", request)
}

/// `POST /v1/model/catch-up`; waits for the job.
pub(crate) fn backfill(server: &RemoteServer, space: &str) -> Result<SpaceReportResponse, Failure> {
    let request = SpaceParams {
        space: space.to_owned(),
    };
    Ok(space_job(server, "/v1/model/catch-up", &request)?.0)
}

/// `POST /v1/model/drop`
pub(crate) fn drop_space(server: &RemoteServer, space: &str) -> Result<DropResponse, Failure> {
    let request = SpaceParams {
        space: space.to_owned(),
    };
    server.post("/v1/model/drop", &request)
}

fn space_job(
    server: &RemoteServer,
    path: &str,
    request: &impl Serialize,
) -> Result<(SpaceReportResponse, Completion), Failure> {
    let bar = BackfillBar::new();
    let (job, completion) = run_job(server, path, request, |job| {
        bar.total(job.total.unwrap_or_default());
        bar.done(job.done);
    })?;
    bar.finish();
    Ok((job.space_report.ok_or_else(|| no_report(server))?, completion))
}

/// `POST /v1/tag`; waits for the job.
pub(crate) fn tag(server: &RemoteServer, request: &TagParams) -> Result<TagReportResponse, Failure> {
    let job = run_stages(server, "/v1/tag", request, "tags the images")?;
    job.tag_report.ok_or_else(|| no_report(server))
}

/// `POST /v1/screen`; waits for the job.
pub(crate) fn screen(server: &RemoteServer, request: &ScreenParams) -> Result<ScreenResponse, Failure> {
    let job = run_stages(server, "/v1/screen", request, "screens the images")?;
    job.screen_report.ok_or_else(|| no_report(server))
}

/// `POST /v1/calibrate`; waits for the job. `None` if it was cancelled.
pub(crate) fn calibrate(
    server: &RemoteServer,
    request: &CalibrateParams,
) -> Result<Option<CalibrateResponse>, Failure> {
    let job = run_stages(server, "/v1/calibrate", request, "calibrates")?;
    match job.state {
        JobState::Cancelled => Ok(None),
        _ => job.calibrate_report.map(Some).ok_or_else(|| no_report(server)),
    }
}

/// A page of `GET /v1/images`.
pub(crate) fn list(
    server: &RemoteServer,
    arguments: &ListArgs,
    filter: &Filter,
    cursor: Option<&str>,
    count: usize,
) -> Result<AlbumResponse, Failure> {
    let mut address = format!(
        "/v1/images?sort={}&reverse={}&k={count}",
        arguments.sort.name(),
        arguments.reverse
    );
    if arguments.sort == SortArg::Random {
        add(&mut address, "seed", &arguments.seed.to_string());
    }
    add_filter(&mut address, filter);
    if let Some(cursor) = cursor {
        add(&mut address, "cursor", cursor);
    }
    server.get(&address)
}

/// `POST /v1/duplicates`; waits for the job. `None` if it was cancelled.
pub(crate) fn duplicates(
    server: &RemoteServer,
    request: &DuplicatesJobParams,
) -> Result<Option<DuplicatesResponse>, Failure> {
    let job = run_stages(server, "/v1/duplicates", request, "looks for duplicates")?;
    match job.state {
        JobState::Cancelled => Ok(None),
        _ => job.duplicates_report.map(Some).ok_or_else(|| no_report(server)),
    }
}

/// `GET /v1/jobs`
pub(crate) fn jobs(server: &RemoteServer) -> Result<JobsResponse, Failure> {
    server.get("/v1/jobs")
}

/// `DELETE /v1/jobs/{id}`
pub(crate) fn cancel_job(server: &RemoteServer, id: u64) -> Result<JobResponse, Failure> {
    server.delete_path(&format!("/v1/jobs/{id}"))
}

/// Shows the progress of a job until it ends. Ctrl-C ends the looking only.
pub(crate) fn watch_job(server: &RemoteServer, id: u64) -> Result<(JobResponse, Completion), Failure> {
    let bar = StageBar::new();
    let ticket = JobTicket { job: id.to_string() };
    let ended = follow_job(server, &ticket, |job| {
        bar.set("done", job.done, job.total.unwrap_or_default());
    })?;
    bar.finish();
    Ok(ended)
}

/// Adds a parameter to an address.
fn add(address: &mut String, name: &str, value: &str) {
    let separator = if address.ends_with('?') { "" } else { "&" };
    let _ = write!(address, "{separator}{name}={}", percent_encoded(value));
}

fn add_filter(address: &mut String, filter: &Filter) {
    for (name, value) in filter_pairs(filter.clone()) {
        add(address, name, &value);
    }
}

/// All pages of `GET /v1/images?fields=tags`, as one.
pub(crate) fn album(server: &RemoteServer) -> Result<AlbumResponse, Failure> {
    let mut album: AlbumResponse = server.get(&format!("/v1/images?fields=tags&k={ALBUM_PAGE}"))?;
    while let Some(cursor) = album.next_cursor.take() {
        let address = format!("/v1/images?fields=tags&k={ALBUM_PAGE}&cursor={cursor}");
        let page: AlbumResponse = server.get(&address)?;
        album.images.extend(page.images);
        album.next_cursor = page.next_cursor;
    }
    Ok(album)
}

/// Starts a job, shows its progress, and cancels it at Ctrl-C.
fn run_stages(
    server: &RemoteServer,
    path: &str,
    request: &impl Serialize,
    does: &str,
) -> Result<JobResponse, Failure> {
    eprintln!("eidetic: the server at {server} owns the library and {does}");
    let interrupt = JobInterrupt::new(server)?;
    let bar = StageBar::new();
    let (job, _) = run_job(server, path, request, |job| {
        bar.set("done", job.done, job.total.unwrap_or_default());
        interrupt.pass_on(job);
    })?;
    bar.finish();
    Ok(job)
}

/// Cancels the job that is followed, once Ctrl-C is pressed.
struct JobInterrupt<'a> {
    server: &'a RemoteServer,
    cancel: CancelToken,
    asked: Cell<bool>,
}

impl<'a> JobInterrupt<'a> {
    fn new(server: &'a RemoteServer) -> Result<Self, Failure> {
        Ok(Self {
            server,
            cancel: cancel_on_interrupt()?,
            asked: Cell::new(false),
        })
    }

    fn pass_on(&self, job: &JobResponse) {
        if self.cancel.is_cancelled() && !self.asked.replace(true) {
            let address = format!("/v1/jobs/{}", job.job);
            // Where that fails, the job ends by itself, or the next poll says what is wrong.
            let _ = self.server.delete_path::<JobResponse>(&address);
        }
    }
}

/// Starts a job and polls it until it ends.
fn run_job(
    server: &RemoteServer,
    path: &str,
    request: &impl Serialize,
    on_progress: impl Fn(&JobResponse),
) -> Result<(JobResponse, Completion), Failure> {
    let ticket: JobTicket = server.post(path, request)?;
    follow_job(server, &ticket, on_progress)
}

/// Polls a job until it ends.
fn follow_job(
    server: &RemoteServer,
    ticket: &JobTicket,
    on_progress: impl Fn(&JobResponse),
) -> Result<(JobResponse, Completion), Failure> {
    let path = format!("/v1/jobs/{}", ticket.job);
    let mut is_waiting = false;
    loop {
        let job: JobResponse = server.get(&path)?;
        match job.state {
            JobState::Queued => {
                if let (false, Some(other)) = (is_waiting, &job.waits_for) {
                    eprintln!("eidetic: job {} starts when job {other} has ended", job.job);
                    is_waiting = true;
                }
                on_progress(&job);
                std::thread::sleep(POLL_INTERVAL);
            }
            JobState::Running => {
                on_progress(&job);
                std::thread::sleep(POLL_INTERVAL);
            }
            JobState::Done => return Ok((job, Completion::Completed)),
            JobState::Cancelled => return Ok((job, Completion::Interrupted)),
            JobState::Failed => return Err(Failure::could_not_run(job.error.unwrap_or_default())),
        }
    }
}

fn no_report(server: &RemoteServer) -> Failure {
    Failure::could_not_run(format!("the server at {server} sent no report"))
}
