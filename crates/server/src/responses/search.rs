use std::path::PathBuf;
use std::time::Duration;

use eidetic_catalog::ImageRecord;
use eidetic_confidence::Level;
use eidetic_confidence::TextMatch;
use eidetic_confidence::profile::{Action, Bar, Circumstances, ProfileVerdict, Purpose};
use eidetic_domain::{GeoPosition, ImageFormat, ImageId};
use eidetic_search::{Answer, RankedHit, Took, Verdict};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    /// The space in which it was searched: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// `match`: the best hits probably match. `no_match`: probably nothing matches, the hits are merely the nearest.
    /// `uncalibrated`: scores order the hits and say no more.
    #[schema(value_type = String, pattern = "^(match|no_match|uncalibrated)$")]
    pub verdict: Verdict,
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// Images of the library that have no vector in this space, and so cannot be among the hits.
    #[serde(default)]
    pub missing: u64,
    /// Where the time went.
    pub took_ms: TookMs,
}

/// A picture held against texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchResponse {
    /// The space in which they were compared.
    pub space: String,
    /// The picture: its path where it was named by one, its id where it is one of the library, else nothing.
    pub image: Option<String>,
    /// One entry a text, the most probable first.
    pub results: Vec<MatchResult>,
}

/// One text held against the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchResult {
    /// The text.
    pub text: String,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// The score within the span that the model's scores have, 0 to 1.
    pub normalized: f32,
    /// Probability that the text describes the picture.
    pub confidence: Option<f32>,
    /// `high` from 0.8, `medium` from 0.5, `low` from 0.2, else `none`.
    #[schema(value_type = String, pattern = "^(high|medium|low|none)$")]
    pub level: Level,
    /// What the profile says, where the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<MatchVerdict>,
}

/// What a profile says of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchVerdict {
    /// The profile's level, or what it calls all that reaches none; `unknown` where a confidence is needed and none is known.
    #[schema(example = "review")]
    pub level: String,
    /// What to do.
    #[schema(value_type = String, pattern = "^(adopt|check_by_hand|improve_text|improve_picture|replace)$")]
    pub action: Action,
    /// The bar that was reached: `{"score": …}` or `{"confidence": …}`; null where none was.
    #[schema(value_type = Option<Object>, example = json!({"score": 0.31}))]
    pub bar: Option<Bar>,
}

impl From<ProfileVerdict> for MatchVerdict {
    fn from(verdict: ProfileVerdict) -> Self {
        Self {
            level: verdict.level,
            action: verdict.action,
            bar: verdict.bar,
        }
    }
}

impl From<TextMatch> for MatchResult {
    fn from(found: TextMatch) -> Self {
        Self {
            text: found.text,
            score: found.score,
            normalized: found.normalized,
            confidence: found.confidence,
            level: found.level,
            verdict: None,
        }
    }
}

impl MatchResponse {
    /// What `purpose` says of each result.
    pub fn results(
        matches: Vec<TextMatch>,
        purpose: Option<&Purpose>,
        circumstances: Circumstances,
    ) -> Vec<MatchResult> {
        let verdicts = purpose.map(|purpose| purpose.resolve(circumstances).verdicts(&matches));
        let mut results: Vec<MatchResult> = matches.into_iter().map(MatchResult::from).collect();
        for (result, verdict) in results.iter_mut().zip(verdicts.into_iter().flatten()) {
            result.verdict = Some(verdict.into());
        }
        results
    }
}

/// One image found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The first of its paths.
    pub path: String,
    /// Every path at which it stands, sorted.
    pub paths: Vec<String>,
    /// Its id: the BLAKE3 hash of its file, 64 hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Cosine similarity to the query, −1 to 1; greater is closer.
    pub score: f32,
    /// Probability that it really matches, where the space has been calibrated.
    pub confidence: Option<f32>,
    /// Width in pixels, as shown.
    pub width: u32,
    /// Height in pixels, as shown.
    pub height: u32,
    /// When it was taken, in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
}

/// Milliseconds spent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TookMs {
    /// In the model.
    pub encode: f64,
    /// In index and catalog.
    pub search: f64,
}

/// What is known of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageResponse {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// The first of its paths.
    pub path: String,
    /// Every path at which it stands, sorted.
    pub paths: Vec<String>,
    /// Width in pixels, as shown.
    pub width: u32,
    /// Height in pixels, as shown.
    pub height: u32,
    /// The format of its content.
    #[schema(value_type = String, example = "jpeg")]
    pub format: ImageFormat,
    /// Size of its file.
    pub bytes: u64,
    /// When it was taken, in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
    /// The camera.
    #[schema(example = "NIKON D750")]
    pub camera: Option<String>,
    /// Where it was taken.
    pub position: Option<Position>,
}

/// A position on Earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// That the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthResponse {
    /// `ok`.
    pub status: String,
}

/// Why a request was refused or failed (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// The kind of problem, for programs; it does not change between versions.
    #[serde(rename = "type")]
    #[schema(example = "urn:eidetic:problem:unknown-image")]
    pub kind: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and the way out.
    pub detail: String,
}

impl From<&Answer> for SearchResponse {
    fn from(answer: &Answer) -> Self {
        Self {
            space: answer.space.to_string(),
            verdict: answer.verdict,
            hits: answer.hits.iter().map(SearchHit::from).collect(),
            missing: answer.missing,
            took_ms: answer.took.into(),
        }
    }
}

impl From<&RankedHit> for SearchHit {
    fn from(RankedHit { hit, record }: &RankedHit) -> Self {
        let paths = display_paths(&record.paths);
        Self {
            path: paths.first().cloned().unwrap_or_default(),
            paths,
            image: hit.image,
            score: hit.score,
            confidence: hit.confidence,
            width: record.metadata.width,
            height: record.metadata.height,
            taken: record.metadata.taken,
        }
    }
}

impl From<Took> for TookMs {
    fn from(took: Took) -> Self {
        Self {
            encode: milliseconds(took.encode),
            search: milliseconds(took.search),
        }
    }
}

impl From<&ImageRecord> for ImageResponse {
    fn from(record: &ImageRecord) -> Self {
        let paths = display_paths(&record.paths);
        let metadata = &record.metadata;
        Self {
            image: record.image,
            path: paths.first().cloned().unwrap_or_default(),
            paths,
            width: metadata.width,
            height: metadata.height,
            format: metadata.format,
            bytes: record.bytes,
            taken: metadata.taken,
            camera: metadata.camera.as_ref().map(ToString::to_string),
            position: metadata.position.map(Position::from),
        }
    }
}

impl From<GeoPosition> for Position {
    fn from(position: GeoPosition) -> Self {
        Self {
            latitude: position.latitude,
            longitude: position.longitude,
        }
    }
}

fn display_paths(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

/// To the microsecond: more would only look exact.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
