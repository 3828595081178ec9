//! The response to a search.

use std::path::PathBuf;
use std::time::Duration;

use eidetic_confidence::SimilarityLevel;
use eidetic_domain::{DateRange, Filter, ImageId, TakenSource};
use eidetic_search::{RankedHit, SearchResults, Timings, Verdict};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::params::search_cursor;

use super::path::{FilePart, all_path_bytes, original_path, path_bytes, path_text, path_texts};

/// The hits of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    /// The space that was searched: `model@revision/preprocessing/dimension`.
    pub space: String,
    /// `match`: the best hits probably match, or are similar to the picture of the query. `no_match`: probably nothing matches, or the query has no word that
    /// an image could match; the hits are only the nearest images. `uncalibrated`: scores rank the hits but are not calibrated.
    #[schema(value_type = String, pattern = "^(match|no_match|uncalibrated)$")]
    pub verdict: Verdict,
    /// Words of the query that the model does not know, as the built-in one does not know most. The query was answered
    /// without them; where none is left, the verdict is `no_match` and no hit has a confidence.
    #[serde(default)]
    pub unknown_words: Vec<String>,
    /// Best first, unless the request asks for another order.
    pub hits: Vec<SearchHit>,
    /// Where the hits after these begin, for the parameter `cursor`; null after the last ones, and for a search of all spaces.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Number of images of the library without a vector in this space, which therefore cannot be hits.
    #[serde(default)]
    pub missing: u64,
    /// Number of hits whose date is only the time of their file, which copying may change. Only where the filter has
    /// dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak_dates: Option<u64>,
    /// When the last change was made that the answer knows of, where the command line answers while another process
    /// changes the library. A server's answers are of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
    /// Time spent.
    pub took_ms: TookMs,
}

/// One image that was found; it stands for all that look the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// The first of its paths that is in the filter's folders and exists.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Its paths that exist, those in the filter's folders first. All of them if none there exists.
    pub paths: Vec<String>,
    /// Their bytes in base64, only where one is not UTF-8; null for those that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths_bytes: Option<Vec<Option<String>>>,
    /// Whether the file at `path` can be reached now: its disk may not be mounted.
    #[serde(default = "yes")]
    pub reachable: bool,
    /// Its id: the BLAKE3 hash of its file, 64 hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Cosine similarity to the query, −1 to 1; greater is closer.
    pub score: f32,
    /// Probability that it matches, where the space is calibrated. For a picture: that both show the same; for a
    /// picture with words: that it matches both.
    pub confidence: Option<f32>,
    /// How similar it is to the picture that was searched by: 0 no more than pictures of the library usually are, 1
    /// identical. Null for a query without a picture, and where it is unknown how similar pictures usually are.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1)]
    pub similarity: Option<f32>,
    /// The same as a word: `almost_identical` from 0.97, `very_similar` from 0.85, `similar` from 0.7,
    /// `somewhat_similar` from 0.5, else `different`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(almost_identical|very_similar|similar|somewhat_similar|different)$")]
    pub similarity_level: Option<SimilarityLevel>,
    /// Number of images that look the same, with this one: other files with the same pixels, or nearly the same.
    #[serde(default = "one")]
    #[schema(minimum = 1)]
    pub copies: u64,
    /// Paths of the other files of the same shot: the raw file beside the camera's JPEG file. Only where there are some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
    /// Where in another file it is, for a member of an archive, a page, or a frame of a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<FilePart>,
    /// Width in pixels after applying its orientation.
    pub width: u32,
    /// Height in pixels after applying its orientation.
    pub height: u32,
    /// Capture time in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
    /// Where the capture time was found; `file_time`, which copying a file may change, says little.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(exif|exif_digitized|xmp|iptc|gps|png_text|file_name|side_car|exif_modified|file_time|video)$")]
    pub taken_source: Option<TakenSource>,
    /// Whether it is the very picture that was searched by: its file has the same content. Only where it is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_query: bool,
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
            next_cursor: results.next.as_ref().map(search_cursor::of),
            missing: results.missing,
            weak_dates: None,
            as_of: None,
            took_ms: results.timings.into(),
        }
    }
}

impl SearchResponse {
    /// Counts the hits with a weak date, where `filter` selected by date.
    #[must_use]
    pub fn with_weak_dates(mut self, filter: &Filter) -> Self {
        let is_weak = |hit: &&SearchHit| hit.taken_source.is_some_and(TakenSource::is_weak);
        let has_dates = filter.taken.is_some_and(|range| range != DateRange::default());
        self.weak_dates = has_dates.then(|| self.hits.iter().filter(is_weak).count() as u64);
        self
    }

    /// Adds the hits of the next page.
    pub fn append(&mut self, next: Self) {
        self.hits.extend(next.hits);
        self.next_cursor = next.next_cursor;
        if let (Some(weak), Some(more)) = (&mut self.weak_dates, next.weak_dates) {
            *weak += more;
        }
        self.took_ms.encode += next.took_ms.encode;
        self.took_ms.search += next.took_ms.search;
    }

    /// Marks the hit that is the image that was searched by.
    #[must_use]
    pub fn with_query_image(mut self, image: Option<ImageId>) -> Self {
        for hit in &mut self.hits {
            hit.is_query = Some(hit.image) == image;
        }
        self
    }
}

impl SearchHit {
    /// The first of its paths as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }
}

impl From<&RankedHit> for SearchHit {
    fn from(found: &RankedHit) -> Self {
        let (hit, record) = (&found.hit, &found.record);
        let first = record.paths.first();
        Self {
            path: first.map(|path| path_text(path)).unwrap_or_default(),
            path_bytes: first.and_then(|path| path_bytes(path)),
            part: first.and_then(|path| FilePart::at(path)),
            paths: path_texts(&record.paths),
            paths_bytes: all_path_bytes(&record.paths),
            reachable: found.reachable,
            image: hit.image,
            score: hit.score,
            confidence: hit.confidence,
            similarity: found.similarity,
            similarity_level: found.similarity.map(SimilarityLevel::of),
            copies: found.copies,
            stack: path_texts(&found.stack),
            width: record.metadata.width,
            height: record.metadata.height,
            taken: record.metadata.taken,
            taken_source: record.taken_source,
            is_query: false,
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
pub(super) const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Rounded to microseconds; further digits would be noise.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
