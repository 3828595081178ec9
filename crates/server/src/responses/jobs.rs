//! Jobs, and the reports of indexing and backups.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eidetic_domain::SpaceId;
use eidetic_indexer::{FileFailure, IndexingReport, UnreachableSource};
use eidetic_library::BackupReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{original_path, path_bytes, path_text};
use super::{
    CalibrateResponse, DuplicatesResponse, ScreenResponse, SpaceReportResponse, TagReportResponse,
    TextsReportResponse,
};

/// The job that a request started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTicket {
    /// Its id, for `/v1/jobs/{id}`.
    pub job: String,
}

/// The jobs of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobsResponse {
    /// Those that wait or run, and the last ones that ended, the newest first, without their reports.
    pub jobs: Vec<JobResponse>,
}

/// Progress or result of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResponse {
    /// Its id.
    pub job: String,
    /// What it does.
    #[serde(default)]
    pub kind: JobKind,
    /// What it works on: folders, a model, a set of texts, a profile, a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether it waits, runs, or how it ended.
    pub state: JobState,
    /// Files, images, texts, words of a vocabulary, bytes of a backup, or steps of a map, processed so far.
    pub done: u64,
    /// How many to process in all, once known.
    pub total: Option<u64>,
    /// Files that could not be processed so far.
    #[serde(default)]
    pub failures: u64,
    /// How many are processed in a second at present, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Seconds that are left at this rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<f64>,
    /// The job that has to end before this one starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When it was requested, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ms: Option<i64>,
    /// When it started; the last time, if it was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// The report of an indexing job that has ended or was cancelled.
    pub report: Option<IndexReport>,
    /// The report of a job that fills a space, likewise.
    #[serde(default)]
    pub space_report: Option<SpaceReportResponse>,
    /// The report of a job that adds texts, likewise.
    #[serde(default)]
    pub texts_report: Option<TextsReportResponse>,
    /// The report of a tagging job, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_report: Option<TagReportResponse>,
    /// The result of a screening job, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_report: Option<ScreenResponse>,
    /// The result of a calibration that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrate_report: Option<CalibrateResponse>,
    /// The groups that a search for duplicates found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates_report: Option<DuplicatesResponse>,
    /// The backup that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_report: Option<BackupResponse>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What a job found: one of these, by its kind.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct JobReports {
    pub(crate) index: Option<IndexReport>,
    pub(crate) space: Option<SpaceReportResponse>,
    pub(crate) texts: Option<TextsReportResponse>,
    pub(crate) tag: Option<TagReportResponse>,
    pub(crate) screen: Option<ScreenResponse>,
    pub(crate) calibrate: Option<CalibrateResponse>,
    pub(crate) duplicates: Option<DuplicatesResponse>,
    pub(crate) backup: Option<BackupResponse>,
}

impl JobResponse {
    /// With what the job found.
    pub(crate) fn with_reports(self, reports: JobReports) -> Self {
        Self {
            report: reports.index,
            space_report: reports.space,
            texts_report: reports.texts,
            tag_report: reports.tag,
            screen_report: reports.screen,
            calibrate_report: reports.calibrate,
            duplicates_report: reports.duplicates,
            backup_report: reports.backup,
            ..self
        }
    }

    /// Takes out what the job found.
    pub(crate) fn take_reports(&mut self) -> JobReports {
        JobReports {
            index: self.report.take(),
            space: self.space_report.take(),
            texts: self.texts_report.take(),
            tag: self.tag_report.take(),
            screen: self.screen_report.take(),
            calibrate: self.calibrate_report.take(),
            duplicates: self.duplicates_report.take(),
            backup: self.backup_report.take(),
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Updates the library from its sources.
    #[default]
    Index,
    /// Embeds all images with another model and activates its space.
    Switch,
    /// Embeds the images that are missing in a kept space.
    #[serde(rename = "catch_up")]
    Backfill,
    /// Makes a set of stored texts.
    Texts,
    /// Tags all images.
    Tag,
    /// Compares all images with the patterns of a profile.
    Screen,
    /// Fits confidences to labeled pairs.
    Calibrate,
    /// Looks for duplicates.
    Duplicates,
    /// Writes a backup.
    Backup,
    /// Computes the places of images on the map; `GET /v1/map` starts it.
    Map,
}

impl JobKind {
    /// What a job of this kind needs for itself, named by one of the kinds that need it: of these one runs at a time.
    pub(crate) const fn lane(self) -> Self {
        match self {
            // Both fill a space.
            Self::Backfill => Self::Switch,
            other => other,
        }
    }
}

/// Whether a job waits or runs, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It starts when those before it have ended.
    Queued,
    /// It works.
    Running,
    /// Completed; single files may have failed.
    Done,
    /// Stopped by an error.
    Failed,
    /// Cancelled; what it had committed is kept.
    Cancelled,
}

impl JobState {
    /// Whether the job neither waits nor runs.
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A backup that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupResponse {
    /// The file.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Images of the library.
    pub images: u64,
    /// Files that hold them.
    pub paths: u64,
    /// Embedding spaces.
    pub spaces: u64,
    /// When the last change was made that the backup has, in milliseconds since 1970.
    pub at_ms: i64,
}

impl From<BackupReport> for BackupResponse {
    fn from(report: BackupReport) -> Self {
        Self {
            file: path_text(&report.file),
            bytes: report.bytes,
            images: report.images,
            paths: report.paths,
            spaces: report.spaces,
            at_ms: report.at_ms,
        }
    }
}

/// The report of an indexing job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexReport {
    /// Files that became searchable: new ones, changed ones, and copies of known images.
    pub indexed: u64,
    /// Unchanged files.
    pub unchanged: u64,
    /// Of the unchanged files, those whose details (captions, keywords, dates and the like) were read again: a side-car
    /// file changed, or an earlier version had not read them.
    #[serde(default)]
    pub details_read: u64,
    /// Of those, the images that were embedded again, since earlier versions ignored their color profiles or orientation.
    #[serde(default)]
    pub embedded_again: u64,
    /// New images whose files are damaged and shown as far as they go.
    #[serde(default)]
    pub damaged: u64,
    /// Files that were at another path before.
    pub moved: u64,
    /// Files that were deleted.
    pub removed: u64,
    /// Files that could not be read as images.
    pub failed: Vec<FailedFile>,
    /// Sources, or parts of them, that could not be reached; their images are kept.
    #[serde(default)]
    pub unreachable: Vec<UnreachableFolder>,
    /// What was left out and is no failure: number of files of each unsupported format, of `videos without ffmpeg`, of
    /// `other files`, and of `junk folders` (trash, caches, previews).
    #[serde(default)]
    pub skipped: BTreeMap<String, u64>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Images embedded per second.
    pub images_per_second: f64,
    /// The space of the vectors.
    pub space: String,
}

/// A source, or the part of one in another file system, that could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreachableFolder {
    /// Its path.
    pub path: String,
    /// Why it counts as unreachable.
    pub reason: String,
    /// Files with an image that are missing there and kept.
    pub images: u64,
}

/// A file that could not be read as an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedFile {
    /// Its path.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl IndexReport {
    /// Among `skipped`: files that are no images.
    pub const OTHER_FILES: &str = "other files";
    /// Among `skipped`: folders of trash, thumbnails and previews.
    pub const JUNK_FOLDERS: &str = "junk folders";
    /// Among `skipped`: videos that were passed over, since `ffmpeg` is not installed.
    pub const VIDEOS: &str = "videos without ffmpeg";

    /// The report of a run in `space`.
    pub fn new(report: &IndexingReport, space: &SpaceId) -> Self {
        Self {
            indexed: report.indexed,
            unchanged: report.unchanged,
            details_read: report.described,
            embedded_again: report.replaced,
            damaged: report.damaged,
            moved: report.moved,
            removed: report.removed,
            failed: report.failed.iter().map(FailedFile::from).collect(),
            unreachable: report.unreachable.iter().map(UnreachableFolder::from).collect(),
            skipped: skipped(report),
            seconds: report.seconds,
            images_per_second: rate(report.encoded, report.seconds),
            space: space.to_string(),
        }
    }
}

fn skipped(report: &IndexingReport) -> BTreeMap<String, u64> {
    let mut skipped = report.unsupported.clone();
    let videos = report.videos_passed_over;
    skipped.insert(IndexReport::VIDEOS.into(), videos);
    skipped.insert(
        IndexReport::OTHER_FILES.into(),
        report.skipped.saturating_sub(videos),
    );
    skipped.insert(IndexReport::JUNK_FOLDERS.into(), report.junk_folders);
    skipped.retain(|_, count| *count > 0);
    skipped
}

impl From<&UnreachableSource> for UnreachableFolder {
    fn from(source: &UnreachableSource) -> Self {
        Self {
            path: source.path.to_string_lossy().into_owned(),
            reason: source.reason.clone(),
            images: source.images,
        }
    }
}

impl FailedFile {
    /// Its path as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }
}

impl From<&FileFailure> for FailedFile {
    fn from(failure: &FileFailure) -> Self {
        Self {
            path: path_text(&failure.path),
            path_bytes: path_bytes(&failure.path),
            reason: failure.reason.clone(),
        }
    }
}

/// 0 for a run without duration, since JSON has no infinity.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}
