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

pub use search::{
    HealthResponse, ImageResponse, MatchResponse, MatchResult, Position, ProblemDocument, SearchResponse, SearchHit,
    TookMs, MatchVerdict,
};
pub(crate) use calibration::moment;
pub use calibration::{
    CalibrationSummary, CalibrationHistoryEntry, CalibrationsResponse, ClassificationMetrics, ThresholdSummary,
};
pub use feedback::{FeedbackEntry, FeedbackList, FeedbackCount};
pub use jobs::{FailedFile, IndexReport, JobResponse, JobKind, JobState, JobTicket};
pub use match_line::MatchLine;
pub use spaces::{DropResponse, SpaceReportResponse};
pub use tags::{ImageTag, TagsResponse};
