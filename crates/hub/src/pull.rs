//! Models fetched on purpose rather than on the way to using them, and what of them lies on disk.

use std::path::{Path, PathBuf};

use crate::cache::{DownloadProgress, ModelRevision, fetch, validate_repo_id};
use crate::checksum::{self, Checked, ChecksumError};
use crate::error::HubError;
use crate::known_models::Modality;
use crate::layout;
use crate::model_ref::is_repo_id;
use crate::settings::HubSettings;

/// What of a model lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing.
    Nothing,
    /// Some files, or parts of them.
    Partly {
        /// Bytes that are there.
        bytes: u64,
    },
    /// All that it needs to run.
    Complete {
        /// Where its files lie.
        folder: PathBuf,
        /// Bytes of the files that it needs.
        bytes: u64,
    },
}

/// A model that is on disk now, whole and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where its files lie.
    pub folder: PathBuf,
    /// The branch, tag or commit that was taken.
    pub revision: String,
    /// Its files, small ones first.
    pub files: Vec<PulledFile>,
    /// Bytes that had to be downloaded, those of an earlier try not counted.
    pub downloaded: u64,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Whether the hub announced a SHA-256, which then was compared. Of small files it announces none.
    pub checksum: Checksum,
}

/// How a file was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Its SHA-256 is the one that the hub announced.
    Equal,
    /// The hub announced none; its length is right.
    NotAnnounced,
}

/// Makes the model complete on disk: downloads what is missing, going on where an earlier try was cut off, and compares
/// every large file with its announced SHA-256, those that were there before too. A damaged one is fetched anew.
pub fn pull(
    id: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<Pulled, HubError> {
    validate_repo_id(id, revision)?;
    discard_damaged(&ModelRevision::find(id, revision, settings, &()))?;
    let counter = Counter::new(progress);
    // Text-only models are of use to `align`.
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

/// What of the model lies in the hub's cache. Nothing is checked or changed, and no connection made.
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
        bytes => OnDisk::Partly { bytes },
    }
}

/// Takes files away whose bytes are not those that the hub announced, if they can be had again.
fn discard_damaged(hub: &ModelRevision) -> Result<(), HubError> {
    for file in hub.files_on_disk().unwrap_or_default() {
        if let Err(wrong @ ChecksumError::Sum { .. }) = checksum::check(&file) {
            if hub.is_offline() {
                return Err(hub.refused(&name_of(&file), &wrong));
            }
            checksum::discard(&file);
        }
    }
    Ok(())
}

fn pulled(hub: &ModelRevision, path: &Path) -> Result<PulledFile, HubError> {
    let name = name_of(path);
    let checksum = match checksum::check(path) {
        Ok(Checked::Sha256) => Checksum::Equal,
        Ok(Checked::NothingAnnounced) => Checksum::NotAnnounced,
        Err(wrong) => return Err(hub.refused(&name, &wrong)),
    };
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

/// Bytes in a folder's own files; a folder that is not there has none.
fn contents(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.filter_map(|entry| Some(entry.metadata().ok()?.len()));
    lengths.sum()
}

/// Passes progress on and counts what is new: the first bytes of a file that was begun before are told at once.
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
