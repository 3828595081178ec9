//! The views of how well texts describe an image: from the text, from the image, and by words.

use eidetic_confidence::{Breakdown, BreakdownWeights, TextMatch, cosine, keyword_overlap};
use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Pixels, is_link};
use thiserror::Error;

use crate::Matcher;

/// What an image is asked for, and a text that answers, where a model takes instructions.
const REVERSE_INSTRUCTION: &str = "Find a text that describes the given image.";
const ANSWER_INSTRUCTION: &str = "Represent the user's input.";

/// An image whose views are computed.
#[derive(Debug, Clone, Copy)]
pub struct ViewedImage<'a> {
    /// Its embedding.
    pub embedding: &'a Embedding,
    /// As the model reads it, where that is at hand; models that take instructions look at it again.
    pub pixels: Option<&'a Pixels>,
    /// Its tags, captions and names.
    pub words: &'a [String],
}

/// How the views are computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct BreakdownOptions<'a> {
    /// How much each counts.
    pub weights: BreakdownWeights,
    /// An instruction in place of the model's own.
    pub instruction: Option<&'a str>,
}

/// Why there are no views.
#[derive(Debug, Error)]
pub enum BreakdownError {
    /// The model takes no instruction.
    #[error(
        "{model} takes no instruction; leave it out, or use a model that does, such as GME or Qwen3-VL-Embedding"
    )]
    NoInstruction {
        /// The model's name.
        model: String,
    },
    /// The model failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Matcher<'_> {
    /// The views of each of `matches`, in order.
    ///
    /// Where the model takes instructions and `image` has pixels, the reverse view is the score of the image, asked for a
    /// text, with the text; else it is the share of the library's images that the text fits less.
    pub fn breakdowns(
        &self,
        matches: &[TextMatch],
        image: &ViewedImage<'_>,
        options: &BreakdownOptions<'_>,
    ) -> Result<Vec<Breakdown>, BreakdownError> {
        let texts: Vec<&str> = matches.iter().map(|found| found.text.as_str()).collect();
        let direct = self.direct(matches, &texts, image, options)?;
        let reverse = match self.reverse_by_model(&texts, image)? {
            Some(reverse) => reverse.into_iter().map(Some).collect(),
            None => self.reverse_by_library(&texts, image)?,
        };
        let views = matches.iter().zip(direct).zip(reverse);
        Ok(views
            .map(|((found, direct), reverse)| {
                let words = image.words.iter().map(String::as_str);
                let keywords = keyword_overlap(&found.text, words, is_link);
                options.weights.fuse(direct, reverse, keywords)
            })
            .collect())
    }

    fn direct(
        &self,
        matches: &[TextMatch],
        texts: &[&str],
        image: &ViewedImage<'_>,
        options: &BreakdownOptions<'_>,
    ) -> Result<Vec<f32>, BreakdownError> {
        let Some(instruction) = options.instruction else {
            let direct = |found: &TextMatch| found.confidence.unwrap_or(found.normalized);
            return Ok(matches.iter().map(direct).collect());
        };
        let embedded = self.encoder.encode_texts_as(texts, instruction)?;
        let embedded = embedded.ok_or_else(|| BreakdownError::NoInstruction {
            model: self.encoder.space().model.clone(),
        })?;
        Ok(self.normalized(&embedded, image.embedding))
    }

    fn reverse_by_model(
        &self,
        texts: &[&str],
        image: &ViewedImage<'_>,
    ) -> Result<Option<Vec<f32>>, EncodeError> {
        let Some(pixels) = image.pixels else {
            return Ok(None);
        };
        let asked = self
            .encoder
            .encode_pixels_as(std::slice::from_ref(pixels), REVERSE_INSTRUCTION)?;
        let Some(asked) = asked.and_then(|mut embedded| embedded.pop()) else {
            return Ok(None);
        };
        let answers = self.encoder.encode_texts_as(texts, ANSWER_INSTRUCTION)?;
        Ok(answers.map(|answers| self.normalized(&answers, &asked)))
    }

    fn reverse_by_library(
        &self,
        texts: &[&str],
        image: &ViewedImage<'_>,
    ) -> Result<Vec<Option<f32>>, EncodeError> {
        let Some(sample) = &self.confidence_model.library_scores else {
            return Ok(vec![None; texts.len()]);
        };
        let embedded = self.text_cache.embed_all(self.encoder, texts)?;
        let share = |text: &Embedding| {
            let score = f64::from(cosine(text, image.embedding));
            Some(sample.share_below(text, score) as f32)
        };
        Ok(embedded
            .iter()
            .map(|text| share(text.closest(image.embedding)))
            .collect())
    }

    /// The positions of scores in the model's range.
    fn normalized(&self, texts: &[Embedding], image: &Embedding) -> Vec<f32> {
        let range = self.encoder.score_calibration().range;
        texts
            .iter()
            .map(|text| range.normalize(cosine(text, image)))
            .collect()
    }
}
