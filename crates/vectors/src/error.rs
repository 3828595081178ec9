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
    OtherSpace {
        /// The vector file.
        path: PathBuf,
        /// The space that the file names.
        found: Box<str>,
        /// The space asked for.
        expected: Box<SpaceId>,
    },
    /// The file was written by another version of Eidetic.
    #[error(
        "{path} has format version {found}, this program reads version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownVersion {
        /// The vector file.
        path: PathBuf,
        /// The version it states.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// The file's header is damaged, so that nothing in it can be trusted.
    #[error("{path} is damaged ({reason}); move it away and index again")]
    Damaged {
        /// The vector file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A query or vector of another dimension.
    #[error("a vector of {found} dimensions does not fit a space of {expected}")]
    Dimension {
        /// Dimension of the space.
        expected: usize,
        /// Dimension of the vector.
        found: usize,
    },
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
