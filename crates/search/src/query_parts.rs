//! The embeddings of a query's parts.

use std::sync::Arc;

use eidetic_domain::Embedding;

use crate::{EmbeddedText, QueryWeights, SearchError};

/// The embeddings of a query's parts.
pub(crate) struct QueryParts {
    pub(crate) text: Option<Arc<EmbeddedText>>,
    pub(crate) image: Option<Embedding>,
    pub(crate) negative: Option<Arc<EmbeddedText>>,
    /// Text and image in one embedding, if the encoder supports that and the weights are the default.
    pub(crate) joint: Option<Embedding>,
}

impl QueryParts {
    /// The embedding to search with.
    pub(crate) fn combine(&self, weights: QueryWeights) -> Result<Embedding, SearchError> {
        if let Some(joint) = &self.joint {
            return match &self.negative {
                None => Ok(joint.clone()),
                Some(negative) => {
                    Embedding::weighted_sum(&[(1.0, joint), (-weights.negative, &negative.embedding)])
                        .map_err(SearchError::NoDirection)
                }
            };
        }
        match (&self.text, &self.image, &self.negative) {
            (None, None, _) => Err(SearchError::EmptyQuery),
            // The embedding of a single part is used as it is, without rounding it again.
            (Some(text), None, None) => Ok(text.embedding.clone()),
            (None, Some(image), None) => Ok(image.clone()),
            (text, image, negative) => {
                let terms: Vec<(f32, &Embedding)> = [
                    text.as_ref().map(|text| (weights.text, &text.embedding)),
                    image.as_ref().map(|image| (weights.image, image)),
                    negative
                        .as_ref()
                        .map(|negative| (-weights.negative, &negative.embedding)),
                ]
                .into_iter()
                .flatten()
                .collect();
                Embedding::weighted_sum(&terms).map_err(SearchError::NoDirection)
            }
        }
    }
}
