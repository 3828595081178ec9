use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder};

/// Texts written for this purpose, of what pictures usually show: one caption a line.
const CAPTIONS: &str = include_str!("../../../data/match/background-captions.txt");
/// The default vocabulary: single words, which make the background know short queries too.
pub(crate) const BUNDLED_TAGS: &str = include_str!("../../../data/match/tags.tsv");

/// So many of the background texts that suit a picture best are its rivals.
const RIVALS: usize = 5;
/// A background text nearer than this to the query says the same and is no rival.
const SAME_MEANING: f32 = 0.8;
/// Texts encoded in one go.
const BATCH: usize = 64;

/// What pictures score against texts that have nothing to do with the query: the null of every confidence that no labels
/// were given for.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    texts: Vec<Embedding>,
    logit_scale: f32,
}

/// The bundled texts, in the order of a [`Background`]'s vectors.
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
    /// The bundled texts in the encoder's space; a thousand texts through the model.
    pub fn embed(encoder: &dyn Encoder) -> Result<Self, EncodeError> {
        let mut texts = Vec::new();
        for batch in background_texts().chunks(BATCH) {
            texts.extend(encoder.encode_texts(batch)?);
        }
        Ok(Self::new(texts, encoder.score_calibration().logit_scale))
    }

    /// A background of texts embedded before, with the model's factor from cosines to logits.
    pub fn new(texts: Vec<Embedding>, logit_scale: f32) -> Self {
        Self { texts, logit_scale }
    }

    /// The vectors of the texts.
    pub fn texts(&self) -> &[Embedding] {
        &self.texts
    }

    /// By how many logits each picture prefers `query` to its rivals: the mean of the best background texts for that
    /// picture, those left out that say the same as the query. One margin a picture.
    pub fn margins(&self, query: &Embedding, pictures: &[Embedding]) -> Vec<f64> {
        let rivals: Vec<&Embedding> = self
            .texts
            .iter()
            .filter(|text| cosine(query, text) < SAME_MEANING)
            .collect();
        let margin = |picture: &Embedding| {
            let scores = rivals.iter().map(|text| cosine(picture, text));
            f64::from(self.logit_scale) * (f64::from(cosine(picture, query)) - mean_of_best(scores))
        };
        pictures.iter().map(margin).collect()
    }

    /// The same for one picture and many texts, in one pass over the background. One margin a text.
    pub fn margins_of<'a>(
        &self,
        picture: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
    ) -> Vec<f64> {
        let mut against: Vec<(f32, &Embedding)> = self
            .texts
            .iter()
            .map(|text| (cosine(picture, text), text))
            .collect();
        against.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let margin = |text: &Embedding| {
            let rivals = against
                .iter()
                .filter(|(_, rival)| cosine(text, rival) < SAME_MEANING);
            let best: Vec<f64> = rivals.take(RIVALS).map(|(score, _)| f64::from(*score)).collect();
            let mean = best.iter().sum::<f64>() / best.len().max(1) as f64;
            f64::from(self.logit_scale) * (f64::from(cosine(picture, text)) - mean)
        };
        texts.into_iter().map(margin).collect()
    }

    /// How alike the background describes the query picture and each of the others: the logarithm of Bhattacharyya's
    /// coefficient between the distributions that the model sees over the texts. At most 0; one value a picture.
    pub fn likenesses(&self, query: &Embedding, pictures: &[Embedding]) -> Vec<f64> {
        let of_query = self.description(query);
        let likeness = |picture: &Embedding| {
            let coefficient: f64 = self
                .description(picture)
                .iter()
                .zip(&of_query)
                .map(|(a, b)| (a * b).sqrt())
                .sum();
            coefficient.max(f64::MIN_POSITIVE).ln()
        };
        pictures.iter().map(likeness).collect()
    }

    /// The distribution over the background texts that the model gives a picture.
    fn description(&self, picture: &Embedding) -> Vec<f64> {
        let logits: Vec<f64> = self
            .texts
            .iter()
            .map(|text| f64::from(self.logit_scale) * f64::from(cosine(picture, text)))
            .collect();
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|logit| (logit - highest).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    }
}

/// The cosine of two unit vectors of one space.
pub fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    eidetic_kernels::dot(a.as_slice(), b.as_slice())
}

/// The mean of the [`RIVALS`] greatest scores, or of all where there are fewer; 0 of none.
fn mean_of_best(scores: impl Iterator<Item = f32>) -> f64 {
    let mut best = [f32::NEG_INFINITY; RIVALS];
    for score in scores {
        if let Some(place) = best.iter().position(|held| score > *held) {
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
        fn the_mean_of_the_best_is_what_sorting_gives(scores in prop::collection::vec(-1.0f32..1.0, 1..40)) {
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted.truncate(RIVALS);
            let expected = sorted.iter().map(|s| f64::from(*s)).sum::<f64>() / sorted.len() as f64;
            prop_assert!((mean_of_best(scores.into_iter()) - expected).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn many_texts_get_the_margins_that_each_gets_alone(
            background in prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 1..40),
            texts in prop::collection::vec(prop::array::uniform4(-1.0f32..1.0), 1..8),
            picture in prop::array::uniform4(-1.0f32..1.0),
        ) {
            let direction = |v: &[f32; 4]| unit(&[v[0] + 2.0, v[1], v[2], v[3]]);
            let background = Background::new(background.iter().map(direction).collect(), 20.0);
            let (texts, picture): (Vec<_>, _) = (texts.iter().map(direction).collect(), [direction(&picture)]);
            for (text, margin) in texts.iter().zip(background.margins_of(&picture[0], &texts)) {
                prop_assert!((margin - background.margins(text, &picture)[0]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn a_text_that_says_the_same_as_the_query_is_no_rival() {
        let background = Background::new(vec![unit(&[1.0, 0.05]), unit(&[0.0, 1.0])], 10.0);
        let picture = [unit(&[1.0, 0.0])];
        let margin = background.margins(&unit(&[1.0, 0.0]), &picture)[0];
        assert!((margin - 10.0).abs() < 1e-5, "{margin}");
    }

    #[test]
    fn pictures_described_alike_are_alike() {
        let texts = vec![
            unit(&[1.0, 0.0, 0.0]),
            unit(&[0.0, 1.0, 0.0]),
            unit(&[0.0, 0.0, 1.0]),
        ];
        let background = Background::new(texts, 20.0);
        let query = unit(&[1.0, 0.1, 0.0]);
        let found = background.likenesses(
            &query,
            &[query.clone(), unit(&[0.9, 0.2, 0.1]), unit(&[0.0, 1.0, 0.0])],
        );
        assert!(
            found[0].abs() < 1e-9 && found[0] > found[1] && found[1] > found[2],
            "{found:?}"
        );
    }

    #[test]
    fn the_bundled_texts_are_many_and_without_remarks() {
        let texts = background_texts();
        assert!(texts.len() > 1000, "{}", texts.len());
        assert!(
            texts
                .iter()
                .all(|text| !text.contains(['#', '\t']) && !text.trim().is_empty())
        );
    }
}
