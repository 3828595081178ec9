//! The JSON of answers, shared by the HTTP API and the command line.
//!
//! Paths that are not UTF-8 are written with replacement characters; an image's id is what names it.

mod calibration;
mod feedback;
mod jobs;
mod match_line;
mod search;
mod spaces;
mod tags;

pub(crate) use calibration::moment;
pub use calibration::{
    CalibrationHistoryEntry, CalibrationSummary, CalibrationsResponse, ClassificationMetrics,
    ThresholdSummary,
};
pub use feedback::{FeedbackCount, FeedbackEntry, FeedbackList};
pub use jobs::{FailedFile, IndexReport, JobKind, JobResponse, JobState, JobTicket};
pub use match_line::MatchLine;
pub use search::{
    HealthResponse, ImageResponse, MatchResponse, MatchResult, MatchVerdict, Position, ProblemDocument,
    SearchHit, SearchResponse, TookMs,
};
pub use spaces::{DropResponse, SpaceReportResponse};
pub use tags::{ImageTag, TagsResponse};
