//! Reads the bodies of requests, within bounds of size and time.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Seek, Write};

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::arrival::ArrivingBody;
use super::multipart;
use super::validate::{MAX_TEXT_BYTES, shortened, unreadable};
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;
use crate::uploads::UploadSlot;

/// Bytes of a body that are written to a file at once.
const FILE_BUFFER: usize = 1 << 20;

/// What a body contained. A large body keeps its slot as long as this is kept: its image stays in memory.
pub(crate) struct Received<T> {
    value: T,
    slot: Option<UploadSlot>,
}

impl<T> Received<T> {
    /// The value, and what must be kept as long as the value is in memory.
    pub(crate) fn into_parts(self) -> (T, Option<UploadSlot>) {
        (self.value, self.slot)
    }
}

/// Reads a body that may carry an image: JSON or a form.
pub(crate) async fn read_json_or_form<T: DeserializeOwned + Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<Received<T>, Problem> {
    let image = state.options.limits.upload_bytes;
    match media_type(request).as_str() {
        "application/json" => {
            // Base64 takes four bytes for three.
            let limit = image.div_ceil(3) * 4 + MAX_TEXT_BYTES;
            let body = bytes(request, payload, limit, state).await?;
            // Off the threads that serve connections: parsing and decoding a large image takes a while.
            let parsed = web::block(move || parse_json(&body.value)).await;
            let value = parsed.map_err(|_| Problem::internal("reading the request was interrupted"))??;
            Ok(Received {
                value,
                slot: body.slot,
            })
        }
        "multipart/form-data" => {
            require_length(request, image + MAX_TEXT_BYTES)?;
            let body = ArrivingBody::new(request, payload, state)?;
            let outcome = body.outcome();
            let read = multipart::read(request, body, &state.options.limits).await;
            Ok(Received {
                value: read.map_err(|problem| outcome.problem(problem))?,
                slot: outcome.slot(),
            })
        }
        other => Err(unsupported(other, "application/json or multipart/form-data")),
    }
}

/// Reads a JSON body of at most 1 MiB.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<T, Problem> {
    read_optional_json(request, payload, state)
        .await?
        .ok_or_else(|| Problem::invalid("the body is empty; expected a JSON object"))
}

/// Reads a JSON body of at most 1 MiB; `None` where the request has no body.
pub(crate) async fn read_optional_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<Option<T>, Problem> {
    let body = read_text(request, payload, state).await?.value;
    if body.is_empty() {
        return Ok(None);
    }
    match media_type(request).as_str() {
        "application/json" => parse_json(&body).map(Some),
        other => Err(unsupported(other, "application/json")),
    }
}

/// Reads a JSON body of at most `limit` bytes.
pub(crate) async fn read_json_within<T: DeserializeOwned + Send + 'static>(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    state: &AppState,
) -> Result<Received<T>, Problem> {
    if media_type(request) != "application/json" {
        return Err(unsupported(&media_type(request), "application/json"));
    }
    let body = bytes(request, payload, limit, state).await?;
    // Off the threads that serve connections: parsing a large body takes a while.
    let parsed = web::block(move || parse_json(&body.value)).await;
    Ok(Received {
        value: parsed.map_err(|_| Problem::internal("reading the request was interrupted"))??,
        slot: body.slot,
    })
}

/// Reads a body of at most 1 MiB as it is.
pub(crate) async fn read_text(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<Received<web::Bytes>, Problem> {
    bytes(request, payload, MAX_TEXT_BYTES, state).await
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

/// Reads a body of at most `limit` bytes into a file without a name, which is gone when it is closed. Returns the file,
/// at its beginning, and its size.
pub(crate) async fn read_to_file(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    limit: u64,
) -> Result<(File, u64), Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    require_length(request, limit)?;
    let mut body = ArrivingBody::new(request, payload, state)?;
    let outcome = body.outcome();
    let directory = state.library.directory().to_owned();
    let mut file = in_background(move || tempfile::tempfile_in(directory)).await?;
    let (mut size, mut buffer) = (0, web::BytesMut::new());
    loop {
        let chunk = body.next().await.transpose();
        let chunk = chunk.map_err(|error| outcome.problem(unreadable(error)))?;
        let is_last = chunk.is_none();
        if let Some(chunk) = chunk {
            size += chunk.len();
            if size > limit {
                return Err(Problem::too_large(limit));
            }
            buffer.extend_from_slice(&chunk);
        }
        if is_last || buffer.len() >= FILE_BUFFER {
            let part = buffer.split().freeze();
            file = in_background(move || {
                file.write_all(&part)?;
                if is_last {
                    file.rewind()?;
                }
                Ok(file)
            })
            .await?;
        }
        if is_last {
            return Ok((file, size as u64));
        }
    }
}

/// Off the threads that serve connections: a disk may be slow, or full.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let done = web::block(work).await;
    done.map_err(|_| Problem::internal("reading the request was interrupted"))?
        .map_err(|error| Problem::internal(format!("cannot store the body: {error}")))
}

async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    state: &AppState,
) -> Result<Received<web::Bytes>, Problem> {
    require_length(request, limit)?;
    let mut body = ArrivingBody::new(request, payload, state)?;
    let outcome = body.outcome();
    let mut received = web::BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| outcome.problem(unreadable(error)))?;
        if received.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        received.extend_from_slice(&chunk);
    }
    Ok(Received {
        value: received.freeze(),
        slot: outcome.slot(),
    })
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
