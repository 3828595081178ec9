//! Jobs: started, looked up, cancelled.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Result};

use crate::jobs::{Job, JobTask};
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::responses::{JobResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Starts a job; the response names its address. Errors: another job is running, or the library can only be read.
pub(super) fn start_job(state: &AppState, task: JobTask) -> Result<HttpResponse, Problem> {
    state.library.require_writable()?;
    let job = state.jobs.start(&state.library, task)?.id();
    let location = format!("/v1/jobs/{job}");
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, location))
        .json(JobTicket { job }))
}

/// Progress or result of a job. The last twenty jobs are kept.
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
    Ok(Json(find_job(&state, &id)?.response()))
}

/// Cancel a job; what it has committed is kept. A job that has ended stays as it is. A cancelled switch
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
    job.cancel();
    Ok(HttpResponse::Accepted().json(job.response()))
}

fn find_job(state: &AppState, id: &str) -> Result<Arc<Job>, Problem> {
    state.jobs.get(id).ok_or_else(|| {
        let id = shortened(id);
        Problem::new(
            ProblemKind::UnknownJob,
            format!("unknown job {id:?}; the last twenty jobs are kept"),
        )
    })
}
