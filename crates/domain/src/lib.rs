//! The words of Eidetic as types: images, embeddings, spaces, hits, filters.
//!
//! No file, no network, no clock: everything here is a value. Other crates agree on these and on nothing else.

mod embedding;
mod filter;
mod image_id;
mod metadata;
mod precision;
mod random;
mod space;

pub use embedding::{Embedding, EmbeddingError};
pub use filter::{DateRange, Filter, ParseDateError, normalize_tag, parse_date};
pub use image_id::{ImageId, ParseImageIdError};
pub use metadata::{Camera, GeoPosition, ImageFormat, Metadata};
pub use precision::{ParsePrecisionError, Precision};
pub use random::SplitMix64;
pub use space::SpaceId;

use serde::{Deserialize, Serialize};

/// Where a vector stands in the vector file: the number of its row, from 0.
///
/// A catalog record that names a row makes the row live; a row that no record names does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(pub u64);

/// One answer to a query: an image and how well it fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The image found.
    pub image: ImageId,
    /// Cosine similarity in −1..=1; greater is closer.
    pub score: f32,
    /// Probability in 0..=1 that the image really matches, where the space has been calibrated.
    pub confidence: Option<f32>,
}
