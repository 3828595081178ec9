use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_indexer::IndexerOptions;
use eidetic_library::{ModelRef, SwitchOptions};

use super::index::start_job;
use crate::jobs::JobTask;
use crate::options::IndexableFolders;
use crate::params::{self, SpaceParams, SwitchParams, nonempty_text};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{DropResponse, JobTicket, ProblemDocument};
use crate::state::State;

/// Embed all pictures for another model, which answers from the moment on when that is done.
#[utoipa::path(
    post,
    path = "/v1/model/switch",
    tag = "model",
    request_body = SwitchParams,
    responses(
        (status = 202, description = "The job runs; `Location` is where to ask for it.", body = JobTicket, headers(("Location" = String))),
        (status = 400, description = "No such JSON, or no name of a model.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the server listens beyond its own machine.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A space is being filled already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn switch(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    require_loopback(&state)?;
    let params: SwitchParams = params::read_json(&request, payload, &state.options.limits).await?;
    let name = nonempty_text("model", params.model)?;
    let model: ModelRef = name
        .parse()
        .map_err(|error: eidetic_library::ParseModelRefError| Problem::invalid(error.to_string()))?;
    let options = SwitchOptions {
        old: params.old,
        precision: params.precision,
        indexing: IndexerOptions::default(),
    };
    Ok(start_job(&state, JobTask::Switch(model, Box::new(options)))?)
}

/// Embed the pictures that a kept space lacks, so that it can be compared.
#[utoipa::path(
    post,
    path = "/v1/model/catch-up",
    tag = "model",
    request_body = SpaceParams,
    responses(
        (status = 202, description = "The job runs; `Location` is where to ask for it.", body = JobTicket, headers(("Location" = String))),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A space is being filled already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn catch_up(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: SpaceParams = params::read_json(&request, payload, &state.options.limits).await?;
    let space = nonempty_text("space", params.space)?;
    Ok(start_job(&state, JobTask::CatchUp(space))?)
}

/// Take a space other than the active one out of the library.
#[utoipa::path(
    post,
    path = "/v1/model/drop",
    tag = "model",
    request_body = SpaceParams,
    responses(
        (status = 200, body = DropResponse),
        (status = 403, description = "The request comes from another site, or the server listens beyond its own machine.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such space.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "It is the active space, or a space is being filled.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn drop_space(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<DropResponse>> {
    require_loopback(&state)?;
    let params: SpaceParams = params::read_json(&request, payload, &state.options.limits).await?;
    let space = nonempty_text("space", params.space)?;
    let library = state.library.clone();
    let work = move || {
        Ok(DropResponse {
            dropped: library.drop_space(&space)?,
        })
    };
    Ok(Json(state.pictures.run(work).await?))
}

/// A named directory would be read, and a space be lost: not at the wish of others.
fn require_loopback(state: &State) -> Result<(), Problem> {
    if state.options.indexable == IndexableFolders::Any {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::ModelNotAllowed,
        "this server listens beyond its own machine; to switch or drop a model, stop it and run: eidetic space",
    ))
}
