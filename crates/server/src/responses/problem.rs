//! Problem documents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was refused or failed (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// The kind of problem, for programs; it does not change between versions.
    #[serde(rename = "type")]
    #[schema(example = "urn:eidetic:problem:unknown-image")]
    pub kind: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, what was expected, and the way out.
    pub detail: String,
}
