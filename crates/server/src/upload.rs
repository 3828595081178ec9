use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ContentDisposition};
use actix_web::rt::time::timeout;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::options::Limits;
use crate::problem::{Problem, ProblemKind};
use crate::wish::{misread_json, shortened};

/// Room for everything beside the picture: texts, names, filters.
const TEXTS: usize = 1 << 20;

/// A request that comes as JSON, or as a form whose file `image` is a picture.
pub(crate) trait Upload: Sized + Send + 'static {
    /// As JSON has it.
    type Request: DeserializeOwned;
    /// Most fields that a form may have beside the picture.
    const FIELDS: usize;

    /// Checks what came as JSON.
    fn from_json(request: Self::Request) -> Result<Self, Problem>;
    /// Checks what came as a form.
    fn from_form(fields: Vec<(String, String)>, picture: Option<Vec<u8>>) -> Result<Self, Problem>;
    /// The picture's file, if one came.
    fn picture(&self) -> Option<&[u8]>;
}

/// Reads a body with a picture: JSON or a form.
pub(crate) async fn read<T: Upload>(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<T, Problem> {
    match media_type(request).as_str() {
        "application/json" => {
            // Base64 takes four bytes for three.
            let body = body(
                request,
                payload,
                limits.upload_bytes.div_ceil(3) * 4 + TEXTS,
                limits,
            )
            .await?;
            // Parsed and decoded off the thread that others wait on: both take a while for a large picture.
            let parsed = web::block(move || T::from_json(from_json(&body)?)).await;
            let upload = parsed.map_err(|_| Problem::internal("reading the request was cut short"))??;
            require_size(T::picture(&upload), limits)?;
            Ok(upload)
        }
        "multipart/form-data" => {
            require_length(request, limits.upload_bytes + TEXTS)?;
            let form = Multipart::new(request.headers(), payload);
            in_time(limits.upload_time, form_fields(form, limits)).await?
        }
        other => Err(unsupported(other, "application/json or multipart/form-data")),
    }
}

/// Reads a body of at most 1 MiB as it is.
pub(crate) async fn text(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<web::Bytes, Problem> {
    body(request, payload, TEXTS, limits).await
}

/// Reads a JSON body of at most 1 MiB; no body at all is the default.
pub(crate) async fn json_or_default<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<T, Problem> {
    let body = body(request, payload, TEXTS, limits).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    match media_type(request).as_str() {
        "application/json" => from_json(&body),
        other => Err(unsupported(other, "application/json")),
    }
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if !body.trim_ascii_start().starts_with(b"{") {
        // Serde would also fill a struct from an array, field by field.
        return Err(misread_json("it is no JSON object"));
    }
    serde_json::from_slice(body).map_err(misread_json)
}

async fn body(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    limits: &Limits,
) -> Result<web::Bytes, Problem> {
    require_length(request, limit)?;
    match in_time(limits.upload_time, payload.to_bytes_limited(limit)).await? {
        Ok(body) => body.map_err(broken_off),
        Err(_) => Err(too_large(limit)),
    }
}

async fn form_fields<T: Upload>(mut form: Multipart, limits: &Limits) -> Result<T, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut picture = None;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(broken_off)?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "image" && picture.is_none() {
            picture = Some(picture_field(&mut field, limits.upload_bytes).await?);
        } else if pairs.len() < T::FIELDS {
            pairs.push((name, text_field(&mut field, TEXTS / T::FIELDS).await?));
        } else {
            // More fields than names: memory stays bounded, whatever is sent.
            return Err(Problem::invalid("the form has a field twice"));
        }
    }
    T::from_form(pairs, picture.flatten())
}

/// The picture's file; `None` for what a browser sends where nobody chose a file, an empty one without a name.
async fn picture_field(field: &mut Field, limit: usize) -> Result<Option<Vec<u8>>, Problem> {
    let bytes = field_bytes(field, limit).await?;
    let name = field
        .content_disposition()
        .and_then(ContentDisposition::get_filename);
    let chosen = !bytes.is_empty() || name.is_some_and(|name| !name.is_empty());
    Ok(chosen.then(|| bytes.to_vec()))
}

async fn text_field(field: &mut Field, limit: usize) -> Result<String, Problem> {
    let bytes = field_bytes(field, limit).await?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        let name = field.name().unwrap_or_default();
        Problem::invalid(format!("the field {:?} is no UTF-8 text", shortened(name)))
    })
}

async fn field_bytes(field: &mut Field, limit: usize) -> Result<web::Bytes, Problem> {
    match field.bytes(limit).await {
        Ok(bytes) => bytes.map_err(broken_off),
        Err(_) => Err(too_large(limit)),
    }
}

/// The type of the body, without its parameters.
/// The body's media type, without parameters.
pub(crate) fn media_type(request: &HttpRequest) -> String {
    let value = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Refuses a body that says itself that it is too large, before any of it is read.
fn require_length(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match length.and_then(|text| text.parse::<u64>().ok()) {
        Some(length) if length > limit as u64 => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn require_size(picture: Option<&[u8]>, limits: &Limits) -> Result<(), Problem> {
    match picture {
        Some(bytes) if bytes.len() > limits.upload_bytes => Err(too_large(limits.upload_bytes)),
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

fn too_large(limit: usize) -> Problem {
    let allowed = match limit {
        0..0x10_0000 => format!("{:.1} KiB", limit as f64 / 1024.0),
        _ => format!("{:.1} MiB", limit as f64 / 1024.0 / 1024.0),
    };
    Problem::new(
        ProblemKind::TooLarge,
        format!("the body, or a part of it, is larger than the {allowed} allowed"),
    )
}

fn broken_off(error: impl Display) -> Problem {
    Problem::invalid(format!("the body cannot be read: {error}"))
}

fn unsupported(found: &str, wanted: &str) -> Problem {
    let found = if found.is_empty() {
        "a body without a type".into()
    } else {
        shortened(found)
    };
    Problem::new(
        ProblemKind::UnsupportedBody,
        format!("the body's Content-Type must be {wanted}, not {found}"),
    )
}
