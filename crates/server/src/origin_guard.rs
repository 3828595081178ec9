//! Who may ask, and what every answer says to browsers.

use std::net::IpAddr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};

use crate::options::ServeOptions;
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::state::State;

/// Only the server's own files run, and nobody frames the page. Pictures may also come from the page's memory, such as
/// one that was dropped on it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Other sites cannot show this library's pictures.
    (
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
];

/// Turns away requests that a foreign web site caused, and marks every answer.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let mut response = match admit(&request) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request
            .into_response(problem.error_response())
            .map_into_right_body(),
    };
    for (name, value) in HEADERS {
        // A page that carries its own scripts says itself which they are.
        if name != header::CONTENT_SECURITY_POLICY || !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn admit(request: &ServiceRequest) -> Result<(), Problem> {
    let host = host(request);
    if let (Some(host), Some(state)) = (&host, request.app_data::<web::Data<State>>()) {
        check_host(host, &state.options)?;
    }
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    check_origin(request.headers(), host.as_deref())
}

/// The host that was asked, with its port. Taken from the request itself: forwarding headers can say anything.
fn host(request: &ServiceRequest) -> Option<String> {
    let named = request
        .headers()
        .get(header::HOST)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into());
    named.or_else(|| request.uri().authority().map(ToString::to_string))
}

/// A browser that was led here under a foreign site's name says that name. A request without a name comes from no
/// browser.
fn check_host(host: &str, options: &ServeOptions) -> Result<(), Problem> {
    let name = without_port(host);
    if !options.listen.ip().is_loopback() || is_local(name, options) {
        return Ok(());
    }
    let shown = shortened(name);
    Err(Problem::new(
        ProblemKind::ForeignHost,
        format!("this server answers to local names such as localhost, not to {shown:?}"),
    ))
}

fn is_local(name: &str, options: &ServeOptions) -> bool {
    let lower = name.to_ascii_lowercase();
    let address = lower.parse::<IpAddr>();
    address.is_ok_and(|ip| ip.is_loopback() || ip == options.listen.ip())
        || lower == "localhost"
        || lower.ends_with(".localhost")
        || options
            .host_names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&lower))
}

/// The host without its port, and an IPv6 address without its brackets.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// What changes something, or costs much, may be asked by this server's own page and by programs that are no browsers.
///
/// Browsers say where a request comes from: new ones in `Sec-Fetch-Site`, all in `Origin`.
fn check_origin(headers: &HeaderMap, host: Option<&str>) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))
    };
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, from)| Some(from) == host),
        (None, None) => true,
    };
    if own {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::CrossOrigin,
        "the request comes from a page of another site; only this server's own page and programs outside of browsers may ask this",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str) -> ServeOptions {
        ServeOptions::new(listen.parse().unwrap())
    }

    #[test]
    fn a_loopback_server_answers_to_local_names_alone() {
        let mut options = options("127.0.0.1:7801");
        options.host_names.push("photos.home".into());
        let local = [
            "localhost",
            "LOCALHOST:7801",
            "a.localhost:1",
            "127.0.0.1:7801",
            "127.8.8.8",
            "[::1]:7801",
        ];
        for host in local.into_iter().chain(["photos.home:80"]) {
            assert!(check_host(host, &options).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7801",
            "192.168.0.7",
            "localhost.evil.example",
            "",
            "[",
            "::1",
        ] {
            assert!(check_host(host, &options).is_err(), "{host}");
        }
    }

    #[test]
    fn a_server_for_others_answers_to_any_name() {
        assert!(check_host("photos.example", &options("0.0.0.0:80")).is_ok());
    }

    #[test]
    fn only_the_own_page_and_programs_pass_as_the_same_origin() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for &(name, value) in pairs {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            check_origin(&headers, Some("localhost:7801")).is_ok()
        };
        assert!(check(&[]));
        assert!(check(&[("origin", "http://localhost:7801")]));
        assert!(check(&[("origin", "https://localhost:7801")]));
        assert!(check(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://localhost:7801")
        ]));
        assert!(check(&[("sec-fetch-site", "none")]));
        assert!(!check(&[("origin", "http://localhost:3000")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[("origin", "http://evil.example")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(!check(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://localhost:7801")
        ]));
    }
}
