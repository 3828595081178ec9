//! The scores that a query usually has in a library, from a sample of its images.

use eidetic_domain::Embedding;

use crate::cosine;

/// Images in a sample. More images change the fitted tail by less than its own error.
const SAMPLE_SIZE: usize = 500;
/// The highest scores may belong to matches and are left out of the fit.
const POSSIBLE_MATCHES: usize = 10;
/// The tail is the highest 1/20 of the scores, and at least [`MIN_TAIL`] scores.
const TAIL_FRACTION: usize = 20;
const MIN_TAIL: usize = 30;

/// Images with at least this cosine look the same and count as one. Copies of the same pixels have 1; the least similar
/// of different photos that were measured is in docs/decisions/0025-what-a-query-says.md.
pub const SAME_IMAGE: f32 = 0.9995;

/// Vectors of images that represent a library, for the scores that a query has there without a match.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryScoreSample {
    vectors: Vec<Embedding>,
    library_size: usize,
    /// Estimated number of images of the library that look different.
    distinct: f64,
}

/// The upper tail of a query's scores with images that don't match it: exponential above a threshold, as
/// the tails of bounded light-tailed distributions are (Pickands 1975; Balkema & de Haan 1974).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreTail {
    threshold: f64,
    /// Mean excess over the threshold, estimated without the highest scores.
    scale: f64,
    /// Logarithm of the number of images of the library that are expected above the threshold.
    log_expected: f64,
}

impl LibraryScoreSample {
    /// Fewer images give no reliable median.
    pub const MIN_IMAGES: usize = 10;
    /// Fewer images give no reliable tail.
    const MIN_IMAGES_OF_TAIL: usize = 100;

    /// Samples `images`, which are all images of a library, at regular intervals. Images without a vector
    /// are skipped. `None` if there are too few. The result depends on `images` only.
    pub fn draw<I: Copy>(images: &[I], vector: impl Fn(I) -> Option<Embedding>) -> Option<Self> {
        let size = images.len().min(SAMPLE_SIZE);
        let sampled = (0..size).map(|n| images[n * images.len() / size]);
        let (mut vectors, mut found) = (Vec::<Embedding>::new(), 0_usize);
        for vector in sampled.filter_map(vector) {
            found += 1;
            if vectors.iter().all(|other| cosine(other, &vector) < SAME_IMAGE) {
                vectors.push(vector);
            }
        }
        (found >= Self::MIN_IMAGES).then(|| Self {
            distinct: images.len() as f64 * vectors.len() as f64 / found as f64,
            vectors,
            library_size: images.len(),
        })
    }

    /// Whether the sample still represents a library that now has `library_size` images.
    pub const fn represents(&self, library_size: usize) -> bool {
        self.library_size.abs_diff(library_size) * 10 <= self.library_size
    }

    /// The median score of `query`.
    pub fn median(&self, query: &Embedding) -> f64 {
        let scores = self.descending(query);
        scores[scores.len() / 2]
    }

    /// The share of the sample that `query` is less similar to than `score`.
    pub fn share_below(&self, query: &Embedding, score: f64) -> f64 {
        let below = self
            .vectors
            .iter()
            .filter(|vector| f64::from(cosine(query, vector)) < score);
        below.count() as f64 / self.vectors.len() as f64
    }

    fn descending(&self, query: &Embedding) -> Vec<f64> {
        let vectors = self.vectors.iter();
        let mut scores: Vec<f64> = vectors.map(|vector| f64::from(cosine(query, vector))).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    }

    /// The tail of the scores of `query` with images that don't match it; `None` if the library has too few images.
    pub fn tail(&self, query: &Embedding) -> Option<ScoreTail> {
        if self.vectors.len() < Self::MIN_IMAGES_OF_TAIL {
            return None;
        }
        let scores = self.descending(query);
        let length = (scores.len() / TAIL_FRACTION).max(MIN_TAIL);
        let threshold = scores[length - 1];
        let fitted = POSSIBLE_MATCHES..length;
        let excess: f64 = scores[fitted.clone()].iter().map(|score| score - threshold).sum();
        // The expected sum of the excesses at the same ranks where the scale is 1.
        let expected: f64 = fitted.map(|rank| sum_of_inverses(rank + 1, length)).sum();
        Some(ScoreTail {
            threshold,
            scale: excess / expected + f64::from(f32::EPSILON),
            log_expected: (length as f64 * self.distinct / scores.len() as f64).ln(),
        })
    }
}

/// 1 / `from` + … + 1 / (`to` − 1): the expected difference between the values of rank `from` and rank `to`
/// among exponential values of mean 1 (Rényi 1953).
fn sum_of_inverses(from: usize, to: usize) -> f64 {
    (from..to).map(|rank| 1.0 / rank as f64).sum()
}

impl ScoreTail {
    /// The surprisal of a score: minus the logarithm of the number of images that are expected to reach it
    /// without matching.
    pub fn surprisal(&self, score: f64) -> f64 {
        (score - self.threshold) / self.scale - self.log_expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    fn query() -> Embedding {
        at(0, 1.0)
    }

    /// The `n`th vector whose cosine with the query is `cosine`. Others differ in direction.
    fn at(n: usize, cosine: f64) -> Embedding {
        let mut random = SplitMix64::new(n as u64);
        let others: Vec<f32> = (0..15).map(|_| random.signed_unit()).collect();
        let length = others.iter().map(|x| x * x).sum::<f32>().sqrt();
        let rest = (1.0 - cosine * cosine).sqrt() as f32 / length;
        let components = std::iter::once(cosine as f32).chain(others.iter().map(|x| x * rest));
        Embedding::normalize(components.collect()).expect("it has a direction")
    }

    /// A sample of a library whose scores have an exponential tail of mean `scale`.
    fn library(count: usize, scale: f64) -> LibraryScoreSample {
        let images: Vec<usize> = (0..count).collect();
        let score = |n: usize| scale * (count as f64 / (n as f64 + 0.5)).ln();
        LibraryScoreSample::draw(&images, |n| Some(at(n, score(n)))).expect("it is large enough")
    }

    #[test]
    fn exponential_tail_is_found_in_any_sample() {
        for count in [300, 500, 2000, 50_000] {
            let tail = library(count, 0.05).tail(&query()).expect("it is large enough");
            assert!((tail.scale / 0.05 - 1.0).abs() < 0.1, "{count}: {tail:?}");
            // One image of the library is expected to reach the highest score.
            let best = 0.05 * (count as f64).ln();
            assert!(
                tail.surprisal(best).abs() < 0.5,
                "{count}: {}",
                tail.surprisal(best)
            );
        }
    }

    #[test]
    fn only_scores_above_tail_have_high_surprisal() {
        let tail = library(1000, 0.05).tail(&query()).expect("it is large enough");
        assert!(
            tail.surprisal(0.8) > 4.0 && tail.surprisal(0.1) < -2.0,
            "{tail:?}"
        );
    }

    #[test]
    fn median_is_median_of_scores() {
        let images: Vec<usize> = (0..201).collect();
        let sample =
            LibraryScoreSample::draw(&images, |n| Some(at(n, n as f64 / 400.0))).expect("it is large enough");
        assert!((sample.median(&query()) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn small_library_has_median_but_no_tail() {
        let sample = library(99, 0.05);
        assert_eq!(sample.tail(&query()), None);
        assert!(sample.median(&query()) > 0.0);
    }

    #[test]
    fn copies_change_no_surprisal() {
        let score = |n: usize| 0.05 * (300.0 / (n as f64 + 0.5)).ln();
        let draw = |copies: usize| {
            let images: Vec<usize> = (0..300 + copies).collect();
            let original = move |n: usize| if n < 300 { n } else { 0 };
            LibraryScoreSample::draw(&images, |n| Some(at(original(n), score(original(n)))))
                .expect("it is large enough")
        };
        let surprisal = |copies| {
            let tail = draw(copies).tail(&query()).expect("it is large enough");
            tail.surprisal(score(0))
        };
        assert!((surprisal(0) - surprisal(100)).abs() < 1e-6);
    }

    #[test]
    fn tiny_library_gives_no_sample() {
        let images: Vec<usize> = (0..9).collect();
        assert_eq!(LibraryScoreSample::draw(&images, |n| Some(at(n, 0.1))), None);
        assert_eq!(LibraryScoreSample::draw::<usize>(&[], |_| None), None);
        let images: Vec<usize> = (0..200).collect();
        assert_eq!(
            LibraryScoreSample::draw(&images, |n| (n < 5).then(|| at(n, 0.1))),
            None
        );
    }

    #[test]
    fn sample_represents_library_within_ten_percent() {
        let scores = library(1000, 0.05);
        assert!(scores.represents(1000) && scores.represents(1100) && scores.represents(900));
        assert!(!scores.represents(1101) && !scores.represents(899));
    }

    proptest! {
        #[test]
        fn surprisal_is_finite_and_rises_with_score(
            scores in prop::collection::vec(-0.9f64..0.9, LibraryScoreSample::MIN_IMAGES_OF_TAIL..700),
            a in -1.0f64..1.0,
            b in -1.0f64..1.0,
        ) {
            let images: Vec<usize> = (0..scores.len()).collect();
            let sample = LibraryScoreSample::draw(&images, |n| Some(at(n, scores[n]))).expect("it is large enough");
            let tail = sample.tail(&query()).expect("it is large enough");
            let (low, high) = (tail.surprisal(a.min(b)), tail.surprisal(a.max(b)));
            prop_assert!(low.is_finite() && high.is_finite() && low <= high);
        }

        #[test]
        fn equal_scores_have_finite_surprisal(score in -0.9f64..0.9, count in LibraryScoreSample::MIN_IMAGES_OF_TAIL..300) {
            let images: Vec<usize> = (0..count).collect();
            let sample = LibraryScoreSample::draw(&images, |n| Some(at(n, score))).expect("it is large enough");
            let tail = sample.tail(&query()).expect("it is large enough");
            prop_assert!(tail.surprisal(0.5).is_finite());
        }
    }
}
