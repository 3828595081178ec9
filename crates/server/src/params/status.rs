//! The parameters of the library's status.

use serde::Deserialize;
use utoipa::IntoParams;

/// What the status includes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatusParams {
    /// Whether to measure the recall of the index too, which reads every vector.
    pub(crate) recall: bool,
    /// Whether to name the files that could not be read as images.
    pub(crate) failed: bool,
}
