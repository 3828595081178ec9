//! The background's vectors, kept with the library.

use std::path::Path;
use std::sync::Arc;

use eidetic_confidence::{Background, background_texts};
use eidetic_encoder::Encoder;

use crate::LibraryError;
use crate::kept_vectors::KeptVectors;

const FILE_NAME: &str = "background.bin";

/// The background in the encoder's space, from the library at `directory`, else from the model and then kept there.
pub(crate) fn load(directory: &Path, encoder: &dyn Encoder) -> Result<Arc<Background>, LibraryError> {
    let texts = background_texts();
    let count = texts.len();
    let kept = KeptVectors::new(directory.join(FILE_NAME), encoder.space(), texts, count);
    if let Some(texts) = kept.read() {
        let scale = encoder.score_calibration().logit_scale;
        return Ok(Arc::new(Background::new(texts, scale)));
    }
    let background = Background::embed(encoder)?;
    kept.keep(background.texts());
    Ok(Arc::new(background))
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    #[test]
    fn the_model_is_asked_once() {
        let folder = tempfile::tempdir().unwrap();
        let encoder = FakeEncoder::new(16);
        let made = load(folder.path(), &encoder).unwrap();
        let batches = encoder.batches();
        let read = load(folder.path(), &encoder).unwrap();
        assert_eq!(encoder.batches(), batches);
        assert_eq!(read.texts().len(), made.texts().len());
        load(folder.path(), &FakeEncoder::new(16).named("other")).unwrap();
        load(folder.path(), &encoder).unwrap();
        assert!(
            encoder.batches() > batches,
            "another model's vectors are not taken"
        );
    }
}
