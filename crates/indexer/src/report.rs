use std::path::PathBuf;

use eidetic_catalog::CatalogError;
use eidetic_encoder::EncodeError;
use eidetic_vectors::IndexError;
use thiserror::Error;

/// What a run did. Every picture that it met is counted once among indexed, unchanged, moved and failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files that became searchable: new, changed, or a copy at a new path of a picture known from elsewhere.
    pub indexed: u64,
    /// Of these and of the moved, pictures that the encoder had to see: contents met for the first time.
    pub encoded: u64,
    /// Files as they were, or touched without a change of content.
    pub unchanged: u64,
    /// Files whose picture stood at another path that is gone now; it kept its vector.
    pub moved: u64,
    /// Paths of pictures at which no file stands any more, other than by a move.
    pub removed: u64,
    /// What could not be indexed, in order of path; earlier failures of unchanged files included.
    pub failed: Vec<FileFailure>,
    /// Files that are no pictures.
    pub skipped: u64,
    /// How long the run took.
    pub seconds: f64,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
}

/// A file or folder that could not be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFailure {
    /// Which.
    pub path: PathBuf,
    /// Why, in words for its owner.
    pub reason: String,
}

/// Why a run could not go on. What was committed before is kept.
#[derive(Debug, Error)]
pub enum IndexingError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The vectors could not be written.
    #[error(transparent)]
    Vectors(#[from] IndexError),
    /// The encoder failed for a reason that no single picture gives.
    #[error("pictures cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
}
