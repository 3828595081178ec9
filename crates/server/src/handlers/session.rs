//! Sessions: the page exchanges the token for a cookie, since images and links cannot send headers.

use actix_web::http::header::{ORIGIN, SET_COOKIE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Result};

use crate::credentials::{accepted, cookie_name, wrong_token};
use crate::options::{Authentication, ServeOptions};
use crate::params::{self, SessionParams, nonempty_text};
use crate::responses::ProblemDocument;
use crate::state::AppState;

/// Seconds that a browser keeps the cookie: 30 days.
const MAX_AGE: u32 = 30 * 24 * 60 * 60;

/// Exchange the token for a cookie, as the page does.
///
/// The cookie is sent with every later request of the browser, and to no script (`HttpOnly`,
/// `SameSite=Strict`). Where the server requires no token, there is no cookie.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "server",
    request_body = SessionParams,
    responses(
        (status = 204, description = "`Set-Cookie` has the session.", headers(("Set-Cookie" = String, description = "The session."))),
        (status = 400, description = "The body is not such JSON.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 401, description = "The token is not the server's.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn open_session(
    state: Data<AppState>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let SessionParams { token } = params::read_json(&request, payload, &state).await?;
    let token = nonempty_text("token", token)?;
    let options = &state.options;
    if options.authentication == Authentication::Disabled {
        return Ok(HttpResponse::NoContent().finish());
    }
    let token = accepted(token.trim(), options).ok_or_else(wrong_token)?;
    Ok(with_cookie(&request, options, &token.session(), MAX_AGE))
}

/// End the session of this browser.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "server",
    responses((status = 204, description = "`Set-Cookie` removes the session.", headers(("Set-Cookie" = String, description = "An expired session."))))
)]
pub(crate) async fn close_session(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    with_cookie(&request, &state.options, "", 0)
}

/// The cookie is only sent over TLS where the page was loaded over TLS, which its origin tells.
fn with_cookie(request: &HttpRequest, options: &ServeOptions, value: &str, max_age: u32) -> HttpResponse {
    let origin = request.headers().get(ORIGIN);
    let secure = match origin {
        Some(origin) if origin.as_bytes().starts_with(b"https://") => "; Secure",
        _ => "",
    };
    let name = cookie_name(options);
    let cookie = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    HttpResponse::NoContent()
        .insert_header((SET_COOKIE, cookie))
        .finish()
}
