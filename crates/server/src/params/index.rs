//! The parameters of an indexing job.

use std::path::PathBuf;

use eidetic_indexer::Reading;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::validate::absolute_folder;
use crate::problem::Problem;

/// What to index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IndexParams {
    /// Absolute folders; without any, the sources of the library are indexed.
    pub folders: Vec<String>,
    /// Sources, absolute, whose images that are missing are removed, although the source seems to be unreachable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept_removals: Vec<String>,
    /// Whether to read all files again, also those whose size and times are unchanged.
    pub rescan: bool,
}

/// What to index, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedIndex {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) accept_removals: Vec<PathBuf>,
    pub(crate) reading: Reading,
}

/// What to remove from the library.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForgetParams {
    /// An absolute folder.
    pub(crate) folder: String,
}

impl ForgetParams {
    pub(crate) fn check(self) -> Result<PathBuf, Problem> {
        absolute_folder(self.folder)
    }
}

impl IndexParams {
    /// With all paths absolute.
    pub(crate) fn check(self) -> Result<CheckedIndex, Problem> {
        let absolute = |folders: Vec<String>| -> Result<Vec<PathBuf>, Problem> {
            folders.into_iter().map(absolute_folder).collect()
        };
        Ok(CheckedIndex {
            folders: absolute(self.folders)?,
            accept_removals: absolute(self.accept_removals)?,
            reading: if self.rescan {
                Reading::All
            } else {
                Reading::Changed
            },
        })
    }
}
