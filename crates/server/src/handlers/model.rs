use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_indexer::IndexerOptions;
use eidetic_library::{ModelRef, SwitchOptions};
use serde::de::DeserializeOwned;

use super::index::start_job;
use crate::jobs::Work;
use crate::json::{DropAnswer, JobTicket, ProblemDocument, SpaceRequest, SwitchRequest};
use crate::options::IndexableFolders;
use crate::problem::{Problem, ProblemKind};
use crate::state::State;
use crate::upload;
use crate::wish::bounded_text;

/// Embed all pictures for another model, which answers from the moment on when that is done.
#[utoipa::path(
    post,
    path = "/v1/model/switch",
    tag = "model",
    request_body = SwitchRequest,
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
    require_own_machine(&state)?;
    let asked: SwitchRequest = body(&state, &request, payload).await?;
    let name = named("model", asked.model)?;
    let model: ModelRef = name
        .parse()
        .map_err(|error: eidetic_library::ParseModelRefError| Problem::invalid(error.to_string()))?;
    let options = SwitchOptions {
        old: asked.old,
        precision: asked.precision,
        indexing: IndexerOptions::default(),
    };
    Ok(start_job(&state, Work::Switch(model, Box::new(options)))?)
}

/// Embed the pictures that a kept space lacks, so that it can be compared.
#[utoipa::path(
    post,
    path = "/v1/model/catch-up",
    tag = "model",
    request_body = SpaceRequest,
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
    let asked: SpaceRequest = body(&state, &request, payload).await?;
    let space = named("space", asked.space)?;
    Ok(start_job(&state, Work::CatchUp(space))?)
}

/// Take a space other than the active one out of the library.
#[utoipa::path(
    post,
    path = "/v1/model/drop",
    tag = "model",
    request_body = SpaceRequest,
    responses(
        (status = 200, body = DropAnswer),
        (status = 403, description = "The request comes from another site, or the server listens beyond its own machine.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such space.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "It is the active space, or a space is being filled.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn drop_space(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<DropAnswer>> {
    require_own_machine(&state)?;
    let asked: SpaceRequest = body(&state, &request, payload).await?;
    let space = named("space", asked.space)?;
    let library = state.library.clone();
    let work = move || {
        Ok(DropAnswer {
            dropped: library.drop_space(&space)?,
        })
    };
    Ok(Json(state.pictures.run(work).await?))
}

async fn body<T: DeserializeOwned>(
    state: &State,
    request: &HttpRequest,
    payload: Payload,
) -> Result<T, Problem> {
    let asked: Option<T> = upload::json_or_default(request, payload, &state.options.limits).await?;
    asked.ok_or_else(|| Problem::invalid("the body is empty; it is a JSON object"))
}

fn named(what: &str, name: String) -> Result<String, Problem> {
    let name = bounded_text(what, Some(name))?.unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Problem::invalid(format!("{what} is empty")));
    }
    Ok(name)
}

/// A named directory would be read, and a space be lost: not at the wish of others.
fn require_own_machine(state: &State) -> Result<(), Problem> {
    if state.options.indexable == IndexableFolders::Any {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::ModelNotAllowed,
        "this server listens beyond its own machine; to switch or drop a model, stop it and run: eidetic space",
    ))
}
