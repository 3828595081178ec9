//! The model that computes confidences in one space.
//!
//! With labels, a curve from score to probability decides. Without labels, [`Calibrator::Background`] uses
//! two features: the margin in logits by which an image fits the query better than a thousand other texts,
//! and the surprisal of its score among the library's own scores. Both depend little on the encoder;
//! docs/decisions/0014-confidence.md has the measurements.

use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, LogisticCurve};
use eidetic_kernels::dot;

use crate::{Background, Calibrator, LibraryScoreSample, QueryKind, ScoreTail, cosine};

/// From the margin over the background, in logits, to the probability that a text describes an image.
const MARGIN: LogisticCurve = LogisticCurve {
    slope: 0.836,
    intercept: -2.117,
};
/// The same for hits of a search, where the surprisal adds to the margin.
const MARGIN_OF_HIT: LogisticCurve = LogisticCurve {
    slope: 0.752,
    intercept: -1.922,
};
/// Log odds that each unit of surprisal adds to a hit.
const SURPRISAL_WEIGHT: f64 = 0.245;
/// From the similarity of two descriptions to the probability that both images show the same.
const DESCRIPTION_SIMILARITY: LogisticCurve = LogisticCurve {
    slope: 6.415,
    intercept: -0.48,
};
/// From minus the logarithm of a relative distance to the same probability. Encoders differ in what a
/// distance means, and agree only that images at almost no distance show the same.
const RELATIVE_DISTANCE: LogisticCurve = LogisticCurve {
    slope: 1.685,
    intercept: -8.733,
};
/// Smaller relative distances are rounding errors.
const MIN_RELATIVE_DISTANCE: f64 = 1e-3;

/// Computes the probabilities of matches in one space.
#[derive(Debug, Clone)]
pub struct ConfidenceModel {
    /// For text queries.
    pub text: Calibrator,
    /// For image queries.
    pub image: Calibrator,
    /// What [`Calibrator::Background`] compares with; such a calibrator gives no confidences without it.
    pub background: Option<Arc<Background>>,
    /// Improves [`Calibrator::Background`]; `None` if the library is too small.
    pub library_scores: Option<Arc<LibraryScoreSample>>,
}

impl ConfidenceModel {
    /// The model of an encoder without calibrations from labels. Embeds the background if the encoder ships
    /// no curves.
    pub fn shipped(encoder: &dyn Encoder) -> Result<Self, EncodeError> {
        let scores = encoder.score_calibration();
        let (text, image) = (
            Calibrator::shipped(&scores, QueryKind::Text),
            Calibrator::shipped(&scores, QueryKind::Image),
        );
        let needed = text == Calibrator::Background || image == Calibrator::Background;
        let background = needed.then(|| Background::embed(encoder)).transpose()?;
        Ok(Self {
            text,
            image,
            background: background.map(Arc::new),
            library_scores: None,
        })
    }

    /// The calibrator of a kind.
    pub const fn calibrator(&self, kind: QueryKind) -> &Calibrator {
        match kind {
            QueryKind::Text => &self.text,
            QueryKind::Image => &self.image,
        }
    }

    /// Whether low confidences of a kind mean that nothing matches. Without labels, two images get a high
    /// confidence only if they are almost identical, so a low one means little.
    pub fn supports_no_match(&self, kind: QueryKind) -> bool {
        kind == QueryKind::Text || self.image != Calibrator::Background
    }

    /// The probability that each of `images`, which are hits of a search, matches `query`. All are unit
    /// vectors of the model's space, and `kind` is the kind of `query`. `None` if the confidences are
    /// unknown.
    pub fn confidences<V: AsRef<[f32]>>(
        &self,
        kind: QueryKind,
        query: &Embedding,
        images: &[V],
    ) -> Option<Vec<f32>> {
        if *self.calibrator(kind) != Calibrator::Background {
            return self.by_score(kind, query, images);
        }
        let background = self.background.as_ref()?;
        let probabilities = match (kind, &self.library_scores) {
            (QueryKind::Image, sample) => by_similarity(background, sample.as_deref(), query, images),
            (QueryKind::Text, None) => by_margin(background, query, images),
            (QueryKind::Text, Some(sample)) => {
                by_margin_and_surprisal(background, &sample.tail(query), query, images)
            }
        };
        Some(to_f32(probabilities))
    }

    fn by_score<V: AsRef<[f32]>>(
        &self,
        kind: QueryKind,
        query: &Embedding,
        images: &[V],
    ) -> Option<Vec<f32>> {
        let probability = |image: &V| self.calibrator(kind).probability(score(query, image));
        images.iter().map(probability).collect::<Option<_>>().map(to_f32)
    }

    /// The probability that each of `texts` describes `image`, which need not be in the library. So the
    /// scores of the texts in the library are not used.
    pub fn text_confidences<'a>(
        &self,
        image: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
    ) -> Vec<Option<f32>> {
        match (&self.text, &self.background) {
            (Calibrator::Background, None) => texts.into_iter().map(|_| None).collect(),
            (Calibrator::Background, Some(background)) => {
                let margins = background.text_margins(image, texts).into_iter();
                margins
                    .map(|margin| Some(MARGIN.probability(margin) as f32))
                    .collect()
            }
            (calibrator, _) => {
                let score = |text| f64::from(cosine(image, text));
                let probability = |text| calibrator.probability(score(text)).map(|p| p as f32);
                texts.into_iter().map(probability).collect()
            }
        }
    }
}

fn by_margin<V: AsRef<[f32]>>(background: &Background, text: &Embedding, images: &[V]) -> Vec<f64> {
    let margins = background.image_margins(text, images).into_iter();
    margins.map(|margin| MARGIN.probability(margin)).collect()
}

fn by_margin_and_surprisal<V: AsRef<[f32]>>(
    background: &Background,
    tail: &ScoreTail,
    text: &Embedding,
    images: &[V],
) -> Vec<f64> {
    let margins = background.image_margins(text, images);
    let combined = images.iter().zip(margins).map(|(image, margin)| {
        let surprisal = tail.surprisal(score(text, image));
        margin + SURPRISAL_WEIGHT / MARGIN_OF_HIT.slope * surprisal
    });
    combined
        .map(|combined| MARGIN_OF_HIT.probability(combined))
        .collect()
}

/// Images show the same if their descriptions are similar, or if they are much closer than others of the
/// library.
fn by_similarity<V: AsRef<[f32]>>(
    background: &Background,
    sample: Option<&LibraryScoreSample>,
    query: &Embedding,
    images: &[V],
) -> Vec<f64> {
    let median = sample.map(|sample| sample.median(query));
    let similarities = background.description_similarities(query, images).into_iter();
    let both = similarities.zip(images).map(|(similarity, image)| {
        let by_description = DESCRIPTION_SIMILARITY.probability(similarity);
        let by_distance = median.map(|median| by_relative_distance(score(query, image), median));
        by_distance.map_or(by_description, |by_distance| by_description.max(by_distance))
    });
    both.collect()
}

fn by_relative_distance(score: f64, median: f64) -> f64 {
    RELATIVE_DISTANCE.probability(-relative_distance(score, median).ln())
}

/// The cosine distance of two images in units of the median distance in the library.
fn relative_distance(score: f64, median: f64) -> f64 {
    ((1.0 - score) / (1.0 - median).max(f64::EPSILON)).max(MIN_RELATIVE_DISTANCE)
}

/// The cosine similarity of unit vectors.
fn score<V: AsRef<[f32]>>(query: &Embedding, image: &V) -> f64 {
    f64::from(dot(query.as_slice(), image.as_ref()))
}

fn to_f32(probabilities: Vec<f64>) -> Vec<f32> {
    probabilities.into_iter().map(|p| p as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_almost_identical_images_are_the_same() {
        assert!(by_relative_distance(1.0, 0.2) > 0.9);
        assert!(by_relative_distance(0.999, 0.2) > 0.5);
        assert!(by_relative_distance(0.9, 0.2) < 0.1);
        assert!(by_relative_distance(0.9, 0.899) < 0.01);
        // A library of copies of one image, and a score that rounding made larger than 1.
        for (score, median) in [(1.0, 1.0), (1.000_001, 0.5)] {
            assert!(relative_distance(score, median).ln().is_finite());
        }
    }
}
