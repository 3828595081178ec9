use eidetic_domain::SpaceId;
use eidetic_indexer::{FileFailure, IndexingReport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SpaceReportResponse;

/// The job that a request started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTicket {
    /// Its id, to ask for at `/v1/jobs/{id}`.
    pub job: String,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResponse {
    /// Its id.
    pub job: String,
    /// What it does.
    #[serde(default)]
    pub kind: JobKind,
    /// Whether it runs still, or how it ended.
    pub state: JobState,
    /// Files, or images of a space, dealt with.
    pub done: u64,
    /// Files or images to deal with, once that is known.
    pub total: Option<u64>,
    /// What an indexing job did, once it has ended; after a cancellation, what was done until then.
    pub report: Option<IndexReport>,
    /// What a job did that fills a space, likewise.
    #[serde(default)]
    pub space_report: Option<SpaceReportResponse>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Brings the library up to date with its folders.
    #[default]
    Index,
    /// Embeds all images for another model, which then answers.
    Switch,
    /// Embeds the images that a kept space lacks.
    CatchUp,
}

/// Whether a job runs still, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Under way.
    Running,
    /// It came to its end; single files may have failed.
    Done,
    /// It could not go on.
    Failed,
    /// It was stopped; what it had done until then is kept.
    Cancelled,
}

/// What an indexing run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexReport {
    /// Files that became searchable: new ones, changed ones, and copies of pictures known from elsewhere.
    pub indexed: u64,
    /// Files that are as they were.
    pub unchanged: u64,
    /// Files that stood at another path before.
    pub moved: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Files that could not be read as pictures.
    pub failed: Vec<FailedFile>,
    /// How long it took.
    pub seconds: f64,
    /// Pictures that the model saw, a second.
    pub images_per_second: f64,
    /// The space of the vectors.
    pub space: String,
}

/// A file that could not be read as a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedFile {
    /// Where it is.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl IndexReport {
    /// What `report` says, of a library of `space`.
    pub fn new(report: &IndexingReport, space: &SpaceId) -> Self {
        Self {
            indexed: report.indexed,
            unchanged: report.unchanged,
            moved: report.moved,
            removed: report.removed,
            failed: report.failed.iter().map(FailedFile::from).collect(),
            seconds: report.seconds,
            images_per_second: rate(report.encoded, report.seconds),
            space: space.to_string(),
        }
    }
}

impl From<&FileFailure> for FailedFile {
    fn from(failure: &FileFailure) -> Self {
        Self {
            path: failure.path.to_string_lossy().into_owned(),
            reason: failure.reason.clone(),
        }
    }
}

/// JSON knows no infinity, so nothing in no time is nothing a second.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
