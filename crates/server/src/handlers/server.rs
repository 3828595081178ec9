//! The server and its library: status, health, metrics, the OpenAPI document.

use std::sync::LazyLock;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_library::{Status, StatusDetails};
use utoipa::openapi::OpenApi as Document;

use crate::params::{self, StatusParams};
use crate::responses::{HealthResponse, ProblemDocument, StatusDocument};
use crate::state::AppState;

/// Size and state of the library.
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "server",
    params(StatusParams),
    responses(
        (status = 200, description = "Size and state of the library.", body = StatusDocument),
        (status = 400, description = "A parameter is unknown or invalid.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_status(state: Data<AppState>, request: HttpRequest) -> Result<Json<Status>> {
    let StatusParams { recall, failed } = params::read_query(request.query_string())?;
    let library = state.library.clone();
    let details = StatusDetails {
        recall,
        failures: failed,
    };
    let status = move || Ok(library.status_with(details)?);
    Ok(Json(state.image_reads.run(status).await?))
}

/// Whether the server responds.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "server",
    responses((status = 200, description = "The server responds.", body = HealthResponse))
)]
pub(crate) async fn get_health() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok".into() })
}

/// Metrics for Prometheus: requests by route, method and status, a histogram of their duration, the
/// number of images, and recent answers by kind of query and profile.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "The Prometheus text format.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_metrics(state: Data<AppState>) -> Result<HttpResponse> {
    let library = state.library.clone();
    let read = move || Ok((library.counts()?.images, library.answer_quality()?));
    let (images, quality) = state.image_reads.run(read).await?;
    let text = state.metrics.render(images, &quality);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub(crate) async fn get_openapi(document: Data<LazyLock<Document>>) -> HttpResponse {
    HttpResponse::Ok().json(&***document)
}
