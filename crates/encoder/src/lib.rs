//! What turns texts and pictures into embeddings: the trait, preprocessing, tokenising, and a fake for tests.
//!
//! This crate knows no matrix library: engines such as candle stand behind [`Encoder`].

pub mod fake;
mod preprocess;
mod prompt;
mod scores;
mod text_model;
mod tokenize;
mod tokenizer_json;

pub use preprocess::{
    DynamicResize, DynamicResolutionPreprocessor, Preprocessor, PreprocessorError, Processor, TokenRange,
};
pub use prompt::PromptTokenizer;
pub use scores::{LogisticCurve, ScoreCalibration, ScoreRange};
pub use text_model::TextModel;
pub use tokenize::{TextNormalizer, TextTokenizer, TokenizerError, TokenizerSettings};

use eidetic_domain::{Embedding, EmbeddingError, SpaceId};
use image::RgbImage;
use thiserror::Error;

/// Turns texts and pictures into unit vectors of one space.
///
/// Pictures pass in two steps, so that decoding threads can do the first and drop the full-size picture:
/// [`preprocess`](Self::preprocess) shrinks a picture to what the model reads (a few hundred kilobytes whatever the
/// original's size), [`encode_pixels`](Self::encode_pixels) runs the model on a batch of those.
///
/// Encoding is a pure function: equal input gives an equal vector up to rounding, alone or in any batch.
pub trait Encoder: Send + Sync {
    /// The space that every vector of this encoder lies in.
    fn space(&self) -> &SpaceId;

    /// The shorter side, in pixels, to which [`preprocess`](Self::preprocess) resizes a picture: one that was decoded
    /// smaller, but still comfortably larger than this, gives nearly the same vector. `None` where every pixel counts.
    fn shorter_side(&self) -> Option<u32> {
        None
    }

    /// What is known of the model's cosines before any of the user's pictures were seen.
    fn score_calibration(&self) -> ScoreCalibration;

    /// Resizes, crops and normalises one picture as the model's reference processor does.
    fn preprocess(&self, image: &RgbImage) -> Pixels;

    /// One embedding a text, in order. Texts longer than the model reads are cut, the end token kept.
    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError>;

    /// One embedding a picture, in order. All must come from this encoder's own `preprocess`.
    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError>;

    /// One embedding for each text and picture together, in order; `None` where the model embeds them only apart.
    fn encode_fused(&self, _parts: &[(&str, &Pixels)]) -> Result<Option<Vec<Embedding>>, EncodeError> {
        Ok(None)
    }

    /// Both steps for pictures already in memory.
    fn encode_images(&self, images: &[RgbImage]) -> Result<Vec<Embedding>, EncodeError> {
        let batch: Vec<Pixels> = images.iter().map(|image| self.preprocess(image)).collect();
        self.encode_pixels(&batch)
    }
}

/// A picture as a model reads it: three planes (red, green, blue) of `height` × `width` normalized values.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Rows of each plane.
    pub height: usize,
    /// Columns of each plane.
    pub width: usize,
    /// 3 · height · width values, plane by plane, row by row.
    pub values: Vec<f32>,
}

/// Why an encoder gave no vectors.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The batch holds a picture of another shape than the model reads.
    #[error("the model reads pictures of {expected_height}×{expected_width}, not {height}×{width}")]
    PixelShape {
        /// Rows that the model reads.
        expected_height: usize,
        /// Columns that the model reads.
        expected_width: usize,
        /// Rows that the picture has.
        height: usize,
        /// Columns that the picture has.
        width: usize,
    },
    /// The batch holds a picture that is not cut into patches as the model reads them.
    #[error(
        "the model reads pictures of at most {max_patches} patches of {patch_size}×{patch_size}, not {height}×{width}"
    )]
    PixelPatches {
        /// Pixels along a patch.
        patch_size: usize,
        /// Patches of a picture, at most.
        max_patches: usize,
        /// Rows that the picture has.
        height: usize,
        /// Columns that the picture has.
        width: usize,
    },
    /// The text could not be split into tokens.
    #[error("the text could not be tokenized: {0}")]
    Tokenize(String),
    /// The model's output is no direction: zero or not finite, a sign of broken weights.
    #[error("the model's output is unusable: {0}")]
    Output(#[from] EmbeddingError),
    /// The engine that runs the model failed.
    #[error("the model could not be run: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
