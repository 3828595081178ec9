use std::time::Duration;

use eidetic_catalog::ImageRecord;
use eidetic_domain::{Hit, SpaceId};
use serde::{Deserialize, Serialize};

/// What a query found.
#[derive(Debug, Clone)]
pub struct SearchResults {
    /// The space in which it was searched.
    pub space: SpaceId,
    /// Whether the hits mean anything.
    pub verdict: Verdict,
    /// Best first; every one of them is in the catalog.
    pub hits: Vec<RankedHit>,
    /// Images of the catalog that have no vector in this space, and so cannot be among the hits.
    pub missing: u64,
    /// Where the time went.
    pub took: Timings,
}

/// A hit with everything known about its image.
#[derive(Debug, Clone)]
pub struct RankedHit {
    /// Image, score and confidence.
    pub hit: Hit,
    /// Its catalog record.
    pub record: ImageRecord,
}

/// Whether the library holds what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The best hits probably match.
    Match,
    /// Nothing in the library probably matches; the hits are merely the nearest.
    NoMatch,
    /// The space has no calibration, so scores order the hits and say no more.
    Uncalibrated,
}

/// Where a query's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// In the model.
    pub encode: Duration,
    /// In index and catalog.
    pub search: Duration,
}
