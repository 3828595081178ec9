//! Switches the model, backfills spaces and drops them.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_library::{SwitchOptions, resolve_model};

use super::jobs::start_job;
use crate::jobs::JobTask;
use crate::options::IndexableFolders;
use crate::params::{self, SpaceParams, SwitchParams, nonempty_text};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{DropResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Embed all images with another model, whose space then becomes the active one.
#[utoipa::path(
    post,
    path = "/v1/model/switch",
    tag = "model",
    request_body = SwitchParams,
    responses(
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or an invalid model name.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the server listens beyond loopback.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A space is being filled already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn switch_model(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    require_loopback(&state)?;
    let params: SwitchParams = params::read_json(&request, payload, &state).await?;
    let name = nonempty_text("model", params.model)?;
    let model = resolve_model(&name).map_err(Problem::from)?;
    let options = SwitchOptions {
        old: params.old,
        precision: params.precision,
        indexing: state.yielding.indexing(),
    };
    Ok(start_job(&state, JobTask::Switch(model, Box::new(options)))?)
}

/// Embed the images that are missing in a kept space.
#[utoipa::path(
    post,
    path = "/v1/model/catch-up",
    tag = "model",
    request_body = SpaceParams,
    responses(
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A space is being filled already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn backfill_space(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: SpaceParams = params::read_json(&request, payload, &state).await?;
    let space = nonempty_text("space", params.space)?;
    Ok(start_job(&state, JobTask::Backfill(space))?)
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
    require_loopback(&state)?;
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

/// A switch reads a directory of the client's choice, and a drop deletes vectors: neither is for clients
/// elsewhere.
fn require_loopback(state: &AppState) -> Result<(), Problem> {
    if state.options.indexable == IndexableFolders::Any {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::ModelNotAllowed,
        "this server listens beyond loopback; to switch or drop a model, stop it and run: eidetic space",
    ))
}
