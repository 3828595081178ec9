//! Reads forms (`multipart/form-data`): the field `image` is a file, all others are text.

use actix_multipart::{Field, Multipart};
use actix_web::http::header::ContentDisposition;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::arrival::ArrivingBody;
use super::pairs::{Encoding, RawValue, from_pairs};
use super::validate::{MAX_TEXT_BYTES, shortened, unreadable};
use crate::options::Limits;
use crate::problem::Problem;

/// What a field costs beside its name and value, so that many empty ones are bounded too.
const FIELD_OVERHEAD: usize = 64;

/// Reads the fields of a form into `T`.
pub(super) async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    body: ArrivingBody,
    limits: &Limits,
) -> Result<T, Problem> {
    let mut form = Multipart::new(request.headers(), body);
    let mut pairs: Vec<(String, RawValue)> = Vec::new();
    let (mut room, mut file_room) = (MAX_TEXT_BYTES, limits.upload_bytes);
    while let Some(field) = form.next().await {
        let mut field = field.map_err(unreadable)?;
        let name = field.name().unwrap_or_default().to_owned();
        room = room
            .checked_sub(name.len() + FIELD_OVERHEAD)
            .ok_or_else(|| Problem::too_large(MAX_TEXT_BYTES))?;
        let value = if name == "image" {
            let bytes = bytes(&mut field, file_room, limits.upload_bytes).await?;
            file_room -= bytes.len();
            file(&field, bytes)
        } else {
            let bytes = bytes(&mut field, room, MAX_TEXT_BYTES).await?;
            room -= bytes.len();
            text(&name, bytes)?
        };
        pairs.push((name, value));
    }
    from_pairs(pairs, Encoding::Form)
}

/// A browser sends an empty file without a name where none was chosen; that counts as left out.
fn file(field: &Field, bytes: web::Bytes) -> RawValue {
    let name = field
        .content_disposition()
        .and_then(ContentDisposition::get_filename);
    if bytes.is_empty() && name.is_none_or(str::is_empty) {
        return RawValue::Text(String::new());
    }
    RawValue::File(bytes.into())
}

fn text(name: &str, bytes: web::Bytes) -> Result<RawValue, Problem> {
    let text = String::from_utf8(bytes.into());
    text.map(RawValue::Text)
        .map_err(|_| Problem::invalid(format!("field {:?} is not UTF-8 text", shortened(name))))
}

/// A field's content within `room`, what earlier fields left of `limit`.
async fn bytes(field: &mut Field, room: usize, limit: usize) -> Result<web::Bytes, Problem> {
    match field.bytes(room).await {
        Ok(bytes) => bytes.map_err(unreadable),
        Err(_) => Err(Problem::too_large(limit)),
    }
}
