use eidetic_confidence::TextMatch;
use eidetic_domain::Embedding;
use eidetic_search::{Matcher, QueryPicture};
use eidetic_vectors::VectorIndex;

use crate::{LibraryError, Space};

impl Space {
    /// Holds a picture against texts, each of which should be there once: one result a text, the most probable first.
    pub fn match_texts(
        &self,
        picture: &QueryPicture,
        texts: &[&str],
    ) -> Result<Vec<TextMatch>, LibraryError> {
        let picture = self.picture_vector(picture)?;
        self.match_vector(&picture, texts)
    }

    /// The same for a picture embedded before.
    pub fn match_vector(&self, picture: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, LibraryError> {
        let matcher = Matcher {
            encoder: self.encoder()?,
            texts: &self.texts,
            judge: &*self.judge()?,
        };
        Ok(matcher.texts_of(picture, texts)?)
    }

    /// A picture's vector: stored, or from the model.
    pub fn picture_vector(&self, picture: &QueryPicture) -> Result<Embedding, LibraryError> {
        match picture {
            QueryPicture::Indexed(image) => self
                .read_vectors()
                .vector(image)
                .ok_or(LibraryError::UnknownImage(*image)),
            QueryPicture::Pixels(pixels) => {
                let encoder = self.encoder()?;
                Ok(encoder
                    .encode_images(std::slice::from_ref(pixels))?
                    .swap_remove(0))
            }
        }
    }
}
