//! The catalog's error type.

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
        "the catalog at {path} is damaged ({what}); move the library directory away and index again (source images are never modified)"
    )]
    Damaged {
        /// The catalog's directory.
        path: PathBuf,
        /// What is damaged.
        what: String,
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
