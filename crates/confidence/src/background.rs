//! The background: texts that have nothing to do with most queries. Their scores are the null distribution
//! of a confidence.

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};
use eidetic_kernels::dot;

/// Captions of common images, written for this purpose, one per line.
const CAPTIONS: &str = include_str!("../../../data/match/background-captions.txt");
/// The default vocabulary. Its single words make the background suit short queries too.
pub(crate) const BUNDLED_TAGS: &str = include_str!("../../../data/match/tags.tsv");

/// Number of background texts, those that fit an image best, that a query is compared with.
const RIVALS: usize = 5;
/// A background text with at least this cosine to the query has the same meaning and is no rival.
const SAME_MEANING: f32 = 0.8;
/// Texts per batch of the encoder.
const BATCH: usize = 64;

/// Embeddings of texts that are unrelated to most queries, for confidences without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    texts: Vec<Embedding>,
    logit_scale: f32,
}

/// The bundled texts, in the order of the vectors of [`Background::embed`].
pub fn background_texts() -> Vec<&'static str> {
    let captions = lines(CAPTIONS);
    let tags = lines(BUNDLED_TAGS).map(|line| line.split('\t').next().unwrap_or_default());
    captions.chain(tags).collect()
}

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

impl Background {
    /// Embeds the bundled texts, about a thousand.
    pub fn embed(encoder: &dyn Encoder) -> Result<Self, EncodeError> {
        let mut texts = Vec::new();
        for batch in background_texts().chunks(BATCH) {
            texts.extend(encoder.encode_texts(batch)?);
        }
        Ok(Self::new(texts, encoder.score_calibration().logit_scale))
    }

    /// A background of embedded texts. `logit_scale` is the model's factor from cosines to logits.
    pub fn new(texts: Vec<Embedding>, logit_scale: f32) -> Self {
        Self { texts, logit_scale }
    }

    /// The vectors of the texts.
    pub fn texts(&self) -> &[Embedding] {
        &self.texts
    }

    /// The margin in logits by which each image fits `query` better than the rivals: the mean of the
    /// background texts that fit the image best, without those that have the query's meaning. One margin
    /// per image; `images` are unit vectors.
    pub fn image_margins<V: AsRef<[f32]>>(&self, query: &Embedding, images: &[V]) -> Vec<f64> {
        let rivals: Vec<&Embedding> = self
            .texts
            .iter()
            .filter(|text| cosine(query, text) < SAME_MEANING)
            .collect();
        let margin = |image: &V| {
            let image: &[f32] = image.as_ref();
            let scores = rivals.iter().map(|text| dot(image, text.as_slice()));
            let best = mean_of_best(scores);
            f64::from(self.logit_scale) * (f64::from(dot(image, query.as_slice())) - best)
        };
        images.iter().map(margin).collect()
    }

    /// The margins of many texts for one image, in one pass over the background. One margin per text.
    pub fn text_margins<'a>(
        &self,
        image: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
    ) -> Vec<f64> {
        let mut scored: Vec<(f32, &Embedding)> = self
            .texts
            .iter()
            .map(|text| (cosine(image, text), text))
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let margin = |text: &Embedding| {
            let rivals = scored
                .iter()
                .filter(|(_, rival)| cosine(text, rival) < SAME_MEANING);
            let best: Vec<f64> = rivals.take(RIVALS).map(|(score, _)| f64::from(*score)).collect();
            let mean = best.iter().sum::<f64>() / best.len().max(1) as f64;
            f64::from(self.logit_scale) * (f64::from(cosine(image, text)) - mean)
        };
        texts.into_iter().map(margin).collect()
    }

    /// How similarly the background describes the query image and each of `images`: the logarithm of the
    /// Bhattacharyya coefficient of the distributions that the model gives over the texts. At most 0; one
    /// value per image.
    pub fn description_similarities<V: AsRef<[f32]>>(&self, query: &Embedding, images: &[V]) -> Vec<f64> {
        let of_query = self.description(query.as_slice());
        let similarity = |image: &V| {
            let coefficient: f64 = self
                .description(image.as_ref())
                .iter()
                .zip(&of_query)
                .map(|(a, b)| (a * b).sqrt())
                .sum();
            coefficient.max(f64::MIN_POSITIVE).ln()
        };
        images.iter().map(similarity).collect()
    }

    /// The model's distribution over the background texts for an image: the softmax of its logits.
    fn description(&self, image: &[f32]) -> Vec<f64> {
        let logits: Vec<f64> = self
            .texts
            .iter()
            .map(|text| f64::from(self.logit_scale) * f64::from(dot(image, text.as_slice())))
            .collect();
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|logit| (logit - highest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    }
}

/// Cosine similarity of two unit vectors of one space.
pub fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    dot(a.as_slice(), b.as_slice())
}

/// The mean of the [`RIVALS`] highest scores, or of all if there are fewer; 0 if there are none.
fn mean_of_best(scores: impl Iterator<Item = f32>) -> f64 {
    let mut best = [f32::NEG_INFINITY; RIVALS];
    for score in scores {
        if let Some(place) = best.iter().position(|kept| score > *kept) {
            best[place..].rotate_right(1);
            best[place] = score;
        }
    }
    let found: Vec<f64> = best
        .iter()
        .filter(|score| score.is_finite())
        .map(|score| f64::from(*score))
        .collect();
    found.iter().sum::<f64>() / found.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(components: &[f32]) -> Embedding {
        Embedding::normalize(components.to_vec()).expect("the vector has a direction")
    }

    proptest! {
        #[test]
        fn mean_of_best_equals_mean_after_sorting(scores in prop::collection::vec(-1.0f32..1.0, 1..40)) {
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted.truncate(RIVALS);
            let expected = sorted.iter().map(|s| f64::from(*s)).sum::<f64>() / sorted.len() as f64;
            prop_assert!((mean_of_best(scores.into_iter()) - expected).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn text_margins_equal_image_margins(
            background in prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 1..40),
            texts in prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 1..8),
            image in prop::array::uniform4(-1.0f32..1.0),
        ) {
            let direction = |v: &[f32; 4]| unit(&[v[0] + 2.0, v[1], v[2], v[3]]);
            let background = Background::new(background.iter().map(direction).collect(), 20.0);
            let (texts, image): (Vec<_>, _) = (texts.iter().map(direction).collect(), [direction(&image)]);
            for (text, margin) in texts.iter().zip(background.text_margins(&image[0], &texts)) {
                prop_assert!((margin - background.image_margins(text, &image)[0]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn text_like_query_is_no_rival() {
        let background = Background::new(vec![unit(&[1.0, 0.05]), unit(&[0.0, 1.0])], 10.0);
        let image = [unit(&[1.0, 0.0])];
        let margin = background.image_margins(&unit(&[1.0, 0.0]), &image)[0];
        assert!((margin - 10.0).abs() < 1e-5, "{margin}");
    }

    #[test]
    fn similar_images_have_similar_descriptions() {
        let texts = vec![
            unit(&[1.0, 0.0, 0.0]),
            unit(&[0.0, 1.0, 0.0]),
            unit(&[0.0, 0.0, 1.0]),
        ];
        let background = Background::new(texts, 20.0);
        let query = unit(&[1.0, 0.1, 0.0]);
        let found = background.description_similarities(
            &query,
            &[query.clone(), unit(&[0.9, 0.2, 0.1]), unit(&[0.0, 1.0, 0.0])],
        );
        assert!(
            found[0].abs() < 1e-9 && found[0] > found[1] && found[1] > found[2],
            "{found:?}"
        );
    }

    #[test]
    fn bundled_texts_contain_no_comments() {
        let texts = background_texts();
        assert!(texts.len() > 1000, "{}", texts.len());
        assert!(
            texts
                .iter()
                .all(|text| !text.contains(['#', '\t']) && !text.trim().is_empty())
        );
    }
}
