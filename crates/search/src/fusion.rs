//! One list of hits from the searches of several spaces.

use std::collections::HashMap;

use eidetic_confidence::MATCH_THRESHOLD;
use eidetic_domain::ImageId;

use crate::{RankedHit, SearchResults, Timings, Verdict};

/// The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009).
const RANK_CONSTANT: f64 = 60.0;
/// Limits of a confidence in a mean of log odds, so that no space decides alone.
const LEAST: f64 = 0.001;
const MOST: f64 = 0.999;

/// Joins the results of one query in several spaces, and keeps the `k` best.
///
/// Where every hit has a confidence, hits are ordered by the mean of their log odds; a hit that a space did not find counts there
/// as its last one. Else they are ordered by reciprocal ranks. Scores are those of the first space that found the hit.
///
/// # Panics
/// If there are no results.
pub fn fuse(results: Vec<SearchResults>, k: usize, min_confidence: Option<f32>) -> SearchResults {
    let weights = Weights::of(&results);
    let verdicts: Vec<Verdict> = results.iter().map(|found| found.verdict).collect();
    let mut fused = joined(results);
    if weights.are_calibrated {
        for hit in &mut fused.hits {
            hit.hit.confidence = Some(weights.confidence(&hit.hit.image));
        }
    }
    fused.hits.sort_by(|a, b| {
        let weight = |hit: &RankedHit| weights.by_image[&hit.hit.image];
        weight(b)
            .total_cmp(&weight(a))
            .then(b.hit.score.total_cmp(&a.hit.score))
            .then(a.hit.image.cmp(&b.hit.image))
    });
    fused.hits.truncate(k);
    // No place in one ranking is a place in all of them.
    fused.next = None;
    fused.verdict = verdict(&fused.hits, &verdicts, weights.are_calibrated);
    if let Some(min) = min_confidence {
        let reaches = |hit: &RankedHit| hit.hit.confidence.is_some_and(|confidence| confidence >= min);
        fused.hits.retain(reaches);
    }
    fused
}

/// What decides the order of all hits.
struct Weights {
    by_image: HashMap<ImageId, f64>,
    are_calibrated: bool,
    /// Sum of the log odds of the last hit of each space.
    floor: f64,
    spaces: f64,
}

impl Weights {
    fn of(results: &[SearchResults]) -> Self {
        let hits = results.iter().flat_map(|found| &found.hits);
        let mut weights = Self {
            by_image: HashMap::new(),
            are_calibrated: hits.into_iter().all(|hit| hit.hit.confidence.is_some()),
            floor: 0.0,
            spaces: results.len() as f64,
        };
        for found in results {
            let last = found.hits.last().and_then(|hit| hit.hit.confidence);
            let floor = log_odds(last.unwrap_or(0.0));
            weights.floor += floor;
            for (rank, hit) in found.hits.iter().enumerate() {
                *weights.by_image.entry(hit.hit.image).or_default() += if weights.are_calibrated {
                    log_odds(hit.hit.confidence.unwrap_or(0.0)) - floor
                } else {
                    1.0 / (RANK_CONSTANT + rank as f64 + 1.0)
                };
            }
        }
        weights
    }

    fn confidence(&self, image: &ImageId) -> f32 {
        let mean = (self.floor + self.by_image[image]) / self.spaces;
        (1.0 / (1.0 + (-mean).exp())) as f32
    }
}

/// All hits, each once, in no order.
fn joined(results: Vec<SearchResults>) -> SearchResults {
    let mut results = results.into_iter();
    let mut joined = results.next().expect("there is at least one space");
    let mut all = std::mem::take(&mut joined.hits);
    for found in results {
        joined.missing = joined.missing.min(found.missing);
        joined
            .unknown_words
            .retain(|word| found.unknown_words.contains(word));
        joined.timings = Timings {
            encode: joined.timings.encode + found.timings.encode,
            search: joined.timings.search + found.timings.search,
        };
        all.extend(found.hits);
    }
    let mut by_image: HashMap<ImageId, RankedHit> = HashMap::new();
    for hit in all {
        let kept = by_image.entry(hit.hit.image).or_insert_with(|| hit.clone());
        let similarities = [kept.similarity, hit.similarity].into_iter().flatten();
        kept.similarity = similarities.reduce(f32::max);
        kept.copies = kept.copies.max(hit.copies);
    }
    joined.hits = by_image.into_values().collect();
    joined
}

fn verdict(hits: &[RankedHit], verdicts: &[Verdict], is_calibrated: bool) -> Verdict {
    let is_probable = |hit: &RankedHit| hit.hit.confidence.is_some_and(|p| p >= MATCH_THRESHOLD);
    if is_calibrated && hits.iter().any(is_probable) {
        return Verdict::Match;
    }
    match verdicts {
        all if all.iter().all(|verdict| *verdict == Verdict::Match) => Verdict::Match,
        all if all.contains(&Verdict::Uncalibrated) => Verdict::Uncalibrated,
        _ => Verdict::NoMatch,
    }
}

fn log_odds(confidence: f32) -> f64 {
    let p = f64::from(confidence).clamp(LEAST, MOST);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_catalog::ImageRecord;
    use eidetic_domain::{Hit, ImageFormat, Metadata};

    fn results(hits: &[(u8, f32, Option<f32>)]) -> SearchResults {
        let hit = |&(image, score, confidence): &(u8, f32, Option<f32>)| {
            let image = ImageId::of(&[image]);
            RankedHit {
                hit: Hit {
                    image,
                    score,
                    confidence,
                },
                similarity: None,
                record: ImageRecord {
                    image,
                    row: None,
                    bytes: 1,
                    metadata: Metadata {
                        width: 1,
                        height: 1,
                        format: ImageFormat::Png,
                        taken: None,
                        camera: None,
                        position: None,
                    },
                    taken_source: None,
                    added_ms: None,
                    paths: Vec::new(),
                },
                copies: 1,
                stack: Vec::new(),
                reachable: true,
            }
        };
        SearchResults {
            space: "m@1/p/2".parse().unwrap(),
            verdict: Verdict::NoMatch,
            unknown_words: vec!["rare".to_owned()],
            hits: hits.iter().map(hit).collect(),
            next: None,
            missing: 0,
            timings: Timings::default(),
        }
    }

    fn order(found: &SearchResults) -> Vec<ImageId> {
        found.hits.iter().map(|hit| hit.hit.image).collect()
    }

    fn ids(images: &[u8]) -> Vec<ImageId> {
        images.iter().map(|image| ImageId::of(&[*image])).collect()
    }

    #[test]
    fn agreement_of_confidences_comes_first() {
        let one = results(&[(1, 0.4, Some(0.9)), (2, 0.3, Some(0.8)), (3, 0.1, Some(0.1))]);
        let two = results(&[(2, 0.2, Some(0.9)), (4, 0.1, Some(0.4)), (5, 0.1, Some(0.05))]);
        let fused = fuse(vec![one, two], 3, None);
        assert_eq!(order(&fused)[0], ids(&[2])[0]);
        assert_eq!(fused.hits.len(), 3);
        assert_eq!(fused.verdict, Verdict::Match);
        let confidence = fused.hits[0].hit.confidence.unwrap();
        assert!((0.8..0.9).contains(&confidence), "{confidence}");
        assert!(
            fused.hits[1].hit.confidence.unwrap() < 0.5,
            "a space did not find it"
        );
    }

    #[test]
    fn ranks_decide_without_confidences() {
        let one = results(&[(1, 0.4, None), (2, 0.3, None), (3, 0.2, None)]);
        let two = results(&[(3, 0.4, Some(0.9)), (2, 0.3, Some(0.5)), (4, 0.2, Some(0.4))]);
        let fused = fuse(vec![one, two], 10, None);
        assert_eq!(order(&fused)[..2], ids(&[3, 2]));
        assert_eq!(fused.hits.len(), 4);
    }

    #[test]
    fn word_unknown_everywhere_stays_unknown() {
        let mut two = results(&[(1, 0.4, Some(0.2))]);
        two.unknown_words.clear();
        let all = fuse(vec![results(&[(1, 0.4, Some(0.2))]), two], 1, Some(0.5));
        assert!(all.unknown_words.is_empty() && all.hits.is_empty());
        assert_eq!(all.verdict, Verdict::NoMatch);
        let alone = fuse(vec![results(&[(1, 0.4, Some(0.2))])], 1, None);
        assert_eq!(alone.unknown_words, ["rare"]);
    }
}
