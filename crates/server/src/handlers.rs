//! The handlers of the routes.

pub(crate) mod analysis;
pub(crate) mod backup;
pub(crate) mod calibration;
pub(crate) mod duplicates;
pub(crate) mod events;
pub(crate) mod feedback;
pub(crate) mod images;
pub(crate) mod index;
pub(crate) mod jobs;
pub(crate) mod map;
mod match_batch;
pub(crate) mod matching;
pub(crate) mod model;
pub(crate) mod page;
pub(crate) mod search;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod tags;
pub(crate) mod texts;

use actix_web::HttpRequest;
use actix_web::http::header;

/// Whether the client has the response with this entity tag in its cache.
fn client_has(request: &HttpRequest, tag: &str) -> bool {
    let tags = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok());
    // Weak comparison is enough for GET (RFC 9110, 13.1.2).
    tags.flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).trim_matches('"') == tag)
}
