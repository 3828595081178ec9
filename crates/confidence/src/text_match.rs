//! How well one text describes one image.

use crate::Level;

/// An image compared with one text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextMatch {
    /// The text, without surrounding spaces.
    pub text: String,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// The score's position in the model's range of scores, 0 to 1.
    pub normalized: f32,
    /// Probability that the text, as far as the model knows its words, describes the image; `None` if it is unknown, or if
    /// the text says nothing.
    pub confidence: Option<f32>,
    /// Words of the text that the model does not know; it was compared without them.
    pub unknown_words: Vec<String>,
    /// The confidence as a word; at most [`Level::Low`] where the model does not know a word of the text.
    pub level: Level,
}
