//! The parameters of a backup.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::validate::absolute_path;
use crate::problem::Problem;

/// Where to write a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupParams {
    /// An absolute path on the machine of the server, where no file exists.
    #[schema(min_length = 1, max_length = 4096)]
    pub file: String,
    /// Whether thumbnails are in it, which could be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thumbnails: bool,
}

/// Where to write a backup, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedBackup {
    pub(crate) file: PathBuf,
    pub(crate) thumbnails: bool,
}

impl BackupParams {
    /// With an absolute path.
    pub(crate) fn check(self) -> Result<CheckedBackup, Problem> {
        Ok(CheckedBackup {
            file: absolute_path("file", self.file)?,
            thumbnails: self.thumbnails,
        })
    }
}
