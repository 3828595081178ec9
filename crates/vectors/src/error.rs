//! Errors of the vector index.

use std::path::PathBuf;

use eidetic_domain::SpaceId;
use thiserror::Error;

/// Why the vectors could not be opened, written or searched.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The file belongs to another space.
    #[error(
        "{path} holds vectors of {found}, not of {expected}; open it with that model, or index into another library"
    )]
    SpaceMismatch {
        /// The vector file.
        path: PathBuf,
        /// Text form of the space that the file names.
        found: Box<str>,
        /// The space it was opened for.
        expected: Box<SpaceId>,
    },
    /// The file was written by another version of Eidetic.
    #[error(
        "{path} has format version {found}, but this program reads version {supported}; \
         use the version of Eidetic that wrote it"
    )]
    UnsupportedVersion {
        /// The vector file.
        path: PathBuf,
        /// The version in its header.
        found: u32,
        /// The version that can be read.
        supported: u32,
    },
    /// The header of the file is damaged, so none of its rows can be located.
    #[error("{path} is damaged ({reason}); `eidetic check --repair` saves the vectors that are whole")]
    Damaged {
        /// The vector file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A query or vector has the wrong dimension.
    #[error("expected a vector of dimension {expected}, found dimension {found}")]
    DimensionMismatch {
        /// Dimension of the space.
        expected: usize,
        /// Dimension of the vector.
        found: usize,
    },
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
}
