//! The parameters of the model routes.

use eidetic_domain::Precision;
use eidetic_library::PreviousSpace;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The model to switch to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchParams {
    /// `small`, `default` or `best`, a model of the hub, an absolute directory, or `builtin`.
    #[schema(min_length = 1, max_length = 2000, example = "default")]
    pub model: String,
    /// What becomes of the space that is active now: `keep`, where left out, or `drop`.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(keep|drop)$", default = "keep")]
    pub old: PreviousSpace,
    /// Compute precision, `f32`, `bf16` or `int8`; where left out, that of the last indexing run, in a new
    /// space the fastest one here that keeps embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(f32|bf16|int8)$")]
    pub precision: Option<Precision>,
}

/// Names a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceParams {
    /// By its number, its model or its name in responses.
    #[schema(min_length = 1, max_length = 2000)]
    pub space: String,
}
