//! The JSON of responses, shared by the HTTP API and the command line.
//!
//! Paths that are not UTF-8 are written with replacement characters; an image is identified by its id.

mod calibration;
mod feedback;
mod image;
mod jobs;
mod matching;
mod problem;
mod search;
mod server;
mod sources;
mod spaces;
mod status;
mod tags;

pub(crate) use calibration::timestamp;
pub use calibration::{
    CalibrationHistoryEntry, CalibrationSummary, CalibrationsResponse, ClassificationMetrics,
    ThresholdSummary,
};
pub use feedback::{FeedbackCount, FeedbackEntry, FeedbackList};
pub use image::{ImageResponse, Position};
pub use jobs::{FailedFile, IndexReport, JobKind, JobResponse, JobState, JobTicket, UnreachableFolder};
pub use matching::{MatchLine, MatchResponse, MatchResult, MatchVerdict};
pub use problem::ProblemDocument;
pub use search::{SearchHit, SearchResponse, TookMs};
pub use server::HealthResponse;
pub use sources::ForgetResponse;
pub use spaces::{DropResponse, SpaceReportResponse};
pub(crate) use status::StatusDocument;
pub use tags::{ImageTag, TagsResponse};

use std::path::PathBuf;

fn display_paths(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}
