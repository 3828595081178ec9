//! Stored texts: sets, reports and hits.

use eidetic_library::{TextHit, TextResults, TextSetStatus, TextsReport};
use eidetic_search::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{SearchResponse, TookMs};

/// The hits of a search: images, or stored texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SearchAnswer {
    /// Where images were searched.
    Images(SearchResponse),
    /// Where stored texts were searched.
    Texts(TextSearchResponse),
}

/// The stored texts that a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextSearchResponse {
    /// The space that was searched: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// `match`: the best text probably describes the image. `no_match`: probably none does, or the words of the query say
    /// nothing. `uncalibrated`: scores rank the hits but are not calibrated, as always for words.
    #[schema(value_type = String, pattern = "^(match|no_match|uncalibrated)$")]
    pub verdict: Verdict,
    /// Words of the query that the model does not know; it was answered without them.
    #[serde(default)]
    pub unknown_words: Vec<String>,
    /// Best first.
    pub hits: Vec<TextSearchHit>,
    /// Number of different texts without a vector in this space, which therefore cannot be hits.
    #[serde(default)]
    pub missing: u64,
    /// Time spent.
    pub took_ms: TookMs,
}

/// One stored text that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextSearchHit {
    /// Its id, unique within its set.
    pub id: String,
    /// The text.
    pub text: String,
    /// The name of its set.
    pub set: String,
    /// What else was said of it when it was added.
    pub fields: Map<String, Value>,
    /// Cosine similarity to the query, −1 to 1; greater is closer.
    pub score: f32,
    /// Probability that it describes the image that was searched by, as far as the model knows its words. Null for words,
    /// and where it is unknown.
    pub confidence: Option<f32>,
    /// Words of it that the model does not know; it was compared without them. Only where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_words: Vec<String>,
}

/// The sets of stored texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextSetsResponse {
    /// By name.
    pub sets: Vec<TextSetEntry>,
}

/// One set of stored texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextSetEntry {
    /// Its name.
    pub name: String,
    /// Its texts.
    pub texts: u64,
    /// Its different texts; equal ones share a vector.
    pub distinct: u64,
    /// Those of them that have no vector in the active space yet.
    pub missing: u64,
    /// Those of them in which the model reads nothing that a picture can show; they are never found.
    pub unreadable: u64,
    /// Size of its records in bytes.
    pub bytes: u64,
    /// What is wrong with its file, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// What adding a set changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextsReportResponse {
    /// The set.
    pub set: String,
    /// Its texts now.
    pub texts: u64,
    /// Ids that are new.
    pub added: u64,
    /// Ids whose text or fields are others than before.
    pub changed: u64,
    /// Ids with the same text and fields as before.
    pub unchanged: u64,
    /// Ids that are gone.
    pub removed: u64,
    /// Texts that were embedded; equal texts are embedded once.
    pub embedded: u64,
    /// Different texts in which the model reads nothing that a picture can show; they are never found.
    pub unreadable: u64,
    /// Whether the run was stopped: the set is as it was before, and what was embedded is kept for the next run.
    #[serde(default)]
    pub cancelled: bool,
    /// The space of the vectors.
    pub space: String,
    /// Duration in seconds.
    pub seconds: f64,
}

/// A set that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedTextsResponse {
    /// The set.
    pub set: String,
    /// The number of its texts.
    pub removed: u64,
}

impl From<&TextResults> for TextSearchResponse {
    fn from(results: &TextResults) -> Self {
        Self {
            space: results.space.to_string(),
            verdict: results.verdict,
            unknown_words: results.unknown_words.clone(),
            hits: results.hits.iter().map(TextSearchHit::from).collect(),
            missing: results.missing,
            took_ms: results.timings.into(),
        }
    }
}

impl From<&TextHit> for TextSearchHit {
    fn from(hit: &TextHit) -> Self {
        Self {
            id: hit.id.clone(),
            text: hit.text.clone(),
            set: hit.set.clone(),
            fields: hit.fields.clone(),
            score: hit.score,
            confidence: hit.confidence,
            unknown_words: hit.unknown_words.clone(),
        }
    }
}

impl From<TextSetStatus> for TextSetEntry {
    fn from(set: TextSetStatus) -> Self {
        Self {
            name: set.name,
            texts: set.texts,
            distinct: set.distinct,
            missing: set.missing,
            unreadable: set.unreadable,
            bytes: set.bytes,
            damage: set.damage,
        }
    }
}

impl From<&TextsReport> for TextsReportResponse {
    fn from(report: &TextsReport) -> Self {
        Self {
            set: report.set.clone(),
            texts: report.texts,
            added: report.added,
            changed: report.changed,
            unchanged: report.unchanged,
            removed: report.removed,
            embedded: report.embedded,
            unreadable: report.unreadable,
            cancelled: report.cancelled,
            space: report.space.clone(),
            seconds: report.seconds,
        }
    }
}
