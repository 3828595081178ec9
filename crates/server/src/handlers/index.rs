//! Starts indexing jobs.

use std::path::{Path, PathBuf};

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result, web};

use super::jobs::start_job;
use crate::jobs::JobTask;
use crate::options::IndexableFolders;
use crate::params::{self, IndexParams};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{JobTicket, ProblemDocument};
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
    let folders = params.unwrap_or_default().check()?;
    let shared = state.clone();
    let checked = web::block(move || require_indexable(&shared, folders)).await;
    let folders = checked.map_err(|_| Problem::internal("checking the folders was interrupted"))??;
    start_job(&state, JobTask::Index(folders)).map_err(Into::into)
}

/// The folders, if all of them exist and may be indexed.
fn require_indexable(state: &AppState, folders: Vec<PathBuf>) -> Result<Vec<PathBuf>, Problem> {
    for folder in &folders {
        require_allowed(state, folder)?;
        if !folder.exists() {
            return Err(Problem::invalid(format!("no such folder: {}", folder.display())));
        }
    }
    Ok(folders)
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
    Err(Problem::new(
        ProblemKind::FolderNotAllowed,
        format!(
            "{} is not in a source of the library; to add it, stop the server and run: eidetic index FOLDER",
            folder.display()
        ),
    ))
}
