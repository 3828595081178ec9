//! Lets in requests that carry a token: in a header, or in the cookie that the page got for it.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};

use crate::credentials::{accepted, cookie_name, tokens, wrong_token};
use crate::options::{Authentication, ServeOptions};
use crate::problem::{Problem, ProblemKind};
use crate::routes;
use crate::state::AppState;

/// Refuses requests without a token, where one is required. The page's own files and the health check are
/// open: they tell nothing about the library.
pub(crate) async fn require_token(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let refused = match request.app_data::<web::Data<AppState>>() {
        Some(state) if !routes::is_public(request.path()) => check(request.headers(), &state.options).err(),
        _ => None,
    };
    match refused {
        None => Ok(next.call(request).await?.map_into_left_body()),
        Some(problem) => Ok(request
            .into_response(problem.error_response())
            .map_into_right_body()),
    }
}

fn check(headers: &HeaderMap, options: &ServeOptions) -> Result<(), Problem> {
    if options.authentication == Authentication::Disabled {
        return Ok(());
    }
    match bearer(headers) {
        Some(text) if accepted(text, options).is_some() => return Ok(()),
        Some(_) => return Err(wrong_token()),
        None => {}
    }
    let name = cookie_name(options);
    let is_session = |value: &str| tokens(options).iter().any(|token| token.is_session(value));
    if cookies(headers, &name).any(is_session) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::TokenRequired,
        "this server requires its token; send it as Authorization: Bearer TOKEN",
    ))
}

/// The token of a header `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The values of all cookies of this name.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lists = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = lists
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.split_once('='));
    pairs
        .filter(move |(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
}
