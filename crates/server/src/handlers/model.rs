//! Switches the model, backfills spaces and drops them.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};

use super::jobs::start_job;
use crate::file_access::require_model_access;
use crate::jobs::JobRequest;
use crate::params::{self, SpaceParams, SwitchParams, nonempty_text};
use crate::responses::{DropResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Embed all images with another model, whose space then becomes the active one.
#[utoipa::path(
    post,
    path = "/v1/model/switch",
    tag = "model",
    request_body = SwitchParams,
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or an invalid model name.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the server listens beyond loopback.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn switch_model(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    require_model_access(&state)?;
    let params: SwitchParams = params::read_json(&request, payload, &state).await?;
    Ok(start_job(&state, JobRequest::Switch(params)).await?)
}

/// Embed the images that are missing in a kept space.
#[utoipa::path(
    post,
    path = "/v1/model/catch-up",
    tag = "model",
    request_body = SpaceParams,
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn backfill_space(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: SpaceParams = params::read_json(&request, payload, &state).await?;
    Ok(start_job(&state, JobRequest::Backfill(params)).await?)
}

/// Remove a space other than the active one from the library.
#[utoipa::path(
    post,
    path = "/v1/model/drop",
    tag = "model",
    request_body = SpaceParams,
    responses(
        (status = 200, description = "The space is removed.", body = DropResponse),
        (status = 403, description = "The request comes from another site, or the server listens beyond loopback.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "Unknown space.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "It is the active space, or a space is being filled.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn drop_space(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<DropResponse>> {
    require_model_access(&state)?;
    let params: SpaceParams = params::read_json(&request, payload, &state).await?;
    let space = nonempty_text("space", params.space)?;
    let library = state.library.clone();
    let work = move || {
        Ok(DropResponse {
            dropped: library.drop_space(&space)?,
        })
    };
    Ok(Json(state.image_reads.run(work).await?))
}
