//! Reports on spaces.

use eidetic_library::SpaceReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FailedFile;

/// The report of a job that fills a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpaceReportResponse {
    /// The space's name in responses.
    pub space: String,
    /// The name of its model.
    pub model: String,
    /// Whether it is the active space now.
    pub active: bool,
    /// Images that have a vector in it now.
    pub images: u64,
    /// Images that this job embedded.
    pub embedded: u64,
    /// Different stored texts that have a vector in it now.
    #[serde(default)]
    pub texts: u64,
    /// Images that have tags in it.
    pub tagged: u64,
    /// Whether the previously active space had calibrations, which do not apply to this one.
    #[serde(default)]
    pub left_calibrations: bool,
    /// Images that could not be embedded; other spaces keep their vectors.
    pub failed: Vec<FailedFile>,
    /// The model of the previously active space, if that is kept.
    pub kept: Option<String>,
    /// The model of the previously active space, if that was dropped.
    pub dropped: Option<String>,
    /// Duration in seconds.
    pub seconds: f64,
}

/// A space that was dropped.
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
            texts: report.texts,
            tagged: report.tagged,
            left_calibrations: report.left_calibrations,
            failed: report.failed.iter().map(FailedFile::from).collect(),
            kept: report.kept.clone(),
            dropped: report.dropped.clone(),
            seconds: report.seconds,
        }
    }
}
