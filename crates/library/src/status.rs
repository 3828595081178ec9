//! The state of a library, in numbers.

use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, CatalogCounts, FileState, RemovedStore, TagStore};
use eidetic_domain::Precision;
use eidetic_inference::PrecisionChoice;
use eidetic_vectors::IndexKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    AnswerQuality, IndexingSettings, Library, LibraryError, RecallStatus, SourceStatus, SpaceStatus,
    SwitchStatus, TextSetCount, WatchStatus,
};

/// What a status may have besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusDetails {
    /// The recall of the index, compared with exact search. Reads the whole vector file, which takes seconds in a large
    /// library. Texts are among the queries if the model is available.
    pub recall: bool,
    /// The files that could not be read.
    pub failures: bool,
}

/// The state of a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its directory; in JSON, what is not UTF-8 is replaced.
    #[serde(serialize_with = "serialize_as_text")]
    pub library: PathBuf,
    /// Distinct images.
    pub images: u64,
    /// Their paths.
    pub paths: u64,
    /// Files that could not be read as images.
    pub failed: u64,
    /// Images whose vectors are damaged; the next indexing run repairs them.
    pub damaged: u64,
    /// When the last change was made that the status knows of, where another process owns the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// Why the library can only be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<String>,
    /// Changes that were reported as done and are missing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing_changes: u64,
    /// What its owner must know, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Images with tags.
    #[serde(default)]
    pub tagged: u64,
    /// How to load the active space's model.
    pub model: String,
    /// The identifier of its active space.
    pub space: String,
    /// The precisions that its vectors were computed in, the most recent last.
    #[serde(default)]
    pub precisions: Vec<Precision>,
    /// The precision that its model computes in, unless a command names another one.
    #[serde(default)]
    pub precision: Precision,
    /// The measurement that chose this precision, where one did.
    #[serde(default)]
    pub precision_choice: Option<PrecisionChoice>,
    /// The folders that it indexes.
    pub sources: Vec<SourceStatus>,
    /// How the sources are being watched, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchStatus>,
    /// Folders below sources that are left out.
    #[serde(default)]
    pub excluded: Vec<PathBuf>,
    /// Images without a file whose vectors and tags are kept.
    #[serde(default)]
    pub removed: u64,
    /// How the library is kept up to date.
    #[serde(default)]
    pub indexing: IndexingSettings,
    /// All its spaces, the active one first.
    #[serde(default)]
    pub spaces: Vec<SpaceStatus>,
    /// The switch to another space that has begun and has not finished.
    #[serde(default)]
    pub switch: Option<SwitchStatus>,
    /// The quality of recent answers, of each kind of query and profile that has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<AnswerQuality>,
    /// The sets of stored texts, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextSetCount>,
    /// The vector index.
    pub index: IndexStatus,
    /// Disk space.
    pub bytes: BytesOnDisk,
    /// The files that could not be read as images, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Vec<FileFailureStatus>>,
    /// Images whose files are damaged and shown as far as they go, where failures were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged_images: Option<Vec<FileFailureStatus>>,
    /// Recall of the index compared with exact search, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallStatus>,
}

/// A file that could not be read as an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFailureStatus {
    /// Its path; what is not Unicode is replaced.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The state of the vector index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexStatus {
    /// `exact` or `hnsw`.
    pub kind: String,
    /// Live vectors.
    pub vectors: u64,
    /// Rows of removed images, which new images will use.
    pub tombstones: u64,
}

/// Disk space by part, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BytesOnDisk {
    /// The catalog.
    pub catalog: u64,
    /// The vector file.
    pub vectors: u64,
    /// The search graph.
    pub graph: u64,
    /// The thumbnails; beyond some ten thousand an estimate, within about two percent.
    pub thumbnails: u64,
}

impl Library {
    /// Numbers of images, paths and failures; cheap, since no files are walked.
    pub fn counts(&self) -> Result<CatalogCounts, LibraryError> {
        Ok(self.catalog.counts()?)
    }

    /// Folders that the library indexes.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.read_manifest().sources.clone()
    }

    /// The state of the library with `details`.
    pub fn status_with(&self, details: StatusDetails) -> Result<Status, LibraryError> {
        let recall = details.recall.then(|| self.active().recall(&self.sources()));
        let failures = details.failures.then(|| self.failures());
        let damaged_images = details.failures.then(|| self.damaged_images());
        Ok(Status {
            recall: recall.transpose()?,
            failures: failures.transpose()?,
            damaged_images: damaged_images.transpose()?,
            ..self.status()?
        })
    }

    /// The state of the library now. Needs no model.
    pub fn status(&self) -> Result<Status, LibraryError> {
        let counts = self.catalog.counts()?;
        let active = self.active();
        let stats = active.read_vectors().stats()?;
        let spaces = self.spaces()?;
        let own = spaces.iter().find(|space| space.number == active.number.0);
        Ok(Status {
            library: self.directory.clone(),
            images: counts.images,
            paths: counts.paths,
            failed: counts.failed,
            damaged: active.damaged() as u64,
            as_of: self.as_of(),
            read_only: self.read_only().filter(|_| self.published().is_none()),
            missing_changes: self.missing_changes(),
            warnings: self.warnings(),
            tagged: active.catalog.tag_summary()?.images,
            model: active.model().to_owned(),
            space: active.id().to_string(),
            precisions: own.map(|space| space.precisions.clone()).unwrap_or_default(),
            precision: active.precision(),
            precision_choice: own
                .and_then(|space| space.precision_choice)
                .filter(|choice| choice.precision == active.precision()),
            sources: self.source_statuses(),
            watch: self.watch_status(),
            excluded: self.excluded(),
            removed: self.catalog.removed().count() as u64,
            indexing: self.indexing_settings(),
            switch: self.planned_switch()?,
            spaces,
            quality: self.answer_quality()?,
            texts: self.text_set_counts()?,
            index: IndexStatus {
                kind: kind_name(stats.kind).to_owned(),
                vectors: stats.vectors as u64,
                tombstones: stats.tombstones as u64,
            },
            bytes: BytesOnDisk {
                catalog: bytes_below(&self.directory.join("catalog")),
                vectors: stats.bytes_on_disk,
                graph: stats.graph_bytes,
                thumbnails: thumbnail_bytes(&self.directory.join("thumbnails")),
            },
            failures: None,
            damaged_images: None,
            recall: None,
        })
    }

    /// The files that could not be read as images. Walks over the records of all files.
    pub fn failures(&self) -> Result<Vec<FileFailureStatus>, LibraryError> {
        let mut failures = Vec::new();
        for file in self.catalog.all_files() {
            let file = file?;
            if let FileState::Failed(reason) = file.state {
                failures.push(FileFailureStatus {
                    path: file.path.to_string_lossy().into_owned(),
                    reason,
                });
            }
        }
        Ok(failures)
    }

    /// The images whose files are damaged and shown as far as they go, by their first paths. Walks over all images.
    pub fn damaged_images(&self) -> Result<Vec<FileFailureStatus>, LibraryError> {
        let mut damaged = Vec::new();
        for record in self.catalog.scan() {
            let record = record?;
            let details = self.catalog.details(&record.image)?;
            if let (Some(reason), Some(path)) =
                (details.and_then(|details| details.damage), record.paths.first())
            {
                damaged.push(FileFailureStatus {
                    path: path.to_string_lossy().into_owned(),
                    reason,
                });
            }
        }
        damaged.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(damaged)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn serialize_as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

const fn kind_name(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::Exact => "exact",
        IndexKind::Hnsw => "hnsw",
    }
}

/// Folders of thumbnails that are measured before the rest is estimated.
const MEASURED_FOLDERS: usize = 16;
/// Bytes in them from which on an estimate is good: thumbnails are spread over folders by their hashes, so that some thousand
/// of them represent the rest.
const MEASURED_BYTES: u64 = 32 << 20;

/// Size of the thumbnails below `folder`. Of many, every sixteenth folder is measured: walking over a million files takes
/// minutes on a network disk.
fn thumbnail_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort_unstable();
    let step = folders.len().div_ceil(MEASURED_FOLDERS).max(1);
    let of_sample = |first: usize| -> u64 {
        let sample = folders.iter().skip(first).step_by(step);
        sample.map(|folder| bytes_below(folder)).sum()
    };
    let measured = of_sample(0);
    if measured < MEASURED_BYTES {
        return measured + (1..step).map(of_sample).sum::<u64>();
    }
    let number = folders.len().div_ceil(step) as u64;
    measured / number * folders.len() as u64
}

/// Total size of the files below `folder`, in bytes; a folder that cannot be read counts as empty.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn size_of_many_thumbnails_is_estimated() {
        let folder = tempfile::tempdir().unwrap();
        for shard in 0..256_u64 {
            let shard_folder = folder.path().join(format!("{shard:02x}"));
            fs::create_dir(&shard_folder).unwrap();
            // Files without blocks: only their size counts.
            let file = fs::File::create(shard_folder.join("a.thumb")).unwrap();
            file.set_len((3 << 20) + shard % 7).unwrap();
        }
        let exact = bytes_below(folder.path());
        let estimated = thumbnail_bytes(folder.path());
        assert!(estimated.abs_diff(exact) < exact / 1000, "{estimated}, {exact}");
        for shard in 0..256_u64 {
            let path = folder.path().join(format!("{shard:02x}/a.thumb"));
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(shard)
                .unwrap();
        }
        assert_eq!(thumbnail_bytes(folder.path()), bytes_below(folder.path()));
    }
}
