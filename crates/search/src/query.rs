//! Queries.

use eidetic_domain::{Filter, ImageId};
use image::RgbImage;

/// A query for images. It needs a text or an image.
#[derive(Debug, Clone)]
pub struct Query {
    /// What the image should show.
    pub text: Option<String>,
    /// What it should not show.
    pub negative: Option<String>,
    /// An image that it should be similar to.
    pub image: Option<QueryImage>,
    /// How much each part counts. With the default weights, encoders that can embed a text and an image
    /// jointly do so.
    pub weights: QueryWeights,
    /// Maximum number of hits.
    pub k: usize,
    /// Hits with a lower or unknown confidence are left out.
    pub min_confidence: Option<f32>,
    /// Restricts the images that can be hits.
    pub filter: Filter,
    /// The place in the ranking after which the hits begin; none for the best ones.
    pub after: Option<SearchPosition>,
    /// The order of the hits that are returned.
    pub order: HitOrder,
    /// What becomes of images that look the same as a better hit.
    pub copies: CopyMode,
}

/// A place in a ranking, which stays valid while the library changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchPosition {
    /// The score of the image there.
    pub score: f32,
    /// The image.
    pub image: ImageId,
}

/// In which order hits are returned. Which ones are, depends on their scores in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HitOrder {
    /// The best first.
    #[default]
    Score,
    /// The latest first; those without a date last.
    Taken,
}

/// What becomes of images that look the same as a better hit, and of raw files beside the picture of the same shot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// They are counted at the better hit.
    #[default]
    Folded,
    /// Each is a hit of its own.
    Expanded,
}

/// An image to search by.
#[derive(Debug, Clone)]
pub enum QueryImage {
    /// The pixels of any image.
    Pixels(RgbImage),
    /// An image of the library: its stored vector is used, and it is not among its own hits.
    Indexed(ImageId),
}

/// Factors on the unit vectors of a query's parts in their sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryWeights {
    /// Of the text.
    pub text: f32,
    /// Of the image.
    pub image: f32,
    /// Of the negative text, which is subtracted.
    pub negative: f32,
}

impl Default for QueryWeights {
    /// Text and image count the same. The negative text counts half, which reorders hits without changing
    /// the subject.
    fn default() -> Self {
        Self {
            text: 1.0,
            image: 1.0,
            negative: 0.5,
        }
    }
}

impl QueryWeights {
    /// Divides the weight between text and image; `text` (0..=1) is the text's share, and 0.5 gives the
    /// default.
    ///
    /// The shares are doubled, so that equal shares are both 1 and the negative text counts as by default.
    pub fn with_text_share(text: f32) -> Self {
        Self {
            text: 2.0 * text,
            image: 2.0 * (1.0 - text),
            ..Self::default()
        }
    }
}

impl Query {
    /// The default number of hits.
    pub const DEFAULT_K: usize = 20;

    /// A text query with defaults.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::empty()
        }
    }

    /// An image query with defaults.
    pub fn image(image: QueryImage) -> Self {
        Self {
            image: Some(image),
            ..Self::empty()
        }
    }

    /// A query without parts and with defaults, as a base for struct update syntax.
    pub fn empty() -> Self {
        Self {
            text: None,
            negative: None,
            image: None,
            weights: QueryWeights::default(),
            k: Self::DEFAULT_K,
            min_confidence: None,
            filter: Filter::default(),
            after: None,
            order: HitOrder::Score,
            copies: CopyMode::default(),
        }
    }
}
