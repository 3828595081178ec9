//! Starts indexing jobs.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};

use super::jobs::start_job;
use crate::file_access::folder_not_allowed;
use crate::jobs::JobRequest;
use crate::options::IndexableFolders;
use crate::params::{self, ForgetParams, IndexParams};
use crate::problem::Problem;
use crate::responses::{ForgetResponse, JobTicket, ProblemDocument};
use crate::state::AppState;

/// Index folders, or update the library from its sources.
#[utoipa::path(
    post,
    path = "/v1/index",
    tag = "index",
    request_body(content = Option<IndexParams>, description = "Without a body, the library is updated from its sources."),
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, or a folder does not exist.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the folder may not be indexed.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_index(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let params: Option<IndexParams> = params::read_optional_json(&request, payload, &state).await?;
    Ok(start_job(&state, JobRequest::Index(params.unwrap_or_default())).await?)
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
        return Err(folder_not_allowed(&folder).into());
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
