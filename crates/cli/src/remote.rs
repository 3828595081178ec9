//! Runs commands through the HTTP API of the server that owns the library.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_confidence::profile::Criticality;
use eidetic_domain::Filter;
use eidetic_indexer::Observer;
use eidetic_library::Status;
use eidetic_server::params::{IndexParams, SpaceParams, SwitchParams};
use eidetic_server::responses::{
    CalibrationsResponse, DropResponse, FeedbackList, ForgetResponse, IndexReport, JobResponse, JobState,
    JobTicket, MatchResponse, SearchResponse, SpaceReportResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

use crate::Completion;
use crate::arguments::{self, SearchArgs};
use crate::failure::Failure;
use crate::progress::{BackfillBar, IndexBar};

/// Time between two polls of a job.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// `GET /v1/status`
pub(crate) fn status(address: &str, arguments: &arguments::StatusArgs) -> Result<Status, Failure> {
    let (recall, failed) = (arguments.recall, arguments.failed);
    // Older servers know only the first parameter.
    let failed = if failed { "&failed=true" } else { "" };
    get(address, &format!("/v1/status?recall={recall}{failed}"))
}

/// `GET /v1/calibration`
pub(crate) fn calibrations(address: &str) -> Result<CalibrationsResponse, Failure> {
    get(address, "/v1/calibration")
}

/// `GET /v1/calibration/report`
pub(crate) fn calibration_report(address: &str) -> Result<String, Failure> {
    let unreachable = |error: ureq::Error| {
        Failure::could_not_run(format!("the server at {address} did not respond: {error}"))
    };
    let mut response = agent()
        .get(format!("{address}/v1/calibration/report"))
        .call()
        .map_err(unreachable)?;
    if !response.status().is_success() {
        return read::<serde::de::IgnoredAny>(address, Ok(response)).map(|_| String::new());
    }
    response.body_mut().read_to_string().map_err(unreachable)
}

/// `GET /v1/feedback`
pub(crate) fn feedback(address: &str, kind: arguments::QueryKindArg) -> Result<FeedbackList, Failure> {
    get(address, &format!("/v1/feedback?kind={}", kind.name()))
}

/// `POST /v1/search`, with the image file undecoded.
pub(crate) fn search(
    address: &str,
    arguments: &SearchArgs,
    filter: &Filter,
) -> Result<SearchResponse, Failure> {
    let image = arguments.image.as_deref().map(base64_file).transpose()?;
    let body = json!({
        "text": arguments.text(),
        "negative": arguments.without,
        "image": image,
        "image_id": arguments.image_id,
        "k": arguments.k,
        "text_weight": arguments.text_weight,
        "filter": filter,
        "min_confidence": arguments.min_confidence,
        "space": arguments.space,
    });
    post(address, "/v1/search", &body)
}

/// `POST /v1/match`, with the image file undecoded.
pub(crate) fn match_texts(
    address: &str,
    image: &Path,
    texts: &[&str],
    profile: Option<(&str, Criticality)>,
) -> Result<MatchResponse, Failure> {
    let (profile, criticality) = profile.unzip();
    let body = json!({
        "image": base64_file(image)?,
        "texts": texts,
        "profile": profile,
        "criticality": criticality,
    });
    post(address, "/v1/match", &body)
}

fn base64_file(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    Ok(STANDARD.encode(bytes))
}

/// `POST /v1/index`; waits for the job.
pub(crate) fn index(address: &str, request: &IndexParams) -> Result<(IndexReport, Completion), Failure> {
    eprintln!("eidetic: the server at {address} owns the library and runs the index job");
    let bar = IndexBar::new();
    let (job, completion) = run_job(address, "/v1/index", request, |job| {
        if let Some(total) = job.total {
            bar.total(total);
        }
        bar.done(job.done);
    })?;
    bar.finish();
    Ok((job.report.ok_or_else(|| no_report(address))?, completion))
}

/// `DELETE /v1/sources`
pub(crate) fn forget(address: &str, folder: &Path) -> Result<u64, Failure> {
    let request = agent()
        .delete(format!("{address}/v1/sources"))
        .query("folder", folder.to_string_lossy());
    Ok(read::<ForgetResponse>(address, request.call())?.forgotten)
}

/// `POST /v1/model/switch`; waits for the job.
pub(crate) fn switch(
    address: &str,
    request: &SwitchParams,
) -> Result<(SpaceReportResponse, Completion), Failure> {
    eprintln!(
        "eidetic: the server at {address} owns the library and runs the switch; it continues after Ctrl-C"
    );
    space_job(address, "/v1/model/switch", request)
}

/// `POST /v1/model/catch-up`; waits for the job.
pub(crate) fn backfill(address: &str, space: &str) -> Result<SpaceReportResponse, Failure> {
    let request = SpaceParams {
        space: space.to_owned(),
    };
    Ok(space_job(address, "/v1/model/catch-up", &request)?.0)
}

/// `POST /v1/model/drop`
pub(crate) fn drop_space(address: &str, space: &str) -> Result<DropResponse, Failure> {
    let request = SpaceParams {
        space: space.to_owned(),
    };
    post(address, "/v1/model/drop", &request)
}

fn space_job(
    address: &str,
    path: &str,
    request: &impl Serialize,
) -> Result<(SpaceReportResponse, Completion), Failure> {
    let bar = BackfillBar::new();
    let (job, completion) = run_job(address, path, request, |job| {
        bar.total(job.total.unwrap_or_default());
        bar.done(job.done);
    })?;
    bar.finish();
    Ok((job.space_report.ok_or_else(|| no_report(address))?, completion))
}

/// Starts a job and polls it until it ends.
fn run_job(
    address: &str,
    path: &str,
    request: &impl Serialize,
    on_progress: impl Fn(&JobResponse),
) -> Result<(JobResponse, Completion), Failure> {
    let ticket: JobTicket = post(address, path, request)?;
    let path = format!("/v1/jobs/{}", ticket.job);
    loop {
        let job: JobResponse = get(address, &path)?;
        match job.state {
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

fn no_report(address: &str) -> Failure {
    Failure::could_not_run(format!("the server at {address} sent no report"))
}

fn get<T: DeserializeOwned>(address: &str, path: &str) -> Result<T, Failure> {
    read(address, agent().get(format!("{address}{path}")).call())
}

fn post<T: DeserializeOwned>(address: &str, path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(address, agent().post(format!("{address}{path}")).send_json(body))
}

fn agent() -> Agent {
    // Problem documents have more detail than a status.
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

fn read<T: DeserializeOwned>(
    address: &str,
    response: Result<Response<Body>, ureq::Error>,
) -> Result<T, Failure> {
    let unreachable = |error: ureq::Error| {
        Failure::could_not_run(format!("the server at {address} did not respond: {error}"))
    };
    let mut response = response.map_err(unreachable)?;
    if response.status().is_success() {
        return response.body_mut().read_json().map_err(unreachable);
    }
    let problem: Value = response.body_mut().read_json().map_err(unreachable)?;
    let detail = problem["detail"]
        .as_str()
        .or(problem["title"].as_str())
        .unwrap_or("no reason given");
    let message = format!("the server at {address} reports: {detail}");
    let kind = problem["type"].as_str().unwrap_or_default();
    let is_space_error = kind.ends_with(":unknown-space") || kind.ends_with(":active-space");
    // The same exit codes as without a server.
    match response.status().as_u16() {
        _ if is_space_error => Err(Failure::arguments(message)),
        400 | 413 | 422 => Err(Failure::arguments(message)),
        _ => Err(Failure::could_not_run(message)),
    }
}
