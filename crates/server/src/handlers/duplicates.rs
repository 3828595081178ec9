//! Finds duplicates, at once or as a job.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_indexer::RunContext;

use super::jobs::start_job;
use crate::jobs::JobRequest;
use crate::params::{self, DuplicatesJobParams, DuplicatesParams, Filtered};
use crate::responses::{DuplicatesResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Groups of images that are copies of each other, and bursts, the best copy first. Nothing is deleted.
#[utoipa::path(
    get,
    path = "/v1/duplicates",
    tag = "images",
    params(Filtered<DuplicatesParams>),
    responses(
        (status = 200, description = "The groups.", body = DuplicatesResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_duplicates(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<Json<DuplicatesResponse>> {
    let options = DuplicatesParams::from_query(request.query_string())?;
    let library = state.library.clone();
    let find = move || {
        let found = library.duplicates(&options, &RunContext::default())?;
        Ok(DuplicatesResponse::from(&found))
    };
    // Comparing takes all processors, as a model does.
    Ok(Json(state.model_runs.run(find).await?))
}

/// Look for duplicates as a job: the first time, the pictures of a large library take a while.
#[utoipa::path(
    post,
    path = "/v1/duplicates",
    tag = "images",
    request_body(content = Option<DuplicatesJobParams>, description = "Without a body, groups of all kinds among all images."),
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or an invalid parameter.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_duplicates(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<DuplicatesJobParams> = params::read_optional_json(&request, payload, &state).await?;
    Ok(start_job(
        &state,
        JobRequest::Duplicates(Box::new(params.unwrap_or_default())),
    )
    .await?)
}
