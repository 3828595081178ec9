//! The types that all crates share: images, embeddings, spaces, hits, filters.
//!
//! - [`ImageId`] names one file content by its hash. An image may be found at several paths.
//! - [`SpaceId`] names an embedding space: model, weights, preprocessing and dimension. Vectors are
//!   compared within one space only.
//! - [`Embedding`] is the unit vector of an image or a text. The dot product of two embeddings is their
//!   cosine similarity, which is the score of a [`Hit`].
//! - [`RowId`] is the place of a vector in a vector file; [`Metadata`] is what is read from an image file
//!   besides pixels.
//! - [`parse_pairs`] reads files of images and texts.
//! - [`Filter`] restricts a query to folders, dates, tags and whatever else is known of images.
//!
//! Everything here is a value: no files, no network, no clock. Nothing becomes durable here; see
//! `eidetic-vectors` for rows and `eidetic-catalog` for records.
//!
//! ```
//! use eidetic_domain::{Embedding, ImageId};
//!
//! let image = ImageId::of(b"content of a file");
//! assert_eq!(image.to_string().parse(), Ok(image));
//!
//! let text = Embedding::normalize(vec![3.0, 4.0])?;
//! assert_eq!(text.as_slice(), [0.6, 0.8]);
//! assert!((text.cosine(&text) - 1.0).abs() < 1e-6);
//! # Ok::<(), eidetic_domain::EmbeddingError>(())
//! ```

mod counted;
mod details;
mod embedding;
mod filter;
mod image_id;
mod metadata;
mod pair_file;
mod part_path;
mod precision;
mod random;
mod space;

pub use counted::{Counted, counted};
pub use details::{Details, Exposure, Place, Taken, TakenSource, TimePrecision, better_taken};
pub use embedding::{Embedding, EmbeddingError};
pub use filter::{
    DateRange, Filter, ImageFacts, ParseDateError, ParseRangeError, RatingRange, ReachFilter, SizeRange,
    TextPattern, normalize_tag, parse_date,
};
pub use image_id::{ImageId, ParseImageIdError};
pub use metadata::{
    Camera, GeoPosition, ImageFormat, Metadata, Orientation, ParseFormatError, ParseOrientationError,
};
pub use pair_file::{Labels, MAX_PAIRS, PairFileError, PairRow, parse_pairs};
pub use part_path::{ContainerKind, Moment, PartPath, PartPosition, page_name};
pub use precision::{ParsePrecisionError, Precision};
pub use random::SplitMix64;
pub use space::{ParseSpaceIdError, SpaceId};

use serde::{Deserialize, Serialize};

/// Index of a row in a vector file, from 0.
///
/// A row is in use if a catalog record names it, and free otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(pub u64);

/// One result of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The image.
    pub image: ImageId,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Calibrated probability in 0..=1 that the image matches; `None` if no calibration is available.
    pub confidence: Option<f32>,
}
