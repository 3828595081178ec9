//! The tokens that let in, and the cookie that stands for one.

use crate::access_token::AccessToken;
use crate::options::{Authentication, ServeOptions};
use crate::problem::{Problem, ProblemKind};

/// The token that `text` is, if it is one that lets in.
pub(crate) fn accepted<'a>(text: &str, options: &'a ServeOptions) -> Option<&'a AccessToken> {
    tokens(options).iter().find(|token| token.is(text))
}

/// The name of the cookie. Browsers send cookies to every port of a host, so servers beside each other need
/// different names.
pub(crate) fn cookie_name(options: &ServeOptions) -> String {
    format!("eidetic-session-{}", options.listen.port())
}

/// The problem of a token that lets nobody in.
pub(crate) fn wrong_token() -> Problem {
    Problem::new(ProblemKind::TokenRequired, "this is not the token of the server")
}

/// The tokens of the server; none where it requires none.
pub(crate) fn tokens(options: &ServeOptions) -> &[AccessToken] {
    match &options.authentication {
        Authentication::Disabled => &[],
        Authentication::Required(tokens) => tokens,
    }
}
