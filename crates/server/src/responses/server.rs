//! The health of the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server responds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthResponse {
    /// `ok`.
    pub status: String,
}
