//! Changes of the library's sources.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A folder that was removed from the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgetResponse {
    /// Paths of images that were removed.
    pub forgotten: u64,
}
