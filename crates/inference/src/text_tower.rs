//! The text tower of a model of texts and images, as a text model.

use eidetic_encoder::{EncodeError, Encoder, TextModel};

/// The text side of a model that has an image side too.
pub struct TextTower(pub Box<dyn Encoder>);

impl TextModel for TextTower {
    fn name(&self) -> &str {
        &self.0.space().model
    }

    fn revision(&self) -> &str {
        &self.0.space().revision
    }

    fn dimension(&self) -> usize {
        self.0.space().dimension
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let embeddings = self.0.encode_texts(texts)?;
        Ok(embeddings
            .iter()
            .map(|embedding| embedding.as_slice().to_vec())
            .collect())
    }
}
