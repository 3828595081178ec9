use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_library::Status;

use super::holds;
use crate::assets::{self, Asset};
use crate::openapi::{StatusDocument, document};
use crate::params::{self, StatusParams, shortened};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{HealthResponse, ProblemDocument};
use crate::state::State;

/// How the library stands.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "server",
    params(StatusParams),
    responses((status = 200, body = StatusDocument))
)]
pub(crate) async fn status(state: Data<State>, request: HttpRequest) -> Result<Json<Status>> {
    let StatusParams { recall } = params::read_query(request.query_string())?;
    let library = state.library.clone();
    let status = move || {
        Ok(if recall {
            library.status_with_recall()?
        } else {
            library.status()?
        })
    };
    Ok(Json(state.pictures.run(status).await?))
}

/// That the server answers.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, body = HealthResponse)))]
pub(crate) async fn health() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok".into() })
}

/// Figures for Prometheus: requests by route, method and status, a histogram of their time, images.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(state: Data<State>) -> Result<HttpResponse> {
    let library = state.library.clone();
    let images = state.pictures.run(move || Ok(library.counts()?.images)).await?;
    let text = state.metrics.render(images);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub(crate) async fn describe() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

/// The page.
#[utoipa::path(
    get,
    path = "/",
    tag = "page",
    responses((status = 200, description = "HTML", content_type = "text/html"), (status = 304, description = "The client has it already."))
)]
pub(crate) async fn home(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page_file(&request, assets::get("index.html"))
}

/// The page's files.
#[utoipa::path(
    get,
    path = "/assets/{path}",
    tag = "page",
    params(("path" = String, Path, description = "The file's path in the page's folder.")),
    responses(
        (status = 200, description = "The file, under its own type."),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "There is no such file.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    page_file(&request, assets::get(&path))
}

/// Whatever no route is for.
pub(crate) async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(not_found(&request))
}

fn not_found(request: &HttpRequest) -> Problem {
    let path = shortened(request.path());
    Problem::new(
        ProblemKind::UnknownPage,
        format!("there is nothing at {path}; /openapi.json says what there is"),
    )
}

/// A page file may change with the program's next version, so browsers ask each time whether it has.
fn page_file(request: &HttpRequest, file: Option<Asset>) -> Result<HttpResponse, Problem> {
    let file = file.ok_or_else(|| not_found(request))?;
    let held = holds(request, &file.tag);
    let mut response = if held {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, format!("\"{}\"", file.tag)));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if held {
        return Ok(response.finish());
    }
    Ok(response
        .insert_header((CONTENT_TYPE, file.media_type))
        .body(file.bytes))
}
