//! Stored texts: listed, added, removed.

use std::io::BufReader;

use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};
use eidetic_indexer::RunContext;
use eidetic_library::{LibraryError, TextFormat, TextReader};

use super::jobs::start_job_with;
use super::match_batch::TSV;
use crate::jobs::{JobRequest, TextsParams};
use crate::params::{self, nonempty_text, shortened};
use crate::problem::{Problem, ProblemKind};
use crate::responses::{
    JobKind, JobTicket, ProblemDocument, RemovedTextsResponse, TextSetEntry, TextSetsResponse,
    TextsReportResponse,
};
use crate::state::AppState;

/// List the sets of stored texts.
#[utoipa::path(
    get,
    path = "/v1/texts",
    tag = "texts",
    responses((status = 200, description = "The sets, by name.", body = TextSetsResponse))
)]
pub(crate) async fn list_text_sets(state: Data<AppState>) -> Result<Json<TextSetsResponse>> {
    let library = state.library.clone();
    let list = move || {
        let sets = library.text_sets()?.into_iter().map(TextSetEntry::from);
        Ok(TextSetsResponse { sets: sets.collect() })
    };
    Ok(Json(state.image_reads.run(list).await?))
}

/// Make a set of these texts.
///
/// The body is plain lines (`text/plain`), values with a header that has a column `text` (`text/csv`,
/// `text/tab-separated-values`), or one JSON object with a string `text` on each line (`application/x-ndjson`); with
/// `application/octet-stream` its first line tells which. A column or member `id` names a text, all others are its fields.
///
/// The set is these texts afterwards: new ones are embedded, those that it had keep their vectors, others are removed. A
/// body of at most 64 KiB is answered when that is done, a larger one by a job, and so is a small one while such a job waits or runs. An error in a line changes nothing.
#[utoipa::path(
    post,
    path = "/v1/texts/{set}",
    tag = "texts",
    params(("set" = String, Path, description = "The name of the set.", min_length = 1, max_length = 200)),
    request_body(content(
        (String = "text/plain"),
        (String = "text/csv"),
        (String = "text/tab-separated-values"),
        (String = "application/x-ndjson"),
        (String = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "The set is made.", body = TextsReportResponse),
        (status = 202, description = "The job is queued; `Location` is its address.", body = JobTicket, headers(("Location" = String, description = "The job's address."))),
        (status = 400, description = "The name or a line of the body is invalid.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Texts are being added already.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add_texts(
    state: Data<AppState>,
    set: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let set = nonempty_text("the name of the set", set.into_inner())?;
    let format = format(&params::media_type(&request))?;
    state.library.require_writable().map_err(Problem::from)?;
    let limit = state.options.limits.texts_bytes;
    let (file, size) = params::read_to_file(&request, payload, &state, limit).await?;
    if size > state.options.limits.small_body_bytes as u64 || state.jobs.is_busy(JobKind::Texts) {
        let params = TextsParams { set, format };
        return Ok(start_job_with(&state, JobRequest::Texts(params), Some(file)).await?);
    }
    let library = state.library.clone();
    let add = move || {
        let texts = TextReader::new(BufReader::new(file), format).map_err(LibraryError::from)?;
        Ok(library.add_texts(&set, texts, &RunContext::default())?)
    };
    let report = state.model_runs.run(add).await?;
    Ok(HttpResponse::Ok().json(TextsReportResponse::from(&report)))
}

/// Remove a set with its texts.
#[utoipa::path(
    delete,
    path = "/v1/texts/{set}",
    tag = "texts",
    params(("set" = String, Path, description = "The name of the set.", min_length = 1, max_length = 200)),
    responses(
        (status = 200, description = "The set is removed.", body = RemovedTextsResponse),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "No set has this name.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Texts are being added or embedded.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove_texts(
    state: Data<AppState>,
    set: Path<String>,
) -> Result<Json<RemovedTextsResponse>> {
    let set = nonempty_text("the name of the set", set.into_inner())?;
    let library = state.library.clone();
    let remove = move || {
        let removed = library.remove_texts(&set)?;
        Ok(RemovedTextsResponse { set, removed })
    };
    Ok(Json(state.image_reads.run(remove).await?))
}

fn format(media_type: &str) -> Result<Option<TextFormat>, Problem> {
    match media_type {
        "text/plain" => Ok(Some(TextFormat::Lines)),
        "text/csv" => Ok(Some(TextFormat::Csv)),
        TSV => Ok(Some(TextFormat::Tsv)),
        "application/x-ndjson" | "application/jsonl" => Ok(Some(TextFormat::JsonLines)),
        "application/octet-stream" => Ok(None),
        other => {
            let found = match other {
                "" => "missing Content-Type".to_owned(),
                found => format!("unsupported Content-Type {:?}", shortened(found)),
            };
            Err(Problem::new(
                ProblemKind::UnsupportedBody,
                format!(
                    "{found}; expected text/plain, text/csv, {TSV}, application/x-ndjson or application/octet-stream"
                ),
            ))
        }
    }
}
