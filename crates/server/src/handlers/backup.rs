//! Writes backups.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};

use super::jobs::start_job;
use crate::file_access::require_backup_access;
use crate::jobs::JobRequest;
use crate::params::{self, BackupParams};
use crate::responses::{JobTicket, ProblemDocument};
use crate::state::AppState;

/// Back the library up to a file on the machine of the server, as of one commit.
#[utoipa::path(
    post,
    path = "/v1/backup",
    tag = "index",
    request_body = BackupParams,
    responses(
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "Invalid JSON, no absolute path, or the file exists.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site, or the server listens beyond loopback.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn start_backup(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    require_backup_access(&state)?;
    let params: BackupParams = params::read_json(&request, payload, &state).await?;
    Ok(start_job(&state, JobRequest::Backup(params)).await?)
}
