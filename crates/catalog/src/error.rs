//! The catalog's error type.

use std::fmt;
use std::io;
use std::path::PathBuf;

use eidetic_domain::ImageId;
use thiserror::Error;

/// Why the catalog could not be read or written.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// Another process has the catalog open.
    #[error("the catalog at {path} is in use by another process")]
    InUse {
        /// The catalog's directory.
        path: PathBuf,
    },
    /// The catalog was written by another version of Eidetic.
    #[error(
        "the catalog at {path} has format version {found}, but this program supports version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownVersion {
        /// The catalog's directory.
        path: PathBuf,
        /// The version in the catalog.
        found: u32,
        /// The version that this program supports.
        supported: u32,
    },
    /// A checksum does not match, or records are missing.
    #[error(
        "the catalog at {path} is damaged ({what}); `eidetic check` says what is lost, and `eidetic check --repair` saves what is whole"
    )]
    Damaged {
        /// The catalog's directory.
        path: PathBuf,
        /// What is damaged.
        what: String,
    },
    /// The catalog was opened for reading only.
    #[error("the catalog at {path} can only be read: {reason}")]
    ReadOnly {
        /// The catalog's directory.
        path: PathBuf,
        /// Why.
        reason: ReadOnlyReason,
    },
    /// A batch refers to an image that is neither known nor in the batch.
    #[error("a file refers to unknown image {0}")]
    UnknownImage(ImageId),
    /// The disk or the store failed.
    #[error("cannot read or write the catalog at {path}: {source}")]
    Store {
        /// The catalog's directory.
        path: PathBuf,
        /// The error of the file system or of sled.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a catalog is open for reading only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadOnlyReason {
    /// The disk is full, it cannot be written, or the user may not.
    Unwritable(String),
    /// This is damaged; what is whole was read.
    Damaged(String),
    /// It was opened to read what its owner has published.
    Snapshot,
}

impl fmt::Display for ReadOnlyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritable(reason) => f.write_str(reason),
            Self::Damaged(what) => write!(
                f,
                "it is damaged ({what}); `eidetic check --repair` saves what is whole"
            ),
            Self::Snapshot => f.write_str("it was opened for reading"),
        }
    }
}

impl CatalogError {
    /// Whether a change was refused because the catalog is open for reading only.
    pub const fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly { .. })
    }

    /// Why the catalog can still be opened for reading, if that is likely.
    pub fn read_only_reason(&self) -> Option<ReadOnlyReason> {
        match self {
            Self::Damaged { what, .. } => Some(ReadOnlyReason::Damaged(what.clone())),
            Self::ReadOnly { reason, .. } => Some(reason.clone()),
            Self::Store { source, .. } => source
                .downcast_ref::<io::Error>()
                .filter(|error| eidetic_atomic_file::is_unwritable(error))
                .map(|error| ReadOnlyReason::Unwritable(eidetic_atomic_file::described(error))),
            _ => None,
        }
    }
}
