//! The results of a query.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::time::Duration;

use eidetic_catalog::ImageRecord;
use eidetic_domain::{Hit, SpaceId};
use serde::{Deserialize, Serialize};

use crate::{HitOrder, SearchPosition};

/// The results of a query.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The space that was searched.
    pub space: SpaceId,
    /// Whether the hits probably match.
    pub verdict: Verdict,
    /// Words of the query that the model does not know; the query was answered without them.
    pub unknown_words: Vec<String>,
    /// The hits, best first. Each is in the catalog.
    pub hits: Vec<RankedHit>,
    /// Where the hits after these begin; none where there are none.
    pub next: Option<SearchPosition>,
    /// Number of images of the catalog without a vector in this space, which therefore cannot be hits.
    pub missing: u64,
    /// Time spent.
    pub timings: Timings,
}

impl SearchResults {
    /// Puts the hits in an order.
    pub fn sort(&mut self, order: HitOrder) {
        if order == HitOrder::Taken {
            // Stable: those of the same date stay by score. Without a date is less than any.
            self.hits.sort_by_key(|hit| Reverse(hit.record.metadata.taken));
        }
    }
}

/// A hit with the record of its image. It stands for all images of the library that look the same.
#[derive(Debug, Clone)]
pub struct RankedHit {
    /// Image, score and confidence.
    pub hit: Hit,
    /// How similar the image is to that of the query, from 0, no more than images of the library usually are, to 1,
    /// identical. `None` where the query has no image, or that is unknown.
    pub similarity: Option<f32>,
    /// The image's record in the catalog.
    pub record: ImageRecord,
    /// Number of images that look the same, with this one: those found among the nearest, so at least that many.
    pub copies: u64,
    /// Paths of the other files of the same shot: the raw file beside the camera's JPEG file.
    pub stack: Vec<PathBuf>,
    /// Whether the file at the first of the record's paths can be read now. The searcher reads no files: it says yes.
    pub reachable: bool,
}

/// Whether the library has images that match the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The best hits probably match, or are similar to the image of the query.
    Match,
    /// Probably nothing matches, or the query says nothing that an image could match; the hits are only the nearest
    /// images.
    NoMatch,
    /// Scores rank the hits, but are not calibrated.
    Uncalibrated,
}

/// Time spent on a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// In the model.
    pub encode: Duration,
    /// In index and catalog.
    pub search: Duration,
}
