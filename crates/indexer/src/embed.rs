//! One batch through the encoder; an image that gives no embedding does not fail the others.

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, Pixels};

use crate::Background;

/// One result for each image, in order; on the threads of `background`, if there is one.
///
/// Errors: the engine failed, or every single image did, which points to the model rather than to the images.
pub fn embed(
    encoder: &dyn Encoder,
    pixels: &[Pixels],
    background: Option<&Background>,
) -> Result<Vec<Result<Embedding, EncodeError>>, EncodeError> {
    match background {
        Some(background) => background.run(|| embed_batch(encoder, pixels)),
        None => embed_batch(encoder, pixels),
    }
}

fn embed_batch(
    encoder: &dyn Encoder,
    pixels: &[Pixels],
) -> Result<Vec<Result<Embedding, EncodeError>>, EncodeError> {
    let error = match encoder.encode_pixels(pixels) {
        Ok(embeddings) => return Ok(embeddings.into_iter().map(Ok).collect()),
        Err(error @ EncodeError::Engine(_)) => return Err(error),
        Err(error) => error,
    };
    let embed_alone = |image| {
        let mut one = encoder.encode_pixels(std::slice::from_ref(image))?;
        one.pop()
            .ok_or_else(|| EncodeError::Engine("the encoder returned no embedding".into()))
    };
    let results: Vec<_> = pixels.iter().map(embed_alone).collect();
    if results.iter().all(Result::is_err) {
        return Err(error);
    }
    Ok(results)
}
