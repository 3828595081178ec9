//! A batch through the encoder, where one bad picture costs no other.

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, Pixels};

/// One embedding, or the picture's own error, a picture. An error of the whole batch that is not the engine's is put down to
/// the pictures that cause it; if all do, the model is to blame.
pub fn embed(
    encoder: &dyn Encoder,
    pixels: &[Pixels],
) -> Result<Vec<Result<Embedding, EncodeError>>, EncodeError> {
    let error = match encoder.encode_pixels(pixels) {
        Ok(embeddings) => return Ok(embeddings.into_iter().map(Ok).collect()),
        Err(error @ EncodeError::Engine(_)) => return Err(error),
        Err(error) => error,
    };
    let alone = |picture| {
        let mut one = encoder.encode_pixels(std::slice::from_ref(picture))?;
        one.pop()
            .ok_or_else(|| EncodeError::Engine("the encoder gave no vector".into()))
    };
    let each: Vec<_> = pixels.iter().map(alone).collect();
    if each.iter().all(Result::is_err) {
        return Err(error);
    }
    Ok(each)
}
