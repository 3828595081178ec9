//! Encoders turn texts and images into embeddings: the [`Encoder`] trait, image preprocessing and
//! tokenization.
//!
//! An encoder has two halves. This crate contains the half that needs no weights, bit for bit as the
//! reference implementations compute it:
//!
//! - [`Preprocessor`] and [`DynamicResolutionPreprocessor`] resize, crop and normalize images into
//!   [`Pixels`];
//! - [`TextTokenizer`] and [`PromptTokenizer`] split texts into token ids.
//!
//! The other half, running the model, is behind [`Encoder`]: engines implement it in `crates/inference`, and
//! this crate knows no matrix library. [`TextReading`] is what a model takes from a text that a user wrote, and
//! [`ScoreCalibration`] what is known of a model's scores. The feature
//! `testing` adds `fake::FakeEncoder`, which needs no model files, for tests of the crates above.
//!
//! # Example
//! Prepare an image and a text for a CLIP model. The JSON is what its files contain; an empty
//! `preprocessor_config.json` has the defaults of CLIP.
//! ```
//! use eidetic_encoder::{Preprocessor, TextTokenizer};
//! use image::{Rgb, RgbImage};
//!
//! let preprocessor = Preprocessor::from_json(b"{}")?;
//! assert_eq!(preprocessor.fingerprint(), "bicubic224-crop224");
//! let pixels = preprocessor.preprocess(&RgbImage::from_pixel(640, 480, Rgb([255, 0, 0])));
//! assert_eq!((pixels.height, pixels.width), (224, 224));
//! // The red plane comes first; its mean and standard deviation are CLIP's.
//! assert!((pixels.values[0] - (1.0 - 0.4815) / 0.2686).abs() < 1e-3);
//!
//! let vocabulary = br#"{"a</w>":0,"b</w>":1,"<|startoftext|>":2,"<|endoftext|>":3}"#;
//! let tokenizer = TextTokenizer::from_vocabulary(vocabulary, b"#version: 0.2", 77)?;
//! assert_eq!(tokenizer.tokenize(&["A b"])?, [[2, 0, 1, 3]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(any(test, feature = "testing"))]
pub mod fake;
mod preprocess;
mod prompt;
mod reading;
mod scores;
mod text_model;
mod text_variants;
mod tokenize;
mod tokenizer_json;

pub use preprocess::{
    DynamicResize, DynamicResolutionPreprocessor, Preprocessor, PreprocessorError, Processor, TokenRange,
};
pub use prompt::PromptTokenizer;
pub use reading::{TextContent, TextReading, Vocabulary, VocabularyError, is_link, negation};
pub use scores::{LogisticCurve, ScoreCalibration, ScoreRange};
pub use text_model::TextModel;
pub use text_variants::{Combination, TemplatesError, TextVariants};
pub use tokenize::{TextNormalizer, TextTokenizer, TokenizerError, TokenizerSettings};

use eidetic_domain::{Embedding, EmbeddingError, SpaceId};
use image::RgbImage;
use thiserror::Error;

/// Turns texts and images into unit vectors of one space.
///
/// Images are encoded in two steps, so that decoding threads can do the first and drop the full-size image:
/// [`preprocess`](Self::preprocess) shrinks an image to what the model reads (a few hundred kilobytes
/// whatever the original's size), and [`encode_pixels`](Self::encode_pixels) runs the model on a batch of
/// those.
///
/// Encoding is a pure function: equal input gives an equal vector up to rounding, alone or in any batch.
pub trait Encoder: Send + Sync {
    /// The space of all vectors of this encoder.
    fn space(&self) -> &SpaceId;

    /// The shorter side in pixels to which [`preprocess`](Self::preprocess) resizes an image. An image that
    /// was decoded at a smaller scale, but still comfortably larger than this, gives nearly the same vector.
    /// `None` where only the full resolution gives the right vector.
    fn shorter_side(&self) -> Option<u32> {
        None
    }

    /// What is known of the model's scores without any of the user's images.
    fn score_calibration(&self) -> ScoreCalibration;

    /// Resizes, crops and normalizes one image as the model's reference processor does.
    fn preprocess(&self, image: &RgbImage) -> Pixels;

    /// What the model takes from a text that a user wrote. Embed the text of the reading: words that the model does not
    /// know may turn its embedding away from those that it knows.
    fn read_text(&self, text: &str) -> TextReading {
        TextReading::whole(text)
    }

    /// One embedding per text, in order, each text as it is. Texts longer than the model reads are truncated before the
    /// end token.
    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError>;

    /// One embedding per image, in order. All must come from this encoder's own `preprocess`.
    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError>;

    /// One embedding per pair of text and image, in order; `None` where the model cannot embed them together.
    fn encode_fused(&self, _parts: &[(&str, &Pixels)]) -> Result<Option<Vec<Embedding>>, EncodeError> {
        Ok(None)
    }

    /// As [`encode_texts`](Self::encode_texts), under an instruction in place of the model's own; `None` where the model
    /// takes none.
    fn encode_texts_as(
        &self,
        _texts: &[&str],
        _instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        Ok(None)
    }

    /// As [`encode_pixels`](Self::encode_pixels), under an instruction in place of the model's own; `None` where the model
    /// takes none.
    fn encode_pixels_as(
        &self,
        _batch: &[Pixels],
        _instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        Ok(None)
    }

    /// Both steps for images in memory.
    fn encode_images(&self, images: &[RgbImage]) -> Result<Vec<Embedding>, EncodeError> {
        let batch: Vec<Pixels> = images.iter().map(|image| self.preprocess(image)).collect();
        self.encode_pixels(&batch)
    }
}

/// An image as a model reads it: three planes (red, green, blue) of `height` × `width` normalized values.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Rows of each plane.
    pub height: usize,
    /// Columns of each plane.
    pub width: usize,
    /// 3 · height · width values, plane by plane, row by row.
    pub values: Vec<f32>,
}

/// Why an encoder returned no vectors.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The batch contains an image of another shape than the model reads.
    #[error("the model expects images of {expected_height}×{expected_width}, found {height}×{width}")]
    PixelShape {
        /// Rows that the model reads.
        expected_height: usize,
        /// Columns that the model reads.
        expected_width: usize,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
    /// The batch contains an image that does not consist of whole patches, or of too many.
    #[error(
        "the model expects images of at most {max_patches} whole patches of {patch_size}×{patch_size}, \
         found {height}×{width}"
    )]
    PixelPatches {
        /// Pixels along a patch.
        patch_size: usize,
        /// Largest number of patches per image.
        max_patches: usize,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
    /// The text could not be split into tokens.
    #[error("cannot tokenize the text: {0}")]
    Tokenize(String),
    /// The model's output has no direction: it is zero or not finite, a sign of damaged weights.
    #[error("unusable model output: {0}")]
    Output(#[from] EmbeddingError),
    /// The engine that runs the model failed.
    #[error("cannot run the model: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
