use std::path::{Path as FilePath, PathBuf};

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, Result, web};

use crate::jobs::{Job, JobTask};
use crate::options::IndexableFolders;
use crate::params::{self, IndexParams, shortened};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{JobResponse, JobTicket, ProblemDocument};
use crate::state::State;

/// Index folders, or bring those that the library has up to date.
#[utoipa::path(
    post,
    path = "/v1/index",
    tag = "index",
    request_body(content = Option<IndexParams>, description = "Without a body, the folders that the library has are brought up to date."),
    responses(
        (status = 202, description = "The job runs; `Location` is where to ask for it.", body = JobTicket, headers(("Location" = String))),
        (status = 400, description = "No such JSON, or a folder does not exist.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the folder may not be indexed.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "A job is running already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start(
    state: Data<State>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<IndexParams> =
        params::read_optional_json(&request, payload, &state.options.limits).await?;
    let folders = params.unwrap_or_default().check()?;
    let shared = state.clone();
    let checked = web::block(move || checked_folders(&shared, folders)).await;
    let folders = checked.map_err(|_| Problem::internal("checking the folders was interrupted"))??;
    start_job(&state, JobTask::Index(folders)).map_err(Into::into)
}

/// Starts a job and says where to ask for it.
pub(super) fn start_job(state: &State, work: JobTask) -> Result<HttpResponse, Problem> {
    let job = state.jobs.start(&state.library, work)?.id();
    let location = format!("/v1/jobs/{job}");
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, location))
        .json(JobTicket { job }))
}

/// How a job stands. The last twenty are remembered.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "index",
    params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, body = JobResponse),
        (status = 404, description = "There is no such job, or it is forgotten.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn look(state: Data<State>, id: Path<String>) -> Result<Json<JobResponse>> {
    Ok(Json(find(&state, &id)?.answer()))
}

/// Stop a job; what it has done is kept. A job that has ended stays as it is. A switch goes on where it stopped when it is
/// asked for again, or when the server starts the next time.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "index",
    params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 202, description = "It was told to stop, or has ended already.", body = JobResponse),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job, or it is forgotten.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel(state: Data<State>, id: Path<String>) -> Result<HttpResponse> {
    let job = find(&state, &id)?;
    job.cancel();
    Ok(HttpResponse::Accepted().json(job.answer()))
}

fn find(state: &State, id: &str) -> Result<std::sync::Arc<Job>, Problem> {
    state.jobs.get(id).ok_or_else(|| {
        let id = shortened(id);
        Problem::new(
            ProblemKind::UnknownJob,
            format!("there is no job {id:?}; the last twenty jobs are remembered"),
        )
    })
}

fn checked_folders(state: &State, folders: Vec<PathBuf>) -> Result<Vec<PathBuf>, Problem> {
    for folder in &folders {
        require_allowed(state, folder)?;
        if !folder.exists() {
            return Err(Problem::invalid(format!(
                "there is nothing at {}",
                folder.display()
            )));
        }
    }
    Ok(folders)
}

/// Compared as the system resolves them, so that neither `..` nor a link leads out of a known folder. Said before
/// whether the folder exists: where folders may not be indexed, nobody learns which there are.
fn require_allowed(state: &State, folder: &FilePath) -> Result<(), Problem> {
    if state.options.indexable == IndexableFolders::Any {
        return Ok(());
    }
    let sources = state.library.sources();
    let resolved = folder.canonicalize().ok();
    if resolved.is_some_and(|folder| sources.iter().any(|source| folder.starts_with(source))) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::FolderNotAllowed,
        format!(
            "{} is in no folder that the library indexes; to add it, stop the server and run: eidetic index FOLDER",
            folder.display()
        ),
    ))
}
