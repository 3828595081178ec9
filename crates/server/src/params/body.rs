//! Reads the bodies of requests, within bounds of size and time.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::rt::time::timeout;
use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;

use super::multipart;
use super::validate::{MAX_TEXT_BYTES, shortened, unreadable};
use crate::options::Limits;
use crate::problem::{Problem, ProblemKind};

/// Reads a body that may carry an image: JSON or a form.
pub(crate) async fn read_json_or_form<T: DeserializeOwned + Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<T, Problem> {
    match media_type(request).as_str() {
        "application/json" => {
            // Base64 takes four bytes for three.
            let limit = limits.upload_bytes.div_ceil(3) * 4 + MAX_TEXT_BYTES;
            let body = bytes(request, payload, limit, limits).await?;
            // Off the threads that serve connections: parsing and decoding a large image takes a while.
            let parsed = web::block(move || parse_json(&body)).await;
            parsed.map_err(|_| Problem::internal("reading the request was interrupted"))?
        }
        "multipart/form-data" => {
            require_length(request, limits.upload_bytes + MAX_TEXT_BYTES)?;
            in_time(limits.upload_time, multipart::read(request, payload, limits)).await?
        }
        other => Err(unsupported(other, "application/json or multipart/form-data")),
    }
}

/// Reads a JSON body of at most 1 MiB.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<T, Problem> {
    read_optional_json(request, payload, limits)
        .await?
        .ok_or_else(|| Problem::invalid("the body is empty; expected a JSON object"))
}

/// Reads a JSON body of at most 1 MiB; `None` where the request has no body.
pub(crate) async fn read_optional_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<Option<T>, Problem> {
    let body = read_text(request, payload, limits).await?;
    if body.is_empty() {
        return Ok(None);
    }
    match media_type(request).as_str() {
        "application/json" => parse_json(&body).map(Some),
        other => Err(unsupported(other, "application/json")),
    }
}

/// Reads a body of at most 1 MiB as it is.
pub(crate) async fn read_text(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<web::Bytes, Problem> {
    bytes(request, payload, MAX_TEXT_BYTES, limits).await
}

/// The body's media type in lower case, without parameters.
pub(crate) fn media_type(request: &HttpRequest) -> String {
    let value = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next();
    media_type.unwrap_or_default().trim().to_ascii_lowercase()
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if !body.trim_ascii_start().starts_with(b"{") {
        // Serde would also fill a struct from an array, field by field.
        return Err(invalid_json("expected an object"));
    }
    serde_json::from_slice(body).map_err(invalid_json)
}

fn invalid_json(error: impl Display) -> Problem {
    Problem::invalid(format!("invalid JSON body: {error}"))
}

async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    limits: &Limits,
) -> Result<web::Bytes, Problem> {
    require_length(request, limit)?;
    match in_time(limits.upload_time, payload.to_bytes_limited(limit)).await? {
        Ok(body) => body.map_err(unreadable),
        Err(_) => Err(Problem::too_large(limit)),
    }
}

/// Refuses a body whose announced length is too large, before any of it is read.
fn require_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|text| text.parse::<u64>().ok()) {
        Some(length) if length > limit as u64 => Err(Problem::too_large(limit)),
        _ => Ok(()),
    }
}

async fn in_time<T>(limit: Duration, arrival: impl Future<Output = T>) -> Result<T, Problem> {
    timeout(limit, arrival).await.map_err(|_| {
        let seconds = limit.as_secs();
        Problem::new(
            ProblemKind::TooSlow,
            format!("the body did not arrive within {seconds} seconds"),
        )
    })
}

fn unsupported(found: &str, expected: &str) -> Problem {
    let found = match found {
        "" => "missing Content-Type".to_owned(),
        found => format!("unsupported Content-Type {:?}", shortened(found)),
    };
    Problem::new(
        ProblemKind::UnsupportedBody,
        format!("{found}; expected {expected}"),
    )
}
