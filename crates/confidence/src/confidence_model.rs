//! The model that computes confidences in one space.
//!
//! With labels, a curve from score to probability decides. The curve that ships with a model is corrected by the
//! surprisal of a score among the library's own scores. Without labels, [`Calibrator::Background`] uses
//! two features: the margin in logits by which an image fits the query better than a thousand other texts,
//! and that surprisal. Both depend little on the encoder; docs/decisions/0014-confidence.md and
//! 0027-confidence-on-unseen-photos.md have the measurements.

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
/// The same for hits of a search in a library that is too small for surprisals.
const MARGIN_IN_SMALL_LIBRARY: LogisticCurve = LogisticCurve {
    slope: 0.997,
    intercept: -1.153,
};
/// The same for hits of a search, where the surprisal adds to the margin.
const MARGIN_OF_HIT: LogisticCurve = LogisticCurve {
    slope: 0.924,
    intercept: -1.407,
};
/// Log odds that each unit of surprisal adds to the margin of a hit.
const SURPRISAL_WEIGHT: f64 = 0.350;
/// The best of up to this many texts describe an image as probably as they do in a comparison of a few.
const USUAL_TEXTS: f64 = 1000.0;
/// Log odds by which the best of more texts are less probable, per natural logarithm of how many times more they are.
const TEXT_COUNT_WEIGHT: f64 = 0.3;
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
/// Log odds that a hit matches a text and an image, per log odds that it matches the text.
const TEXT_WEIGHT: f64 = 0.798;
/// The same per unit of minus the logarithm of the relative distance to the image.
const DISTANCE_WEIGHT: f64 = 1.140;
/// The same where both are 0.
const BASE_OF_BOTH: f64 = -1.092;

/// Computes the probabilities of matches in one space.
#[derive(Debug, Clone)]
pub struct ConfidenceModel {
    /// For text queries.
    pub text: Calibrator,
    /// Log odds that each unit of surprisal adds to `text` for hits; 0 for calibrations from labels, which are made
    /// for one library.
    pub surprisal: f64,
    /// The median score of two unrelated images, where it is known of the model.
    pub unrelated: Option<f64>,
    /// For image queries.
    pub image: Calibrator,
    /// What [`Calibrator::Background`] compares with; such a calibrator gives no confidences without it.
    pub background: Option<Arc<Background>>,
    /// The scores of the library; `None` if it is too small.
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
            surprisal: scores.surprisal,
            unrelated: scores.unrelated,
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
        match kind {
            QueryKind::Text => Some(to_f32(self.of_text(query, images)?)),
            QueryKind::Image => Some(to_f32(self.of_image(query, images)?)),
        }
    }

    /// The probability that each of `images`, which are hits of a search by `text` and `image` together, matches both.
    /// The two are far from independent: what a text and an image have in common, a hit shows or does not.
    pub fn confidences_of_both<V: AsRef<[f32]>>(
        &self,
        text: &Embedding,
        image: &Embedding,
        images: &[V],
    ) -> Option<Vec<f32>> {
        let of_text = self.of_text(text, images)?;
        let Some(usual) = self.usual_score(image) else {
            let of_image = self.of_image(image, images)?;
            return Some(
                of_text
                    .iter()
                    .zip(of_image)
                    .map(|(a, b)| (a * b) as f32)
                    .collect(),
            );
        };
        let both = of_text.iter().zip(images).map(|(of_text, hit)| {
            let distance = relative_distance(score(image, hit), usual);
            let log_odds = TEXT_WEIGHT * log_odds(*of_text) - DISTANCE_WEIGHT * distance.ln() + BASE_OF_BOTH;
            logistic(log_odds) as f32
        });
        Some(both.collect())
    }

    /// How similar each of `images` is to `query`, an image: 1 if identical, 0 if no more than an image of the library
    /// usually is. `None` if that is unknown: the library is too small, and nothing is known of the model.
    pub fn similarities<V: AsRef<[f32]>>(&self, query: &Embedding, images: &[V]) -> Option<Vec<f32>> {
        let usual = self.usual_score(query)?;
        let similarity = |image: &V| {
            let distance = (1.0 - score(query, image)) / (1.0 - usual).max(f64::EPSILON);
            (1.0 - distance).clamp(0.0, 1.0) as f32
        };
        Some(images.iter().map(similarity).collect())
    }

    /// The score that `query`, an image, usually has with an image. In a library of one subject all are similar, so that of
    /// unrelated images is the upper bound.
    fn usual_score(&self, query: &Embedding) -> Option<f64> {
        let median = self.library_scores.as_ref().map(|sample| sample.median(query));
        match (median, self.unrelated) {
            (Some(median), Some(unrelated)) => Some(median.min(unrelated)),
            (median, unrelated) => median.or(unrelated),
        }
    }

    fn of_text<V: AsRef<[f32]>>(&self, query: &Embedding, images: &[V]) -> Option<Vec<f64>> {
        let tail = || self.library_scores.as_ref().and_then(|sample| sample.tail(query));
        if self.text == Calibrator::Background {
            let background = self.background.as_ref()?;
            return Some(match tail() {
                None => by_margin(background, query, images),
                Some(tail) => by_margin_and_surprisal(background, &tail, query, images),
            });
        }
        let mut probabilities = by_score(&self.text, query, images)?;
        if self.surprisal != 0.0
            && let Some(tail) = tail()
        {
            for (probability, image) in probabilities.iter_mut().zip(images) {
                let surprisal = self.surprisal * tail.surprisal(score(query, image));
                *probability = logistic(log_odds(*probability) + surprisal);
            }
        }
        Some(probabilities)
    }

    fn of_image<V: AsRef<[f32]>>(&self, query: &Embedding, images: &[V]) -> Option<Vec<f64>> {
        if self.image == Calibrator::Background {
            let background = self.background.as_ref()?;
            return Some(by_similarity(
                background,
                self.library_scores.as_deref(),
                query,
                images,
            ));
        }
        by_score(&self.image, query, images)
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

    /// The probability that each of `texts` describes `image`, where they are the best of `compared` different texts: of a
    /// million texts, some reach a high score by chance.
    pub fn best_text_confidences<'a>(
        &self,
        image: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
        compared: u64,
    ) -> Vec<Option<f32>> {
        let texts_per_usual = (compared as f64 / USUAL_TEXTS).max(1.0);
        let correction = TEXT_COUNT_WEIGHT * texts_per_usual.ln();
        let of_pairs = self.text_confidences(image, texts).into_iter();
        let corrected = |of_pair: f32| logistic(log_odds(f64::from(of_pair)) - correction) as f32;
        of_pairs.map(|of_pair| of_pair.map(corrected)).collect()
    }
}

fn by_score<V: AsRef<[f32]>>(calibrator: &Calibrator, query: &Embedding, images: &[V]) -> Option<Vec<f64>> {
    let probability = |image: &V| calibrator.probability(score(query, image));
    images.iter().map(probability).collect()
}

fn by_margin<V: AsRef<[f32]>>(background: &Background, text: &Embedding, images: &[V]) -> Vec<f64> {
    let margins = background.image_margins(text, images).into_iter();
    margins
        .map(|margin| MARGIN_IN_SMALL_LIBRARY.probability(margin))
        .collect()
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

/// Finite also for probabilities that rounding made 0 or 1.
fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-12, 1.0 - 1e-12);
    (probability / (1.0 - probability)).ln()
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

fn to_f32(probabilities: Vec<f64>) -> Vec<f32> {
    probabilities.into_iter().map(|p| p as f32).collect()
}

#[cfg(test)]
mod tests {
    use eidetic_domain::SplitMix64;

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

    /// A unit vector whose first components are in these ratios, and the others 0.
    fn unit(components: &[f32]) -> Embedding {
        let mut all = [0.0; 16];
        all[..components.len()].copy_from_slice(components);
        Embedding::normalize(all.to_vec()).expect("it has a direction")
    }

    /// A library whose images are at regular angles in the plane of the first two axes, and differ in the other axes.
    fn library(count: usize) -> LibraryScoreSample {
        let images: Vec<usize> = (0..count).collect();
        let vector = |n: usize| {
            let angle = (n as f32 + 0.5) / count as f32 * std::f32::consts::FRAC_PI_2;
            let mut random = SplitMix64::new(n as u64);
            let others = (0..14).map(|_| 0.2 * random.signed_unit());
            let components: Vec<f32> = [angle.cos(), angle.sin()].into_iter().chain(others).collect();
            Some(unit(&components))
        };
        LibraryScoreSample::draw(&images, vector).expect("it is large enough")
    }

    fn model(images: usize, surprisal: f64) -> ConfidenceModel {
        let curve = |slope, intercept| Calibrator::Platt(crate::calibration::Platt { slope, intercept });
        ConfidenceModel {
            text: curve(10.0, -5.0),
            surprisal,
            unrelated: None,
            image: curve(10.0, -8.0),
            background: None,
            library_scores: Some(Arc::new(library(images))),
        }
    }

    #[test]
    fn rare_scores_gain_and_common_lose() {
        let (query, hits) = (unit(&[1.0, 0.0]), [unit(&[1.0, 0.0]), unit(&[0.6, 0.8])]);
        let hits = hits.each_ref().map(Embedding::as_slice);
        let by = |surprisal| {
            let model = model(1000, surprisal);
            model
                .confidences(QueryKind::Text, &query, &hits)
                .expect("it has a curve")
        };
        let (plain, corrected) = (by(0.0), by(0.4));
        assert!(corrected[1] < plain[1], "{plain:?} {corrected:?}");
        assert!(
            plain[0] / plain[1] < corrected[0] / corrected[1],
            "{plain:?} {corrected:?}"
        );
    }

    #[test]
    fn small_libraries_have_no_surprisals() {
        let (query, hit) = (unit(&[1.0, 0.0]), unit(&[0.6, 0.8]));
        let by = |surprisal| {
            let model = model(99, surprisal);
            model.confidences(QueryKind::Text, &query, &[hit.as_slice()])
        };
        assert_eq!(by(0.0), by(0.4));
    }

    #[test]
    fn both_need_text_and_closeness() {
        let model = model(1000, 0.0);
        let (text, image) = (unit(&[1.0, 0.0]), unit(&[0.8, 0.6]));
        let of = |hit: Embedding| {
            let found = model.confidences_of_both(&text, &image, &[hit.as_slice()]);
            found.expect("it has curves")[0]
        };
        let (close, far) = (of(unit(&[0.81, 0.58])), of(unit(&[0.81, -0.58])));
        assert!(close > 0.9 && far < 0.5, "{close} {far}");
        assert!(of(unit(&[0.0, 1.0])) < 0.01, "the text does not match");
    }

    #[test]
    fn similarity_is_one_for_same_image() {
        let model = model(1000, 0.0);
        let query = unit(&[1.0, 0.0]);
        let hits = [unit(&[1.0, 0.0]), unit(&[0.9, 0.436]), unit(&[0.0, 1.0])];
        let found = model
            .similarities(&query, &hits.each_ref().map(Embedding::as_slice))
            .expect("it is large enough");
        assert!(
            found[0] > 0.99 && found[1] < found[0] && found[1] > 0.5,
            "{found:?}"
        );
        assert!(found[2].abs() < f32::EPSILON, "{found:?}");
    }

    #[test]
    fn pictures_of_one_subject_are_similar() {
        let alike = ConfidenceModel {
            unrelated: Some(0.1),
            ..model(1000, 0.0)
        };
        let (query, hit) = (unit(&[0.7, 0.7]), unit(&[0.9, 0.5]));
        let of = |model: &ConfidenceModel| {
            model
                .similarities(&query, &[hit.as_slice()])
                .expect("it is known")[0]
        };
        assert!(of(&alike) > 0.9 && of(&model(1000, 0.0)) < 0.8);
        let small = ConfidenceModel {
            library_scores: None,
            ..alike
        };
        assert!(of(&small) > 0.9);
        let unknown = ConfidenceModel {
            unrelated: None,
            ..small
        };
        assert_eq!(unknown.similarities(&query, &[hit.as_slice()]), None);
    }

    #[test]
    fn log_odds_are_finite_at_bounds() {
        for probability in [0.0, 1.0] {
            assert!(log_odds(probability).is_finite());
        }
        assert!((logistic(log_odds(0.3)) - 0.3).abs() < 1e-12);
    }
}
