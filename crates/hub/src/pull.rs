//! Downloads and verifies all files of a model, and reports which are on disk.

use std::path::{Path, PathBuf};

use crate::cache::{DownloadProgress, ModelRevision, fetch, validate_repo_id};
use crate::checksum::{self, Checksum, ChecksumError};
use crate::error::HubError;
use crate::known_models::Modality;
use crate::layout;
use crate::model_ref::is_repo_id;
use crate::settings::HubSettings;

/// How much of a model is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing.
    Nothing,
    /// Some files, or parts of files.
    Partial {
        /// Bytes on disk.
        bytes: u64,
    },
    /// All files that are required.
    Complete {
        /// The folder of its files.
        folder: PathBuf,
        /// Bytes of the required files.
        bytes: u64,
    },
}

/// A model that is complete on disk and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The folder of its files.
    pub folder: PathBuf,
    /// The branch, tag or commit.
    pub revision: String,
    /// Its files, small ones first.
    pub files: Vec<PulledFile>,
    /// Bytes downloaded by this call.
    pub downloaded: u64,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How it was verified. The Hub publishes no SHA-256 of small files.
    pub checksum: Checksum,
}

/// Completes the model on disk: downloads missing files, resuming interrupted downloads, and compares every large file
/// with its published SHA-256, also those that were on disk before. A damaged file is downloaded again.
pub fn pull(
    id: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<Pulled, HubError> {
    validate_repo_id(id, revision)?;
    remove_damaged(&ModelRevision::find(id, revision, settings, &()))?;
    let counter = Counter::new(progress);
    // `align` uses text-only models.
    let folder = fetch(id, revision, Modality::Text, settings, &counter)?.folder;
    let hub = ModelRevision::find(id, revision, settings, &());
    let files = hub.files_on_disk()?;
    Ok(Pulled {
        folder,
        revision: hub.revision().to_owned(),
        files: files
            .iter()
            .map(|path| pulled(&hub, path))
            .collect::<Result<_, _>>()?,
        downloaded: counter.bytes.get(),
    })
}

/// How much of the model is in the Hub's cache. Verifies and changes nothing, and makes no connection.
pub fn on_disk(id: &str, revision: Option<&str>, settings: &HubSettings) -> OnDisk {
    if !is_repo_id(id, revision) {
        return OnDisk::Nothing;
    }
    let hub = ModelRevision::find(id, revision, settings, &());
    let whole = hub.files_on_disk().ok();
    let folder = whole.as_deref().and_then(layout::one_folder);
    if let (Some(files), Some(folder)) = (whole, folder) {
        let bytes = files.iter().map(|file| length(file)).sum();
        return OnDisk::Complete { folder, bytes };
    }
    match contents(&hub.blobs()) {
        0 => OnDisk::Nothing,
        bytes => OnDisk::Partial { bytes },
    }
}

/// Removes files with a wrong checksum. Errors: a file has one, and downloads are disabled.
fn remove_damaged(hub: &ModelRevision) -> Result<(), HubError> {
    for file in hub.files_on_disk().unwrap_or_default() {
        if let Err(wrong @ ChecksumError::Mismatch { .. }) = checksum::check(&file) {
            if hub.is_offline() {
                return Err(hub.download_failed(&name_of(&file), &wrong));
            }
            checksum::remove(&file);
        }
    }
    Ok(())
}

fn pulled(hub: &ModelRevision, path: &Path) -> Result<PulledFile, HubError> {
    let name = name_of(path);
    let checksum = checksum::check(path).map_err(|wrong| hub.download_failed(&name, &wrong))?;
    Ok(PulledFile {
        bytes: length(path),
        name,
        checksum,
    })
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Bytes of all files in a folder; 0 if it does not exist.
fn contents(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.sum()
}

/// Forwards progress and counts the bytes that arrive, without those that were on disk before.
struct Counter<'a> {
    progress: &'a dyn DownloadProgress,
    bytes: std::cell::Cell<u64>,
}

impl<'a> Counter<'a> {
    fn new(progress: &'a dyn DownloadProgress) -> Self {
        Self {
            progress,
            bytes: std::cell::Cell::new(0),
        }
    }
}

impl DownloadProgress for Counter<'_> {
    fn begin(&self, file: &str, bytes: u64) {
        self.progress.begin(file, bytes);
    }

    fn resume(&self, bytes: u64) {
        self.progress.resume(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
        self.progress.advance(bytes);
    }

    fn finish(&self) {
        self.progress.finish();
    }
}
