//! The response to a search.

use std::time::Duration;

use eidetic_domain::ImageId;
use eidetic_search::{RankedHit, SearchResults, Timings, Verdict};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::display_paths;

/// The hits of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    /// The space that was searched: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// `match`: the best hits probably match. `no_match`: probably nothing matches, or the query has no word that
    /// an image could match; the hits are only the nearest images. `uncalibrated`: scores rank the hits but are not calibrated.
    #[schema(value_type = String, pattern = "^(match|no_match|uncalibrated)$")]
    pub verdict: Verdict,
    /// Words of the query that the model does not know, as the built-in one does not know most. The query was answered
    /// without them; where none is left, the verdict is `no_match` and no hit has a confidence.
    #[serde(default)]
    pub unknown_words: Vec<String>,
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// Number of images of the library without a vector in this space, which therefore cannot be hits.
    #[serde(default)]
    pub missing: u64,
    /// Time spent.
    pub took_ms: TookMs,
}

/// One image that was found; it stands for all that look the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The first of its paths that is in the filter's folders and exists.
    pub path: String,
    /// Its paths that exist, those in the filter's folders first. All of them if none there exists.
    pub paths: Vec<String>,
    /// Whether the file at `path` can be reached now: its disk may not be mounted.
    #[serde(default = "yes")]
    pub reachable: bool,
    /// Its id: the BLAKE3 hash of its file, 64 hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Cosine similarity to the query, −1 to 1; greater is closer.
    pub score: f32,
    /// Probability that it matches, where the space is calibrated.
    pub confidence: Option<f32>,
    /// Number of images that look the same, with this one: other files with the same pixels, or nearly the same.
    #[serde(default = "one")]
    #[schema(minimum = 1)]
    pub copies: u64,
    /// Width in pixels after applying its orientation.
    pub width: u32,
    /// Height in pixels after applying its orientation.
    pub height: u32,
    /// Capture time in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
}

const fn one() -> u64 {
    1
}

/// Time spent in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TookMs {
    /// In the model.
    pub encode: f64,
    /// In index and catalog.
    pub search: f64,
}

impl From<&SearchResults> for SearchResponse {
    fn from(results: &SearchResults) -> Self {
        Self {
            space: results.space.to_string(),
            verdict: results.verdict,
            unknown_words: results.unknown_words.clone(),
            hits: results.hits.iter().map(SearchHit::from).collect(),
            missing: results.missing,
            took_ms: results.timings.into(),
        }
    }
}

impl From<&RankedHit> for SearchHit {
    fn from(found: &RankedHit) -> Self {
        let (hit, record) = (&found.hit, &found.record);
        let paths = display_paths(&record.paths);
        Self {
            path: paths.first().cloned().unwrap_or_default(),
            paths,
            reachable: found.reachable,
            image: hit.image,
            score: hit.score,
            confidence: hit.confidence,
            copies: found.copies,
            width: record.metadata.width,
            height: record.metadata.height,
            taken: record.metadata.taken,
        }
    }
}

impl From<Timings> for TookMs {
    fn from(timings: Timings) -> Self {
        Self {
            encode: milliseconds(timings.encode),
            search: milliseconds(timings.search),
        }
    }
}

/// What answers of earlier servers meant.
const fn yes() -> bool {
    true
}

/// Rounded to microseconds; further digits would be noise.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
