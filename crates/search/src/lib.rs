//! Queries to hits.
//!
//! This crate knows traits only: any encoder, any vector index, any catalog. It does no file I/O.

mod admission;
mod answer;
pub mod calibration;
pub mod confidence;
mod error;
mod matching;
pub mod profile;
mod query;
mod searcher;
pub mod tagging;
mod texts;

pub use admission::AdmissionCache;
pub use answer::{Answer, RankedHit, Took, Verdict};
pub use error::SearchError;
pub use matching::{Matcher, TextMatch, distinct_texts};
pub use query::{Query, QueryPicture, Weights};
pub use searcher::Searcher;
pub use texts::TextCache;
