use eidetic_library::SpaceReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FailedFile;

/// What filling a space did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpaceReportResponse {
    /// The space's name in answers.
    pub space: String,
    /// How to load its model.
    pub model: String,
    /// Whether it is the active space now.
    pub active: bool,
    /// Images that have a vector in it now.
    pub images: u64,
    /// Those of them that were embedded in this run.
    pub embedded: u64,
    /// Images that were given tags in it.
    pub tagged: u64,
    /// Images that could not be embedded; they stay in the spaces that have them.
    pub failed: Vec<FailedFile>,
    /// The model of the space that answered before, where that stays.
    pub kept: Option<String>,
    /// The model of the space that answered before, where that went.
    pub dropped: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// A space that is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DropResponse {
    /// Its model.
    pub dropped: String,
}

impl From<&SpaceReport> for SpaceReportResponse {
    fn from(report: &SpaceReport) -> Self {
        Self {
            space: report.space.clone(),
            model: report.model.clone(),
            active: report.active,
            images: report.images,
            embedded: report.embedded,
            tagged: report.tagged,
            failed: report.failed.iter().map(FailedFile::from).collect(),
            kept: report.kept.clone(),
            dropped: report.dropped.clone(),
            seconds: report.seconds,
        }
    }
}
