//! How probable matches are in a space, and texts scored against an image.

use std::sync::{Arc, PoisonError, RwLockReadGuard};

use eidetic_confidence::calibration::CalibrationScope;
use eidetic_confidence::{
    Background, Breakdown, Calibrator, ConfidenceModel, LibraryScoreSample, QueryKind, TextMatch,
    background_texts,
};
use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_search::{BreakdownOptions, Matcher, QueryImage, ViewedImage};
use eidetic_vectors::VectorIndex;

use crate::vector_cache::VectorCache;
use crate::{LibraryError, Space};

/// The embeddings of the background texts, in the space's directory.
const BACKGROUND_FILE: &str = "background.bin";

impl Space {
    /// The model that turns scores into confidences, with the current calibrations.
    ///
    /// Where no calibration applies, it needs the background, and the first call embeds a thousand texts.
    pub fn confidence_model(&self) -> Result<Arc<ConfidenceModel>, LibraryError> {
        let is_current = |model: &&Arc<ConfidenceModel>| self.has_current_sample(model);
        if let Some(model) = self.read_confidence_model().as_ref().filter(is_current) {
            return Ok(model.clone());
        }
        let mut cached = self
            .confidence_model
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = cached.as_ref().filter(is_current) {
            return Ok(model.clone());
        }
        let model = Arc::new(match &*cached {
            Some(model) => ConfidenceModel {
                library_scores: self.sample_scores(),
                ..ConfidenceModel::clone(model)
            },
            None => self.make_confidence_model()?,
        });
        *cached = Some(model.clone());
        Ok(model)
    }

    /// Scores texts against an image: one result for each text, the most probable first. Texts must be distinct.
    pub fn match_texts(&self, image: &QueryImage, texts: &[&str]) -> Result<Vec<TextMatch>, LibraryError> {
        self.match_vector(&self.image_vector(image)?, texts)
    }

    /// The same for an image that is embedded already.
    pub fn match_vector(&self, image: &Embedding, texts: &[&str]) -> Result<Vec<TextMatch>, LibraryError> {
        self.match_vector_with(&*self.confidence_model()?, image, texts)
    }

    /// The model of confidence for matches under a profile, which may have a calibration of its own.
    pub fn confidence_model_under(
        &self,
        profile: Option<&str>,
    ) -> Result<Arc<ConfidenceModel>, LibraryError> {
        let model = self.confidence_model()?;
        let own = match profile {
            Some(name) => self.calibration(CalibrationScope::profile(name))?,
            None => None,
        };
        Ok(own.map_or(model.clone(), |own| {
            Arc::new(ConfidenceModel {
                text: own.calibrator,
                surprisal: 0.0,
                ..ConfidenceModel::clone(&model)
            })
        }))
    }

    /// Scores texts against an embedded image, with confidences of `model`.
    pub fn match_vector_with(
        &self,
        model: &ConfidenceModel,
        image: &Embedding,
        texts: &[&str],
    ) -> Result<Vec<TextMatch>, LibraryError> {
        let matcher = Matcher {
            encoder: self.encoder()?,
            text_cache: &self.text_cache,
            confidence_model: model,
        };
        Ok(matcher.match_texts(image, texts)?)
    }

    /// The views of each of `matches`, with confidences of `model`.
    pub fn breakdowns(
        &self,
        model: &ConfidenceModel,
        matches: &[TextMatch],
        image: &ViewedImage<'_>,
        options: &BreakdownOptions<'_>,
    ) -> Result<Vec<Breakdown>, LibraryError> {
        let matcher = Matcher {
            encoder: self.encoder()?,
            text_cache: &self.text_cache,
            confidence_model: model,
        };
        Ok(matcher.breakdowns(matches, image, options)?)
    }

    /// The embedding of an image: stored, or computed.
    pub fn image_vector(&self, image: &QueryImage) -> Result<Embedding, LibraryError> {
        match image {
            QueryImage::Indexed(image) => self
                .read_vectors()
                .vector(image)
                .ok_or(LibraryError::UnknownImage(*image)),
            QueryImage::Pixels(pixels) => {
                let pixels = std::slice::from_ref(pixels);
                Ok(self.encoder()?.encode_images(pixels)?.swap_remove(0))
            }
        }
    }

    /// Makes the next use compute the confidence model again.
    pub(crate) fn clear_confidence_model(&self) {
        let mut cached = self
            .confidence_model
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *cached = None;
    }

    fn make_confidence_model(&self) -> Result<ConfidenceModel, LibraryError> {
        let known = self.encoder()?.score_calibration();
        let (text, surprisal) = match self.calibration(QueryKind::Text)? {
            // From labels of this library.
            Some(calibration) => (calibration.calibrator, 0.0),
            None => (Calibrator::shipped(&known, QueryKind::Text), known.surprisal),
        };
        let image = self.calibrator(QueryKind::Image)?;
        let uncalibrated = [&text, &image].contains(&&Calibrator::Background);
        let background = uncalibrated
            .then(|| self.background(self.encoder()?))
            .transpose()?;
        Ok(ConfidenceModel {
            text,
            surprisal,
            unrelated: known.unrelated,
            image,
            background,
            library_scores: self.sample_scores(),
        })
    }

    /// The background in the encoder's space: from the disk, else from the model and then stored.
    fn background(&self, encoder: &dyn Encoder) -> Result<Arc<Background>, LibraryError> {
        let texts = background_texts();
        let count = texts.len();
        let cache = VectorCache::new(
            self.directory.join(BACKGROUND_FILE),
            encoder.space(),
            texts,
            count,
        );
        if let Some(texts) = cache.read() {
            let scale = encoder.score_calibration().logit_scale;
            return Ok(Arc::new(Background::new(texts, scale)));
        }
        let background = Background::embed(encoder)?;
        if self.stores_derived_files() {
            cache.write(background.texts());
        }
        Ok(Arc::new(background))
    }

    /// Whether the sample of scores still represents the space, which may have grown since.
    fn has_current_sample(&self, model: &ConfidenceModel) -> bool {
        let size = self.read_vectors().len();
        model
            .library_scores
            .as_ref()
            .map_or(size < LibraryScoreSample::MIN_IMAGES, |sample| {
                sample.represents(size)
            })
    }

    /// A sample of the space's own scores; `None` where it has too few images.
    fn sample_scores(&self) -> Option<Arc<LibraryScoreSample>> {
        let vectors = self.read_vectors();
        let images: Vec<_> = vectors.live().map(|(_, image)| image).collect();
        LibraryScoreSample::draw(&images, |image| vectors.vector(&image)).map(Arc::new)
    }

    fn read_confidence_model(&self) -> RwLockReadGuard<'_, Option<Arc<ConfidenceModel>>> {
        self.confidence_model
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use eidetic_encoder::fake::FakeEncoder;

    use crate::{Library, Owner};

    #[test]
    fn background_is_embedded_once_per_model() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::this_process("a test");
        let library = Library::with_encoder(folder.path(), Box::new(FakeEncoder::new(16)), &owner).unwrap();
        let space = library.active();
        let encoder = FakeEncoder::new(16);
        let made = space.background(&encoder).unwrap();
        let batches = encoder.batches();
        let read = space.background(&encoder).unwrap();
        assert_eq!(encoder.batches(), batches);
        assert_eq!(read.texts().len(), made.texts().len());
        space.background(&FakeEncoder::new(16).named("other")).unwrap();
        space.background(&encoder).unwrap();
        assert!(
            encoder.batches() > batches,
            "vectors of another model are not used"
        );
    }
}
