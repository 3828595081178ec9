//! Why a query fails.

use eidetic_catalog::CatalogError;
use eidetic_domain::{EmbeddingError, ImageId};
use eidetic_encoder::EncodeError;
use eidetic_vectors::IndexError;
use thiserror::Error;

/// Why a query fails.
#[derive(Debug, Error)]
pub enum SearchError {
    /// The query has neither a text nor an image.
    #[error("the query is empty: give a text, a picture, or both")]
    EmptyQuery,
    /// The parts cancel each other out, such as a text and the same text as its negative.
    #[error("the parts of the query cancel each other out: {0}")]
    NoDirection(#[source] EmbeddingError),
    /// The query names an image that is not in the library.
    #[error("image {0} is not in the library")]
    UnknownImage(ImageId),
    /// The encoder failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The vector index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}
