use eidetic_domain::Embedding;

use crate::cosine;

/// Pictures that stand for a library; more change the fit by less than its own error.
const PICTURES: usize = 500;
/// The best scores may be answers, and are left out of the fit.
const POSSIBLE_ANSWERS: usize = 10;
/// The tail is the best of so many scores, and at least [`LEAST_TAIL`].
const TAIL: usize = 20;
const LEAST_TAIL: usize = 30;

/// Pictures that stand for a whole library, to learn what scores a query gets there from pictures that do not match it.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnScores {
    pictures: Vec<Embedding>,
    library: usize,
}

/// The upper tail of the scores that pictures which do not match a query get: exponential above a threshold, as tails of
/// bounded light-tailed scores are (Pickands 1975; Balkema & de Haan 1974).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    threshold: f64,
    /// Mean excess over the threshold, told from all but the best.
    scale: f64,
    /// Logarithm of how many pictures of the library are expected above the threshold.
    expected: f64,
}

impl OwnScores {
    /// Of a library of fewer pictures the tail cannot be told.
    pub const LEAST: usize = 100;

    /// Chooses among `images`, all of a library, and asks for their vectors; those without one are passed over. `None` of a
    /// library that is too small to tell. The same library gives the same choice.
    pub fn choose<I: Copy>(images: &[I], vector: impl Fn(I) -> Option<Embedding>) -> Option<Self> {
        let chosen = images.len().min(PICTURES);
        let each = (0..chosen).map(|n| images[n * images.len() / chosen]);
        let pictures: Vec<Embedding> = each.filter_map(vector).collect();
        (pictures.len() >= Self::LEAST).then_some(Self {
            pictures,
            library: images.len(),
        })
    }

    /// Whether the choice still stands for a library of so many pictures.
    pub const fn stand_for(&self, library: usize) -> bool {
        self.library.abs_diff(library) * 10 <= self.library
    }

    /// What `query` usually scores here.
    pub fn median(&self, query: &Embedding) -> f64 {
        let scores = self.descending(query);
        scores[scores.len() / 2]
    }

    fn descending(&self, query: &Embedding) -> Vec<f64> {
        let pictures = self.pictures.iter();
        let mut scores: Vec<f64> = pictures
            .map(|picture| f64::from(cosine(query, picture)))
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    }

    /// What `query` scores here where it does not match.
    pub fn tail(&self, query: &Embedding) -> Tail {
        let scores = self.descending(query);
        let length = (scores.len() / TAIL).max(LEAST_TAIL);
        let threshold = scores[length - 1];
        let fitted = POSSIBLE_ANSWERS..length;
        let excess: f64 = scores[fitted.clone()].iter().map(|score| score - threshold).sum();
        // What the same ranks exceed the threshold by, in all, where the scale is 1.
        let expected: f64 = fitted.map(|rank| sum_of_inverses(rank + 1, length)).sum();
        Tail {
            threshold,
            scale: excess / expected + f64::from(f32::EPSILON),
            expected: (length as f64 * self.library as f64 / scores.len() as f64).ln(),
        }
    }
}

/// 1 / `from` + … + 1 / (`to` − 1): by so much the value of rank `from` exceeds that of rank `to` among exponential values
/// of mean 1 (Rényi 1953).
fn sum_of_inverses(from: usize, to: usize) -> f64 {
    (from..to).map(|rank| 1.0 / rank as f64).sum()
}

impl Tail {
    /// How surprising a score is: minus the logarithm of the number of pictures that are expected to reach it without
    /// matching.
    pub fn surprise(&self, score: f64) -> f64 {
        (score - self.threshold) / self.scale - self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A vector whose cosine with the first axis is `cosine`.
    fn at(cosine: f64) -> Embedding {
        let rest = (1.0 - cosine * cosine).sqrt();
        Embedding::normalize(vec![cosine as f32, rest as f32]).expect("it has a direction")
    }

    /// A library whose scores have an exponential tail of mean `scale`.
    fn library(count: usize, scale: f64) -> OwnScores {
        let images: Vec<usize> = (0..count).collect();
        let score = |n: usize| scale * (count as f64 / (n as f64 + 0.5)).ln();
        OwnScores::choose(&images, |n| Some(at(score(n)))).expect("it is large enough")
    }

    #[test]
    fn an_exponential_tail_is_found_whatever_part_of_the_library_is_looked_at() {
        for count in [300, 500, 2000, 50_000] {
            let tail = library(count, 0.05).tail(&at(1.0));
            assert!((tail.scale / 0.05 - 1.0).abs() < 0.1, "{count}: {tail:?}");
            // One picture in the library is expected to reach the score of the best.
            let best = 0.05 * (count as f64).ln();
            assert!(
                tail.surprise(best).abs() < 0.5,
                "{count}: {}",
                tail.surprise(best)
            );
        }
    }

    #[test]
    fn a_score_far_above_the_others_surprises_and_one_among_them_does_not() {
        let tail = library(1000, 0.05).tail(&at(1.0));
        assert!(tail.surprise(0.8) > 4.0 && tail.surprise(0.1) < -2.0, "{tail:?}");
    }

    #[test]
    fn the_median_is_that_of_the_scores() {
        let images: Vec<usize> = (0..201).collect();
        let own = OwnScores::choose(&images, |n| Some(at(n as f64 / 400.0))).expect("it is large enough");
        assert!((own.median(&at(1.0)) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_library_of_few_pictures_tells_nothing() {
        let images: Vec<usize> = (0..99).collect();
        assert_eq!(OwnScores::choose(&images, |_| Some(at(0.1))), None);
        assert_eq!(OwnScores::choose::<usize>(&[], |_| None), None);
        let images: Vec<usize> = (0..200).collect();
        assert_eq!(OwnScores::choose(&images, |n| (n < 50).then(|| at(0.1))), None);
    }

    #[test]
    fn a_choice_stands_for_its_library_until_that_grows_by_a_tenth() {
        let scores = library(1000, 0.05);
        assert!(scores.stand_for(1000) && scores.stand_for(1100) && scores.stand_for(900));
        assert!(!scores.stand_for(1101) && !scores.stand_for(899));
    }

    proptest! {
        #[test]
        fn the_surprise_is_finite_and_rises_with_the_score(
            scores in prop::collection::vec(-1.0f64..1.0, OwnScores::LEAST..700),
            a in -1.0f64..1.0,
            b in -1.0f64..1.0,
        ) {
            let images: Vec<usize> = (0..scores.len()).collect();
            let own = OwnScores::choose(&images, |n| Some(at(scores[n]))).expect("it is large enough");
            let tail = own.tail(&at(1.0));
            let (low, high) = (tail.surprise(a.min(b)), tail.surprise(a.max(b)));
            prop_assert!(low.is_finite() && high.is_finite() && low <= high);
        }

        #[test]
        fn equal_scores_are_a_tail_too(score in -1.0f64..1.0, count in OwnScores::LEAST..300) {
            let images: Vec<usize> = (0..count).collect();
            let own = OwnScores::choose(&images, |_| Some(at(score))).expect("it is large enough");
            prop_assert!(own.tail(&at(1.0)).surprise(0.5).is_finite());
        }
    }
}
