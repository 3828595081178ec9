use eidetic_domain::{Filter, ImageId};
use image::RgbImage;

/// What somebody looks for. At least one of `text` and `picture` must be there.
#[derive(Debug, Clone)]
pub struct Query {
    /// Words for what the picture should show.
    pub text: Option<String>,
    /// Words for what it should not show.
    pub negative: Option<String>,
    /// A picture that it should look like.
    pub picture: Option<QueryImage>,
    /// How much each part counts. With the default, encoders that can embed text and picture as one do so.
    pub weights: QueryWeights,
    /// Largest number of hits.
    pub k: usize,
    /// Hits less probable than this are left out, as are those of which no probability is known.
    pub min_confidence: Option<f32>,
    /// Which images may be returned.
    pub filter: Filter,
}

/// A picture to search by.
#[derive(Debug, Clone)]
pub enum QueryImage {
    /// Pixels from anywhere.
    Pixels(RgbImage),
    /// An image of the library; its stored vector is used, and it is not among its own hits.
    Indexed(ImageId),
}

/// QueryWeights of the parts of a query in the weighted sum of their unit vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryWeights {
    /// Of the text.
    pub text: f32,
    /// Of the picture.
    pub picture: f32,
    /// Of the negative text; it is subtracted.
    pub negative: f32,
}

impl Default for QueryWeights {
    /// Text and picture alike; the negative at half, enough to reorder hits without leaving the subject.
    fn default() -> Self {
        Self {
            text: 1.0,
            picture: 1.0,
            negative: 0.5,
        }
    }
}

impl QueryWeights {
    /// Text and picture share the weight, `text` (0..=1) of it for the text; 0.5 is the default.
    ///
    /// Doubled, so that an even share leaves both at 1, beside the weight of a negative text too.
    pub fn with_text_share(text: f32) -> Self {
        Self {
            text: 2.0 * text,
            picture: 2.0 * (1.0 - text),
            ..Self::default()
        }
    }
}

impl Query {
    /// The default number of hits.
    pub const DEFAULT_K: usize = 20;

    /// A query by words, everything else at its default.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::empty()
        }
    }

    /// A query by a picture, everything else at its default.
    pub fn picture(picture: QueryImage) -> Self {
        Self {
            picture: Some(picture),
            ..Self::empty()
        }
    }

    /// A query without parts, to be filled in.
    pub fn empty() -> Self {
        Self {
            text: None,
            negative: None,
            picture: None,
            weights: QueryWeights::default(),
            k: Self::DEFAULT_K,
            min_confidence: None,
            filter: Filter::default(),
        }
    }
}
