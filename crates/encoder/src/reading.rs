//! What a model takes from a text: the words that it knows, and whether the text says anything about an image.

mod letters;
mod stop_words;
mod vocabulary;

pub use stop_words::{is_link, negation};
pub use vocabulary::{Vocabulary, VocabularyError};

/// What a model takes from a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextReading {
    /// The text to embed: without the words that the model does not know. The whole text where it has no content.
    pub text: String,
    /// The words that the model does not know and that were left out, in order, each once.
    pub unknown_words: Vec<String>,
    /// Whether the rest says anything about an image.
    pub content: TextContent,
}

/// Whether a text says anything that an image can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextContent {
    /// It does.
    Some,
    /// It has only stop words, punctuation, and words that the model does not know: every image fits it as well as any
    /// other, so its scores are no evidence.
    None,
}

impl TextReading {
    /// The reading of a model that takes texts as they are. Its content is decided by English and Chinese stop words.
    pub fn whole(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            unknown_words: Vec::new(),
            content: stop_words::content(text),
        }
    }

    /// Whether the text says anything about an image.
    pub fn has_content(&self) -> bool {
        self.content == TextContent::Some
    }
}
