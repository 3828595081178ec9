//! The parameters of a session.

use serde::Deserialize;
use utoipa::ToSchema;

/// What opens a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionParams {
    /// The server's token.
    #[schema(min_length = 1, max_length = 2000, format = Password)]
    pub(crate) token: String,
}
