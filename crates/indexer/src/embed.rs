//! One batch through the encoder; an image that gives no embedding does not fail the others. Embeddings that are known before.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::{EncodeError, Encoder, Pixels};

use crate::Background;

/// Embeddings that are known before a run, such as those of a file of them. Images that have one need no model.
#[derive(Clone)]
pub struct KnownEmbeddings(Arc<EmbeddingLookup>);

type EmbeddingLookup = dyn Fn(&ImageId, &Path) -> Option<Embedding> + Send + Sync;

impl KnownEmbeddings {
    /// Asks `lookup`, from several threads, for the embedding of an image that is at a path.
    pub fn new(lookup: impl Fn(&ImageId, &Path) -> Option<Embedding> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// The embedding of an image; `None` where the model is to make it.
    pub(crate) fn of(&self, image: &ImageId, path: &Path) -> Option<Embedding> {
        (self.0)(image, path)
    }
}

impl fmt::Debug for KnownEmbeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownEmbeddings")
    }
}

/// What the embedding of an image comes from.
pub enum EmbeddingInput {
    /// The model reads these.
    Pixels(Pixels),
    /// It is known.
    Known(Embedding),
}

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
