//! Starts indexing jobs.

use std::path::Path;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result, web};
use eidetic_library::IndexPath;

use super::jobs::start_job;
use crate::jobs::JobTask;
use crate::options::IndexableFolders;
use crate::params::{self, CheckedIndex, ForgetParams, IndexParams};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{ForgetResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Index folders, or update the library from its sources.
#[utoipa::path(
    post,
    path = "/v1/index",
    tag = "index",
    request_body(content = Option<IndexParams>, description = "Without a body, the library is updated from its sources."),
    responses(
        (status = 202, description = "The job runs; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or a folder does not exist.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the folder may not be indexed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A job is running already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_index(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<IndexParams> = params::read_optional_json(&request, payload, &state).await?;
    let request = params.unwrap_or_default().check()?;
    let shared = state.clone();
    let checked = web::block(move || require_indexable(&shared, request)).await;
    let request = checked.map_err(|_| Problem::internal("checking the folders was interrupted"))??;
    start_job(&state, JobTask::Index(request)).map_err(Into::into)
}

/// Remove a folder from the library, whether or not it still exists; its files are not touched. A folder below a source
/// is left out until it is indexed by name.
#[utoipa::path(
    delete,
    path = "/v1/sources",
    tag = "index",
    params(ForgetParams),
    responses(
        (status = 200, description = "The folder is no part of the library any more.", body = ForgetResponse),
        (status = 400, description = "The library has nothing of this folder.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the server listens beyond loopback.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "An indexing job is running.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn forget_source(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<Json<ForgetResponse>> {
    let folder = params::read_query::<ForgetParams>(request.query_string())?.check()?;
    if state.options.indexable != IndexableFolders::Any {
        return Err(not_allowed(&folder).into());
    }
    let library = state.library.clone();
    let forget = move || match library.forget(&folder)? {
        Some(forgotten) => Ok(ForgetResponse { forgotten }),
        None => Err(Problem::invalid(format!(
            "nothing of {} is in the library",
            folder.display()
        ))),
    };
    Ok(Json(state.image_reads.run(forget).await?))
}

/// The request, if all its folders may be indexed and not all of them are missing.
fn require_indexable(state: &AppState, request: CheckedIndex) -> Result<CheckedIndex, Problem> {
    let sources = state.library.sources();
    let mut missing = None;
    let mut any_found = request.folders.is_empty();
    for folder in &request.folders {
        require_allowed(state, folder)?;
        match IndexPath::check(folder)? {
            IndexPath::Missing { path, .. } if !sources.contains(&path) => missing = Some(folder),
            _ => any_found = true,
        }
    }
    match missing {
        Some(folder) if !any_found => Err(Problem::invalid(format!("no such folder: {}", folder.display()))),
        _ => Ok(request),
    }
}

/// Compares canonical paths, so that neither `..` nor a link leads out of a source. Checked before
/// existence: a server that may not index a folder does not reveal whether it exists.
fn require_allowed(state: &AppState, folder: &Path) -> Result<(), Problem> {
    if state.options.indexable == IndexableFolders::Any {
        return Ok(());
    }
    let sources = state.library.sources();
    let canonical = folder.canonicalize().ok();
    if canonical.is_some_and(|folder| sources.iter().any(|source| folder.starts_with(source))) {
        return Ok(());
    }
    Err(not_allowed(folder))
}

fn not_allowed(folder: &Path) -> Problem {
    Problem::new(
        ProblemKind::FolderNotAllowed,
        format!(
            "{} may not be added or removed through this server; stop it and run: eidetic index FOLDER",
            folder.display()
        ),
    )
}
