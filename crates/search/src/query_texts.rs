//! What the model takes from the texts of a query.

use std::sync::Arc;

use eidetic_encoder::{EncodeError, Encoder};

use crate::{EmbeddedText, Query, TextCache};

/// The texts of a query as the model reads them.
pub(crate) struct QueryTexts {
    /// The text. One without content is left out beside an image.
    pub(crate) text: Option<Arc<EmbeddedText>>,
    /// The negative text, if it has content.
    pub(crate) negative: Option<Arc<EmbeddedText>>,
    /// Words that the model does not know.
    pub(crate) unknown_words: Vec<String>,
    /// Whether the query says what its hits should show.
    pub(crate) claim: Claim,
}

/// Whether a query says anything that hits could match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Made,
    /// Every image is as good an answer as any other.
    None,
}

impl QueryTexts {
    pub(crate) fn embed(
        query: &Query,
        encoder: &dyn Encoder,
        cache: &TextCache,
    ) -> Result<Self, EncodeError> {
        let embed = |text: &Option<String>| {
            let text = non_blank(text.as_deref()).map(|text| cache.embed(encoder, text));
            text.transpose()
        };
        let (text, negative) = (embed(&query.text)?, embed(&query.negative)?);
        let has_content = |text: &Arc<EmbeddedText>| text.reading.has_content();
        let has_image = query.image.is_some();
        let claim = if has_image || text.as_ref().is_some_and(has_content) {
            Claim::Made
        } else {
            Claim::None
        };
        Ok(Self {
            unknown_words: unknown_words([&text, &negative].into_iter().flatten()),
            text: text.filter(|text| !has_image || has_content(text)),
            negative: negative.filter(has_content),
            claim,
        })
    }
}

/// In order, each once.
fn unknown_words<'a>(texts: impl Iterator<Item = &'a Arc<EmbeddedText>>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in texts.flat_map(|text| &text.reading.unknown_words) {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
}

fn non_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
