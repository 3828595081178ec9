//! The text tower of a model of images and texts, as a text model.

use eidetic_encoder::{EncodeError, Encoder, TextModel};

/// Adapts an encoder to the trait of text models.
pub struct EncoderTextModel(pub Box<dyn Encoder>);

impl TextModel for EncoderTextModel {
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
