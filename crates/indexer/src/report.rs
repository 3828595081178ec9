//! What a run did, and why one ends early.

use std::path::PathBuf;

use eidetic_catalog::CatalogError;
use eidetic_encoder::EncodeError;
use eidetic_vectors::IndexError;
use thiserror::Error;

/// What a run did. Every image file that it found is counted once among indexed, unchanged, moved and failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexingReport {
    /// Files that became searchable: new, changed, or a copy of an image that is known from another path.
    pub indexed: u64,
    /// Images that were embedded: those that no file held before.
    pub encoded: u64,
    /// Files as they were, or with a new modification time but the same content.
    pub unchanged: u64,
    /// Files whose image was at another path that no longer exists. The image kept its vector.
    pub moved: u64,
    /// Image files that no longer exist and were not moved.
    pub removed: u64,
    /// What could not be indexed, sorted by path, including earlier failures of unchanged files.
    pub failed: Vec<FileFailure>,
    /// Files that are not images.
    pub skipped: u64,
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
