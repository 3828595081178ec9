//! Queries to hits.
//!
//! This crate knows traits only: any encoder, any vector index, any catalog. It does no file I/O.

mod admission;
mod answer;
mod error;
mod matching;
mod query;
mod searcher;
mod texts;

pub use admission::FilterCache;
pub use answer::{RankedHit, SearchResults, Timings, Verdict};
pub use error::SearchError;
pub use matching::{Matcher, distinct_texts};
pub use query::{Query, QueryImage, QueryWeights};
pub use searcher::Searcher;
pub use texts::TextCache;
