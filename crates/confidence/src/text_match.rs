//! How well one text describes one image.

use crate::Level;

/// A picture held against one text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextMatch {
    /// The text, as given but for spaces around it.
    pub text: String,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// The score within the model's own span, 0 to 1.
    pub normalized: f32,
    /// Probability that the text describes the picture; `None` where nothing can tell.
    pub confidence: Option<f32>,
    /// The probability in a word.
    pub level: Level,
}
