//! The JSON of answers, shared by the HTTP API and the command line.
//!
//! Paths that are not UTF-8 are written with replacement characters; an image's id is what names it.

mod answers;
mod calibration;
mod feedback;
mod jobs;
mod lines;
mod spaces;
mod tags;

pub use answers::{
    Health, ImageAnswer, MatchAnswer, MatchResult, Position, ProblemDocument, SearchAnswer, SearchHit,
    TookMs, VerdictAnswer,
};
pub(crate) use calibration::moment;
pub use calibration::{
    CalibrationAnswer, CalibrationEventAnswer, CalibrationsAnswer, FiguresAnswer, ThresholdAnswer,
};
pub use feedback::{FeedbackAnswer, FeedbackAnswers, FeedbackCount};
pub use jobs::{FailedFile, IndexReport, JobAnswer, JobKind, JobState, JobTicket};
pub use lines::MatchLine;
pub use spaces::{DropAnswer, SpaceReportAnswer};
pub use tags::{ImageTag, TagsAnswer};
