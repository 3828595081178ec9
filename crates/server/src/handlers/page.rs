//! The web page and its files.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use super::client_has;
use crate::assets::{self, Asset};
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::responses::ProblemDocument;

/// The web page.
#[utoipa::path(
    get,
    path = "/",
    tag = "page",
    responses((status = 200, description = "HTML", content_type = "text/html"), (status = 304, description = "The client has it already."))
)]
pub(crate) async fn get_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    respond(&request, assets::get("index.html"))
}

/// A file of the web page.
#[utoipa::path(
    get,
    path = "/assets/{path}",
    tag = "page",
    params(("path" = String, Path, description = "The file's path in the page's folder.")),
    responses(
        (status = 200, description = "The file, under its own type."),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "Unknown file.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    respond(&request, assets::get(&path))
}

/// Any address without a route.
pub(crate) async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(unknown_page(&request))
}

fn unknown_page(request: &HttpRequest) -> Problem {
    let path = shortened(request.path());
    Problem::new(
        ProblemKind::UnknownPage,
        format!("not found: {path}; /openapi.json lists all routes"),
    )
}

/// Files may change with the program's next version, so browsers must revalidate them.
fn respond(request: &HttpRequest, asset: Option<Asset>) -> Result<HttpResponse, Problem> {
    let asset = asset.ok_or_else(|| unknown_page(request))?;
    let cached = client_has(request, &asset.tag);
    let mut response = if cached {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, format!("\"{}\"", asset.tag)));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if cached {
        return Ok(response.finish());
    }
    Ok(response
        .insert_header((CONTENT_TYPE, asset.media_type))
        .body(asset.bytes))
}
