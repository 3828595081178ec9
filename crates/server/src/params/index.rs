//! The parameters of an indexing job.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::validate::absolute_folder;
use crate::problem::Problem;

/// What to index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IndexParams {
    /// Absolute folders; without any, the sources of the library are indexed.
    pub folders: Vec<String>,
}

impl IndexParams {
    /// The folders, all absolute.
    pub(crate) fn check(self) -> Result<Vec<PathBuf>, Problem> {
        self.folders.into_iter().map(absolute_folder).collect()
    }
}
