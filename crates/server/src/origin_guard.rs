//! Rejects requests that a foreign web site caused, and adds security headers to every response.

use std::net::IpAddr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};

use crate::connection::LocalAddress;
use crate::options::ServeOptions;
use crate::params::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

/// Only the server's own files run, and no other site may frame the page. Images may also come from the
/// page's memory, such as one that was dropped on it.
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
    // Other sites cannot embed this library's images.
    (
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
];

/// Rejects requests that a foreign web site caused, and adds security headers to every response.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let mut response = match check_request(&request) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(problem) => request
            .into_response(problem.error_response())
            .map_into_right_body(),
    };
    for (name, value) in HEADERS {
        // A self-contained page has a policy of its own, with the hashes of its scripts.
        if name != header::CONTENT_SECURITY_POLICY || !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn check_request(request: &ServiceRequest) -> Result<(), Problem> {
    let Some(state) = request.app_data::<web::Data<AppState>>() else {
        return Ok(());
    };
    let host = host(request);
    if let Some(host) = &host {
        let local = request.request().conn_data::<LocalAddress>().map(|local| local.0);
        check_host(host, &state.options, local)?;
    }
    check_origin(
        request.method(),
        request.headers(),
        host.as_deref(),
        &state.options,
    )
}

/// The requested host with its port, from the request itself: forwarding headers are not trusted.
fn host(request: &ServiceRequest) -> Option<String> {
    let header = request
        .headers()
        .get(header::HOST)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into());
    header.or_else(|| request.uri().authority().map(ToString::to_string))
}

/// Refuses hosts other than loopback names, the address at which the request arrived and those that the
/// owner allowed (DNS rebinding): a browser sends the name of the site whose page it shows. A request
/// without a host name does not come from a browser.
fn check_host(host: &str, options: &ServeOptions, local: Option<IpAddr>) -> Result<(), Problem> {
    let name = without_port(host);
    if is_known(name, options, local) {
        return Ok(());
    }
    let shown = shortened(name);
    Err(Problem::new(
        ProblemKind::ForeignHost,
        format!(
            "unknown host {shown:?}; this server accepts local names such as localhost, its own address, and names given with --allow-host"
        ),
    ))
}

/// An address cannot be made to mean another one, unlike a name: so the address at which a connection
/// arrived is known.
fn is_known(name: &str, options: &ServeOptions, local: Option<IpAddr>) -> bool {
    let lower = name.to_ascii_lowercase();
    let address = lower.parse::<IpAddr>().map(|ip| ip.to_canonical());
    address.is_ok_and(|ip| ip.is_loopback() || ip == options.listen.ip() || Some(ip) == local)
        || lower == "localhost"
        || lower.ends_with(".localhost")
        || options
            .host_names
            .iter()
            .any(|known| without_port(known).eq_ignore_ascii_case(&lower))
}

/// The host without its port, and an IPv6 address without its brackets.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Refuses requests that a page of another site sends, whatever they ask for: only this server's own page
/// and clients other than browsers may send requests. Following a link to this server is no such request.
///
/// Current browsers send the origin in `Sec-Fetch-Site`, where the address is a secure one; all of them
/// send `Origin` with requests that could change something or be read.
fn check_origin(
    method: &Method,
    headers: &HeaderMap,
    host: Option<&str>,
    options: &ServeOptions,
) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()))
    };
    let follows_link = || {
        [Method::GET, Method::HEAD].contains(method)
            && text("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
            && text("sec-fetch-dest").is_some_and(|destination| destination == "document")
    };
    let allowed = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none" || follows_link(),
        (None, Some(origin)) => origin
            .split_once("://")
            .is_some_and(|(_, from)| is_own(from, host, options)),
        (None, None) => true,
    };
    if allowed {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::CrossOrigin,
        "the request comes from a page of another site; only this server's own page and clients other than browsers may send it",
    ))
}

/// Whether a page from this host with its port is the server's own; a proxy may hide the host by which the
/// browser knows it.
fn is_own(from: &str, host: Option<&str>, options: &ServeOptions) -> bool {
    Some(from) == host
        || options
            .host_names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str) -> ServeOptions {
        ServeOptions::new(listen.parse().unwrap())
    }

    const OWN_ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 7)));

    #[test]
    fn server_accepts_only_known_names() {
        for listen in ["127.0.0.1:7801", "0.0.0.0:7801"] {
            let mut options = options(listen);
            options.host_names = vec!["photos.home".into(), "photos.example:8443".into()];
            for host in [
                "localhost",
                "LOCALHOST:7801",
                "a.localhost:1",
                "127.0.0.1:7801",
                "127.8.8.8",
                "[::1]:7801",
                "[::ffff:127.0.0.1]:7801",
                "192.168.0.7:7801",
                "Photos.Home:80",
                "photos.example",
            ] {
                assert!(check_host(host, &options, OWN_ADDRESS).is_ok(), "{listen} {host}");
            }
            for host in [
                "evil.example",
                "evil.example:7801",
                "192.168.0.8",
                "localhost.evil.example",
                "",
                "[",
                "::1",
            ] {
                assert!(
                    check_host(host, &options, OWN_ADDRESS).is_err(),
                    "{listen} {host}"
                );
            }
        }
        assert!(check_host("10.1.2.3:80", &options("10.1.2.3:80"), None).is_ok());
    }

    fn check(method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for &(name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut options = options("127.0.0.1:7801");
        options.host_names.push("photos.example".into());
        check_origin(method, &headers, Some("localhost:7801"), &options).is_ok()
    }

    #[test]
    fn cross_site_requests_are_refused() {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            for own in [
                &[][..],
                &[("origin", "http://localhost:7801")],
                &[("origin", "https://localhost:7801")],
                &[("origin", "https://photos.example")],
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "http://localhost:7801"),
                ],
                &[("sec-fetch-site", "none")],
            ] {
                assert!(check(&method, own), "{method} {own:?}");
            }
            for foreign in [
                &[("origin", "http://localhost:3000")][..],
                &[("origin", "null")],
                &[("origin", "http://evil.example")],
                &[("origin", "http://photos.example:3000")],
                &[("sec-fetch-site", "same-site")],
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://localhost:7801"),
                ],
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "no-cors"),
                    ("sec-fetch-dest", "image"),
                ],
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
            ] {
                assert!(!check(&method, foreign), "{method} {foreign:?}");
            }
        }
    }

    #[test]
    fn link_from_another_site_may_be_followed() {
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(check(&Method::GET, &link));
        assert!(!check(&Method::POST, &link));
    }
}
