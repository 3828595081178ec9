//! What the routes do.

pub(crate) mod calibration;
pub(crate) mod feedback;
pub(crate) mod images;
pub(crate) mod index;
pub(crate) mod matching;
pub(crate) mod model;
mod pairs;
pub(crate) mod search;
pub(crate) mod server;
pub(crate) mod tags;

use actix_web::HttpRequest;
use actix_web::http::header;

/// Whether the client holds the answer with this tag already.
fn holds(request: &HttpRequest, tag: &str) -> bool {
    let tags = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok());
    // A weak comparison is enough for reading (RFC 9110, 13.1.2).
    tags.flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).trim_matches('"') == tag)
}
