//! What a run did, and why one ends early.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eidetic_catalog::CatalogError;
use eidetic_encoder::EncodeError;
use eidetic_vectors::IndexError;
use thiserror::Error;

use crate::absence::UnreachableSource;
use crate::findings::SourceFindings;
use crate::mounts::{KnownMount, MountId, MountTable};

/// What a run did. Every image file that it found is counted once among indexed, unchanged, moved and failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexingReport {
    /// Files that became searchable: new, changed, or a copy of an image that is known from another path.
    pub indexed: u64,
    /// Images that were embedded: those that no file held before.
    pub encoded: u64,
    /// Files as they were, or with a new modification time but the same content.
    pub unchanged: u64,
    /// Of the unchanged files, those whose details were read again, since a side-car changed or an earlier version had
    /// not read them.
    pub described: u64,
    /// Unchanged images that were embedded again, since earlier versions decoded them to other pixels: without their color
    /// profiles, or not turned.
    pub replaced: u64,
    /// Files whose image was at another path that no longer exists. The image kept its vector.
    pub moved: u64,
    /// Image files that no longer exist and were not moved.
    pub removed: u64,
    /// What could not be indexed, sorted by path, including earlier failures of unchanged files.
    pub failed: Vec<FileFailure>,
    /// Files that are not images.
    pub skipped: u64,
    /// Number of images of each format that is not supported, by its name. They are no failures.
    pub unsupported: BTreeMap<String, u64>,
    /// Images that were embedded, of which the files are damaged and shown as far as they go.
    pub damaged: u64,
    /// Videos that were passed over, since `ffmpeg` is not installed.
    pub videos_passed_over: u64,
    /// Folders that were left out because of their names: trash, caches, previews.
    pub junk_folders: u64,
    /// Sources, and parts of them, that could not be reached. The images that are missing there are kept.
    pub unreachable: Vec<UnreachableSource>,
    /// Files that were left out since they are still being written.
    pub unsettled: Vec<PathBuf>,
    /// The file systems of all walked sources and of the folders below them in which others begin, for the next run.
    pub mounts: Vec<KnownMount>,
    /// Duration of the run.
    pub seconds: f64,
    /// Whether the run was cancelled before its end.
    pub cancelled: bool,
}

/// A file or folder that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFailure {
    /// Its path.
    pub path: PathBuf,
    /// Why, for display.
    pub reason: String,
}

/// Why a run ended early. What was committed before is kept.
#[derive(Debug, Error)]
pub enum IndexingError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The vectors could not be written.
    #[error(transparent)]
    Vectors(#[from] IndexError),
    /// The encoder failed, not because of a single image.
    #[error("cannot embed images: {0}")]
    Encode(#[from] EncodeError),
}

/// The file systems of the sources and of what is mounted below them; of an unreachable part, the one before.
pub fn mounts_now(
    sources: &[SourceFindings],
    unreachable: &[UnreachableSource],
    before: &[KnownMount],
    table: &MountTable,
) -> Vec<KnownMount> {
    let is_unreachable = |folder: &Path| {
        let mut parts = unreachable.iter();
        parts.any(|part| part.path == folder)
    };
    let mut folders: Vec<&Path> = Vec::new();
    for source in sources {
        folders.push(&source.path);
        folders.extend(source.walk.mounts.iter().map(PathBuf::as_path));
        folders.extend(table.points_below(&source.path));
    }
    let mut now: Vec<KnownMount> = before
        .iter()
        .filter(|known| {
            let lost = unreachable.iter().any(|part| {
                // Below a source that is gone as a whole, everything is kept.
                part.path == known.folder || (!part.path.exists() && known.folder.starts_with(&part.path))
            });
            lost && sources
                .iter()
                .any(|source| known.folder.starts_with(&source.path))
        })
        .cloned()
        .collect();
    folders.sort_unstable();
    folders.dedup();
    folders.retain(|folder| !is_unreachable(folder) && folder.to_str().is_some());
    now.extend(folders.into_iter().filter_map(|folder| {
        Some(KnownMount {
            folder: folder.to_owned(),
            mount: MountId::of(folder, table)?,
        })
    }));
    now
}
