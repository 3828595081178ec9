//! Jobs: started, listed, followed, cancelled.

use std::convert::Infallible;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::rt::time::sleep;
use actix_web::web::{self, Bytes, Data, Json, Path};
use actix_web::{HttpResponse, Result};
use futures_util::stream::{Stream, unfold};

use crate::jobs::{Job, JobRequest};
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::responses::{JobResponse, JobTicket, JobsResponse, ProblemDocument};
use crate::state::AppState;

/// Time between two looks at a job that is followed.
const EVENT_INTERVAL: Duration = Duration::from_millis(300);
/// Looks without a change after which a comment shows that the server is still there, since proxies end silent connections.
const LOOKS_PER_COMMENT: u32 = 50;

/// Queues a job; the response names its address. Errors: the request is invalid, or the library can only be read.
pub(super) async fn start_job(state: &Data<AppState>, request: JobRequest) -> Result<HttpResponse, Problem> {
    start_job_with(state, request, None).await
}

/// Queues a job that reads what was uploaded.
pub(super) async fn start_job_with(
    state: &Data<AppState>,
    request: JobRequest,
    upload: Option<File>,
) -> Result<HttpResponse, Problem> {
    state.library.require_writable()?;
    let shared = state.clone();
    let queued = web::block(move || {
        let task = request.prepare(&shared)?;
        shared.jobs.add(request, task, upload)
    });
    let job = queued
        .await
        .map_err(|_| Problem::internal("queueing the job was interrupted"))??
        .id();
    let location = format!("/v1/jobs/{job}");
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, location))
        .json(JobTicket { job }))
}

/// The jobs that wait or run, and the last ones that ended.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "index",
    responses((status = 200, description = "The jobs, the newest first.", body = JobsResponse))
)]
pub(crate) async fn list_jobs(state: Data<AppState>) -> Json<JobsResponse> {
    Json(state.jobs.list())
}

/// Follow a job: server-sent events, each the job as `GET /v1/jobs/{id}` gives it. `progress` is sent when something changes,
/// `end` at last.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "index",
    params(("id" = String, Path, description = "The job's id.", pattern = "^[0-9]{1,20}$")),
    responses(
        (status = 200, description = "The events.", body = String, content_type = "text/event-stream"),
        (status = 404, description = "Unknown job, or one that is no longer kept.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn job_events(state: Data<AppState>, id: Path<String>) -> Result<HttpResponse> {
    let job = find_job(&state, &id)?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(events(state, job)))
}

/// What was sent last.
struct Follower {
    state: Data<AppState>,
    job: Arc<Job>,
    sent: Option<JobResponse>,
    has_ended: bool,
}

fn events(state: Data<AppState>, job: Arc<Job>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let follower = Follower {
        state,
        job,
        sent: None,
        has_ended: false,
    };
    unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    /// The next event; none after the job or the server has ended.
    async fn next(&mut self) -> Option<Bytes> {
        let mut looks = 0;
        while !self.has_ended {
            let job = self.state.jobs.response(&self.job);
            self.has_ended = job.state.has_ended() || self.state.jobs.is_stopping();
            if self.has_ended || self.sent.as_ref() != Some(&job) {
                let name = if self.has_ended { "end" } else { "progress" };
                let event =
                    serde_json::to_string(&job).map(|json| format!("event: {name}\ndata: {json}\n\n"));
                self.sent = Some(job);
                return Some(Bytes::from(event.unwrap_or_default()));
            }
            if looks == LOOKS_PER_COMMENT {
                return Some(Bytes::from_static(b": still there\n\n"));
            }
            looks += 1;
            sleep(EVENT_INTERVAL).await;
        }
        None
    }
}

/// Progress or result of a job. The last twenty that ended are kept.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "index",
    params(("id" = String, Path, description = "The job's id.", pattern = "^[0-9]{1,20}$")),
    responses(
        (status = 200, description = "The job's progress or result.", body = JobResponse),
        (status = 404, description = "Unknown job, or one that is no longer kept.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_job(state: Data<AppState>, id: Path<String>) -> Result<Json<JobResponse>> {
    let job = find_job(&state, &id)?;
    Ok(Json(state.jobs.response(&job)))
}

/// Cancel a job: one that waits never starts, and what one has committed is kept. A job that has ended stays as it is. A cancelled switch
/// resumes when it is requested again, or when the server starts the next time.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "index",
    params(("id" = String, Path, description = "The job's id.", pattern = "^[0-9]{1,20}$")),
    responses(
        (status = 202, description = "The job is being cancelled, or has ended already.", body = JobResponse),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Unknown job, or one that is no longer kept.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_job(state: Data<AppState>, id: Path<String>) -> Result<HttpResponse> {
    let job = find_job(&state, &id)?;
    let shared = state.clone();
    let cancelled = web::block(move || {
        shared.jobs.cancel(&job);
        shared.jobs.response(&job)
    });
    let response = cancelled
        .await
        .map_err(|_| Problem::internal("cancelling the job was interrupted"))?;
    Ok(HttpResponse::Accepted().json(response))
}

fn find_job(state: &AppState, id: &str) -> Result<Arc<Job>, Problem> {
    state.jobs.get(id).ok_or_else(|| {
        let id = shortened(id);
        Problem::new(
            ProblemKind::UnknownJob,
            format!("unknown job {id:?}; the last twenty that ended are kept"),
        )
    })
}
