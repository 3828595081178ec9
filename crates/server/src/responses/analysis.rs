//! The results of jobs that tag, screen and calibrate. The command line prints the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eidetic_catalog::Tag;
use eidetic_confidence::profile::{Finding, ProfileAction};
use eidetic_confidence::tagging::{recommended_tags, tag_weight, taggability};
use eidetic_domain::{ImageId, TakenSource};
use eidetic_library::{
    AlbumImage, AlbumPage, AlbumSummary, FailedImage, LeftOutPattern, ListOptions, PatternCount,
    ScreenedImage, ScreeningReport, TagReport,
};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::params::list_cursor;

use super::path::{FilePart, all_path_bytes, original_path, path_bytes, path_text, path_texts};
use super::{CalibrationSummary, FailedFile, ProfileThresholds};

/// The report of a tagging run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TagReportResponse {
    /// Images that were tagged in this run.
    pub tagged: u64,
    /// Images that had the tags of these vocabularies already.
    pub unchanged: u64,
    /// Images whose vectors are damaged or missing.
    pub skipped: u64,
    /// Whether the run was stopped before its end; what it did is kept.
    pub cancelled: bool,
    /// Duration in seconds.
    pub seconds: f64,
    /// Number of words of all vocabularies.
    pub vocabulary: u64,
    /// The vocabularies.
    #[serde(default)]
    pub vocabularies: Vec<VocabularySummary>,
    /// The space of the vectors.
    pub space: String,
    /// Images of the whole library with at least one tag.
    pub images: u64,
    /// Every tag of the library, the most frequent first.
    pub tags: Vec<TagFrequency>,
}

/// A vocabulary, and how much of it the model knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VocabularySummary {
    /// Its name.
    pub name: String,
    /// Number of its words.
    pub words: u64,
    /// Those that the model does not know; they were left out.
    pub unknown: u64,
    /// The first of those.
    pub unknown_words: Vec<String>,
}

/// A tag and its frequency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagFrequency {
    /// As the vocabulary writes it.
    pub tag: String,
    /// Images that have it.
    pub images: u64,
}

/// The result of screening a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScreenResponse {
    /// The space of the vectors.
    pub space: String,
    /// The profile.
    pub profile: String,
    /// Images that were compared with the patterns.
    pub images: u64,
    /// Images for which a pattern reaches a level.
    pub flagged: u64,
    /// Images whose vectors are damaged.
    pub skipped: u64,
    /// Files that could not be read as images.
    #[serde(default)]
    pub failed: Vec<FailedFile>,
    /// Number of patterns that were left out, because they have words that the model does not know.
    pub unknown_patterns: u64,
    /// Those patterns, each with these words.
    #[serde(default)]
    #[schema(value_type = Vec<Object>, example = json!([{"text": "an injured animal", "unknown_words": ["injured"]}]))]
    pub left_out: Vec<LeftOutPattern>,
    /// Images by level.
    #[serde(default)]
    pub levels: BTreeMap<String, u64>,
    /// Findings by pattern, the most frequent first: `{"text":…,"risk":…,"levels":{level: images}}`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub patterns: Vec<PatternCount>,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
    /// The images for which a pattern reaches a level, or all where the request asks for them: the strictest level first,
    /// within a level the most confident.
    pub pictures: Vec<ScreenedPicture>,
}

/// An image that was compared with the patterns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScreenedPicture {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Its paths.
    pub paths: Vec<String>,
    /// Their bytes in base64, only where one is not UTF-8; null for those that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths_bytes: Option<Vec<Option<String>>>,
    /// Its strictest level; the profile's default level without a finding.
    pub level: String,
    /// What to do.
    #[schema(value_type = String, pattern = "^(adopt|check_by_hand|improve_text|improve_picture|replace)$")]
    pub action: ProfileAction,
    /// The patterns that reach a level, the strictest level first.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Finding>,
}

/// The result of calibrating.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrateResponse {
    /// Whether it was stored.
    pub stored: bool,
    /// The calibration.
    pub calibration: CalibrationSummary,
    /// What the pairs say about the levels of profiles.
    #[serde(default)]
    pub profiles: Vec<ProfileThresholds>,
    /// Images that could not be read, with the line of the first pair that names them.
    pub failed: Vec<FailedPairImage>,
    /// The report as an HTML page, where the request asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// An image of a pair that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedPairImage {
    /// The line of the first pair that names it.
    pub line: usize,
    /// Its path or id.
    #[serde(flatten)]
    pub file: FailedFile,
}

/// A page of a list of images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlbumResponse {
    /// The images of this page.
    pub images: Vec<AlbumPicture>,
    /// Images on all pages.
    pub total: u64,
    /// What the next page begins after, for the parameter `cursor`; null on the last one.
    pub next_cursor: Option<String>,
    /// How well the vocabularies fit the library; with tags, and on the first page only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagging: Option<AlbumTagging>,
    /// When the last change was made that the list knows of, where the command line lists while another process changes the
    /// library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// An image of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlbumPicture {
    /// The first of its paths that is in the filter's folders and exists.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Its paths that exist, those in the filter's folders first. All of them if none there exists.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Whether the file at `path` can be reached now: its disk may not be mounted.
    #[serde(default = "super::search::yes")]
    pub reachable: bool,
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Where in another file it is, for a member of an archive, a page, or a frame of a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<FilePart>,
    /// Width in pixels after applying its orientation.
    #[serde(default)]
    pub width: u32,
    /// Height in pixels after applying its orientation.
    #[serde(default)]
    pub height: u32,
    /// Size of its file.
    #[serde(default)]
    pub bytes: u64,
    /// Capture time in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
    /// Where the capture time was found; `file_time`, which copying a file may change, says little.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(exif|exif_digitized|xmp|iptc|gps|png_text|file_name|side_car|exif_modified|file_time|video)$")]
    pub taken_source: Option<TakenSource>,
    /// How well the vocabulary fits, 0 to 1: the mean confidence of the three best tags, a missing one counting as 0. Null
    /// for an image that was not tagged yet, and unless tags are asked for.
    #[serde(default)]
    pub taggability: Option<f32>,
    /// The three best tags, where tags are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Vec<String>>,
    /// All tags, the most probable first, where tags are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<WeightedTag>>,
}

/// A tag of an image with its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WeightedTag {
    /// As the vocabulary writes it.
    pub tag: String,
    /// Its confidence in tenths, 1 to 10.
    #[schema(minimum = 1, maximum = 10)]
    pub weight: u8,
    /// Probability that it describes the image, 0 to 1.
    pub confidence: f32,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Whether its confidence is below the minimum: it was given because better tags are missing.
    pub low: bool,
}

/// How well the vocabularies fit a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlbumTagging {
    /// Images with at least one tag.
    pub tagged: u64,
    /// Images without a tag.
    pub untagged: u64,
    /// Tags of an image on average.
    pub tags_per_image: f64,
    /// Mean taggability of the images.
    pub taggability: f64,
}

impl From<&FailedImage> for FailedPairImage {
    fn from(failed: &FailedImage) -> Self {
        Self {
            line: failed.line,
            file: failed.into(),
        }
    }
}

impl From<TagReport> for TagReportResponse {
    fn from(report: TagReport) -> Self {
        let vocabularies = report.vocabularies.into_iter().map(|of| VocabularySummary {
            name: of.name,
            words: of.words,
            unknown: of.unknown,
            unknown_words: of.unknown_words,
        });
        let tags = report.tags.into_iter().map(|count| TagFrequency {
            tag: count.tag,
            images: count.images,
        });
        Self {
            tagged: report.tagged,
            unchanged: report.unchanged,
            skipped: report.skipped,
            cancelled: report.cancelled,
            seconds: report.seconds,
            vocabulary: report.vocabulary,
            vocabularies: vocabularies.collect(),
            space: report.space,
            images: report.images,
            tags: tags.collect(),
        }
    }
}

impl ScreenResponse {
    /// The result for images in the order in which they are shown.
    pub fn new(space: String, profile: String, report: ScreeningReport, images: Vec<ScreenedImage>) -> Self {
        let failed = report.failed.into_iter().map(|failed| FailedFile {
            path: failed.path,
            path_bytes: None,
            reason: failed.reason,
        });
        Self {
            space,
            profile,
            images: report.images,
            flagged: report.flagged,
            skipped: report.skipped,
            failed: failed.collect(),
            unknown_patterns: report.unknown_patterns,
            left_out: report.left_out,
            levels: report.levels,
            patterns: report.patterns,
            cancelled: report.cancelled,
            pictures: images.into_iter().map(ScreenedPicture::from).collect(),
        }
    }
}

impl From<ScreenedImage> for ScreenedPicture {
    fn from(flagged: ScreenedImage) -> Self {
        Self {
            image: flagged.image,
            paths: path_texts(&flagged.paths),
            paths_bytes: all_path_bytes(&flagged.paths),
            level: flagged.level,
            action: flagged.action,
            findings: flagged.findings,
        }
    }
}

impl ScreenedPicture {
    /// The first of its paths as it is.
    pub fn original_path(&self) -> Option<PathBuf> {
        let bytes = self
            .paths_bytes
            .as_ref()
            .and_then(|bytes| bytes.first()?.as_deref());
        self.paths.first().map(|path| original_path(path, bytes))
    }

    /// What its first finding suggests to do.
    pub fn action(&self) -> Option<ProfileAction> {
        self.findings.first().map(|finding| finding.verdict.action)
    }
}

impl AlbumResponse {
    /// A page of the list that `options` ask for.
    pub fn new(page: AlbumPage, options: &ListOptions) -> Self {
        let picture = |image| AlbumPicture::new(image, options.with_tags);
        Self {
            total: page.total,
            next_cursor: page.next.map(|next| list_cursor::of(&next, options.order)),
            images: page.images.into_iter().map(picture).collect(),
            tagging: None,
            as_of: None,
        }
    }
}

impl AlbumPicture {
    /// Its path as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }

    /// The picture, with its tags where they are asked for.
    pub(super) fn new(image: AlbumImage, with_tags: bool) -> Self {
        let record = image.record;
        let path = record.paths.first().cloned().unwrap_or_default();
        let known = image.tags.as_deref().filter(|_| with_tags);
        let tags = known.unwrap_or_default();
        let recommended = || {
            recommended_tags(tags)
                .iter()
                .map(|tag| tag.name.clone())
                .collect()
        };
        Self {
            path: path_text(&path),
            path_bytes: path_bytes(&path),
            part: FilePart::at(&path),
            paths: path_texts(&record.paths),
            reachable: image.reachable,
            image: record.image,
            width: record.metadata.width,
            height: record.metadata.height,
            bytes: record.bytes,
            taken: record.metadata.taken,
            taken_source: record.taken_source,
            taggability: known.map(taggability),
            recommended: with_tags.then(recommended),
            tags: with_tags.then(|| tags.iter().map(WeightedTag::from).collect()),
        }
    }
}

impl From<&Tag> for WeightedTag {
    fn from(tag: &Tag) -> Self {
        Self {
            tag: tag.name.clone(),
            weight: tag_weight(tag),
            confidence: tag.confidence,
            score: tag.score,
            low: tag.low,
        }
    }
}

impl From<AlbumSummary> for AlbumTagging {
    fn from(summary: AlbumSummary) -> Self {
        Self {
            tagged: summary.tagged,
            untagged: summary.untagged,
            tags_per_image: summary.tags_per_image,
            taggability: summary.taggability,
        }
    }
}
