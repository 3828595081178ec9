use std::path::PathBuf;

use eidetic_domain::ImageId;
use thiserror::Error;

/// Why the catalog could not answer or store.
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
        "the catalog at {path} has format version {found}, this program reads version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownVersion {
        /// The catalog's directory.
        path: PathBuf,
        /// The version it states.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// A checksum does not hold.
    #[error(
        "the catalog at {path} is damaged ({what}); move the library away and index again, the pictures are untouched"
    )]
    Damaged {
        /// The catalog's directory.
        path: PathBuf,
        /// What is damaged.
        what: String,
    },
    /// A batch names an image that nobody described.
    #[error("a file names image {0}, which the catalog does not know")]
    UnknownImage(ImageId),
    /// The disk or the store said no.
    #[error("the catalog at {path} could not be written or read: {source}")]
    Store {
        /// The catalog's directory.
        path: PathBuf,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
