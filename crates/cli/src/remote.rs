//! Commands answered by the server that owns the library.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_domain::Filter;
use eidetic_indexer::Observer;
use eidetic_library::Status;
use eidetic_search::profile::Criticality;
use eidetic_server::params::{SpaceParams, SwitchParams};
use eidetic_server::responses::{
    CalibrationsResponse, DropResponse, FeedbackList, IndexReport, JobResponse, JobState, JobTicket,
    MatchResponse, SearchResponse, SpaceReportResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

use crate::Stopped;
use crate::arguments::{self, Search};
use crate::failure::Failure;
use crate::progress::SpaceBar;

/// How often a job is asked how far it is.
const POLL: Duration = Duration::from_millis(300);

/// `GET /v1/status`
pub(crate) fn status(address: &str, arguments: &arguments::Status) -> Result<Status, Failure> {
    get(address, &format!("/v1/status?recall={}", arguments.recall))
}

/// `GET /v1/calibration`
pub(crate) fn calibrations(address: &str) -> Result<CalibrationsResponse, Failure> {
    get(address, "/v1/calibration")
}

/// `GET /v1/calibration/report`
pub(crate) fn calibration_report(address: &str) -> Result<String, Failure> {
    let unreachable = |error: ureq::Error| {
        Failure::could_not_run(format!("the server at {address} did not answer: {error}"))
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
pub(crate) fn feedback(address: &str, kind: arguments::PairKind) -> Result<FeedbackList, Failure> {
    let kind = match kind {
        arguments::PairKind::Text => "text",
        arguments::PairKind::Picture => "picture",
    };
    get(address, &format!("/v1/feedback?kind={kind}"))
}

/// `POST /v1/search`. The picture travels as its file is, the server decodes it.
pub(crate) fn search(address: &str, arguments: &Search, filter: &Filter) -> Result<SearchResponse, Failure> {
    let picture = arguments.image.as_ref().map(|path| {
        let read = std::fs::read(path).map(|bytes| STANDARD.encode(bytes));
        read.map_err(|error| Failure::arguments(format!("{}: {error}", path.display())))
    });
    let body = json!({
        "text": arguments.text(),
        "negative": arguments.without,
        "image": picture.transpose()?,
        "image_id": arguments.image_id,
        "k": arguments.k,
        "text_weight": arguments.text_weight,
        "filter": filter,
        "min_confidence": arguments.min_confidence,
        "space": arguments.space,
    });
    post(address, "/v1/search", &body)
}

/// `POST /v1/match`. The picture travels as its file is, the server decodes it.
pub(crate) fn matches(
    address: &str,
    picture: &Path,
    texts: &[&str],
    purpose: Option<(&str, Criticality)>,
) -> Result<MatchResponse, Failure> {
    let bytes = std::fs::read(picture)
        .map_err(|error| Failure::arguments(format!("{}: {error}", picture.display())))?;
    let (profile, criticality) = purpose.unzip();
    let body = json!({
        "image": STANDARD.encode(bytes),
        "texts": texts,
        "profile": profile,
        "criticality": criticality,
    });
    post(address, "/v1/match", &body)
}

/// `POST /v1/index`, then waits for the job.
pub(crate) fn index(address: &str, folders: &[PathBuf]) -> Result<(IndexReport, Stopped), Failure> {
    eprintln!("eidetic: the server at {address} owns the library and indexes for us");
    let (job, stopped) = wait(address, "/v1/index", &json!({ "folders": folders }), |_| ())?;
    Ok((job.report.ok_or_else(|| no_report(address))?, stopped))
}

/// `POST /v1/model/switch`, then waits for the job.
pub(crate) fn switch(
    address: &str,
    request: &SwitchParams,
) -> Result<(SpaceReportResponse, Stopped), Failure> {
    eprintln!(
        "eidetic: the server at {address} owns the library and switches for us; Ctrl-C leaves it at it"
    );
    space_job(address, "/v1/model/switch", request)
}

/// `POST /v1/model/catch-up`, then waits for the job.
pub(crate) fn catch_up(address: &str, space: &str) -> Result<SpaceReportResponse, Failure> {
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
) -> Result<(SpaceReportResponse, Stopped), Failure> {
    let bar = SpaceBar::new();
    let (job, stopped) = wait(address, path, request, |job| {
        bar.walked(job.total.unwrap_or_default());
        bar.done(job.done);
    })?;
    bar.finish();
    Ok((job.space_report.ok_or_else(|| no_report(address))?, stopped))
}

/// Starts a job and waits for its end.
fn wait(
    address: &str,
    path: &str,
    request: &impl Serialize,
    look: impl Fn(&JobResponse),
) -> Result<(JobResponse, Stopped), Failure> {
    let ticket: JobTicket = post(address, path, request)?;
    let path = format!("/v1/jobs/{}", ticket.job);
    loop {
        let job: JobResponse = get(address, &path)?;
        match job.state {
            JobState::Running => {
                look(&job);
                std::thread::sleep(POLL);
            }
            JobState::Done => return Ok((job, Stopped::No)),
            JobState::Cancelled => return Ok((job, Stopped::Early)),
            JobState::Failed => return Err(Failure::could_not_run(job.error.unwrap_or_default())),
        }
    }
}

fn no_report(address: &str) -> Failure {
    Failure::could_not_run(format!("the server at {address} gave no report"))
}

fn get<T: DeserializeOwned>(address: &str, path: &str) -> Result<T, Failure> {
    read(address, agent().get(format!("{address}{path}")).call())
}

fn post<T: DeserializeOwned>(address: &str, path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(address, agent().post(format!("{address}{path}")).send_json(body))
}

fn agent() -> Agent {
    // Problem documents say more than a status does, so they are read like answers.
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
        Failure::could_not_run(format!("the server at {address} did not answer: {error}"))
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
    let said = format!("the server at {address} says: {detail}");
    let kind = problem["type"].as_str().unwrap_or_default();
    let names_no_space = kind.ends_with(":unknown-space") || kind.ends_with(":active-space");
    // What would be a wrong argument without a server is one with it.
    match response.status().as_u16() {
        _ if names_no_space => Err(Failure::arguments(said)),
        400 | 413 | 422 => Err(Failure::arguments(said)),
        _ => Err(Failure::could_not_run(said)),
    }
}
