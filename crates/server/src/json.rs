//! The JSON of requests and answers, shared by the HTTP API and the command line.
//!
//! Paths that are not UTF-8 are written with replacement characters; an image's id is what names it.

mod answers;
mod jobs;
mod requests;
mod tags;

pub use answers::{Health, ImageAnswer, Position, ProblemDocument, SearchAnswer, SearchHit, TookMs};
pub use jobs::{FailedFile, IndexReport, JobAnswer, JobState, JobTicket};
pub use requests::{FilterRequest, IndexRequest, SearchRequest, TakenRequest};
pub use tags::{ImageTag, TagsAnswer};
