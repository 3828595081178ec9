//! Pairs of images that show the same, with probabilities.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::candidates::{Candidate, candidates};
use crate::comparison::{Comparison, compare, square};
use crate::fingerprint::Fingerprint;

/// Pictures of less contrast, in levels of gray, are blank: nothing in them can be recognized.
const MIN_CONTRAST: f32 = 4.0;
/// Least deviation of details, in levels of gray: skies and other smooth pictures all look alike.
const MIN_DETAIL: f32 = 0.7;
/// Least correlation of details of two copies.
const MIN_DETAIL_CORRELATION: f32 = 0.6;
/// Least share of either picture that must be seen in the other one.
const MIN_OVERLAP: f32 = 0.7;
/// The weights of a logistic regression; see [`probability`].
const INTERCEPT: f32 = -2.08;
const DETAIL_WEIGHT: f32 = 3.15;
const VALUE_WEIGHT: f32 = 1.28;
const HIDDEN_WEIGHT: f32 = -41.6;
const RICHNESS_WEIGHT: f32 = -2.67;
/// An overlap that counts as whole.
const FULL_OVERLAP: f32 = 0.95;
/// Less detail than this makes no copy more probable, in levels of gray.
const PLAIN_DETAIL: f32 = 4.0;

/// Above this probability no other placement of a pair is tried.
const CERTAIN: f32 = 0.99;
/// Pairs below this probability are not returned.
const MIN_PROBABILITY: f32 = 0.05;

/// Two images that may show the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearPair {
    /// Positions in the list of fingerprints, the smaller one first.
    pub images: (usize, usize),
    /// Probability that they are copies, from 0 to 1.
    pub probability: f32,
}

/// The pairs of `fingerprints` that may be copies of each other in another encoding, size, orientation, frame or crop,
/// sorted by position. Of many equal fingerprints each is paired with the first.
///
/// The effort grows about as the list does; pairs between very many similar images may be left out, but not so that
/// one of them has no partner.
pub fn near_pairs(fingerprints: &[Fingerprint]) -> Vec<NearPair> {
    let (distinct, mut pairs) = fold_equal(fingerprints);
    let kept: Vec<&Fingerprint> = distinct.iter().map(|at| &fingerprints[*at]).collect();
    let candidates = candidates(&kept);
    let groups: Vec<&[Candidate]> = candidates.chunk_by(|a, b| a.pair == b.pair).collect();
    let compared = groups
        .par_iter()
        .map(|group| (group[0].pair, compare_all(&kept, group)));
    let compared: Vec<_> = compared.collect();
    let probable = compared
        .into_iter()
        .filter(|(_, probability)| *probability >= MIN_PROBABILITY);
    pairs.extend(probable.map(|((first, second), probability)| NearPair {
        images: (distinct[first as usize], distinct[second as usize]),
        probability,
    }));
    pairs.sort_by_key(|pair| pair.images);
    pairs
}

/// The positions of different pictures that are not blank, and pairs of those with equal pixels.
fn fold_equal(fingerprints: &[Fingerprint]) -> (Vec<usize>, Vec<NearPair>) {
    let mut first_with = HashMap::new();
    let (mut distinct, mut pairs) = (Vec::new(), Vec::new());
    for (at, fingerprint) in fingerprints.iter().enumerate() {
        if fingerprint.contrast() < MIN_CONTRAST {
            continue;
        }
        let key = (fingerprint.pixels.as_slice(), fingerprint.aspect.to_bits());
        let first = *first_with.entry(key).or_insert(at);
        if first == at {
            distinct.push(at);
        } else {
            pairs.push(NearPair {
                images: (first, at),
                probability: 1.0,
            });
        }
    }
    (distinct, pairs)
}

/// The highest probability of the placements that were found for a pair.
fn compare_all(fingerprints: &[&Fingerprint], candidates: &[Candidate]) -> f32 {
    let (first, second) = candidates[0].pair;
    let (first, second) = (
        square(fingerprints[first as usize]),
        square(fingerprints[second as usize]),
    );
    let mut best = 0.0_f32;
    for candidate in candidates {
        let turned = candidate.placement.orientation.apply(&second);
        if let Some(comparison) = compare(&first, &turned, candidate.placement) {
            best = best.max(probability(&comparison));
        }
        if best > CERTAIN {
            break;
        }
    }
    best
}

/// A logistic regression on 200 photos with twelve variants each among 14,036 photos
/// (docs/decisions/0042-duplicates.md).
fn probability(comparison: &Comparison) -> f32 {
    let is_blank = comparison.contrast < MIN_CONTRAST || comparison.detail < MIN_DETAIL;
    if is_blank || comparison.overlap < MIN_OVERLAP || comparison.detail_correlation < MIN_DETAIL_CORRELATION
    {
        return 0.0;
    }
    // Differences count on a scale of ratios: 0.99 is as far from 0.98 as 0.9 is from 0.8.
    let closeness = |correlation: f32| -(1.0 - correlation).max(1e-4).ln();
    let score = INTERCEPT
        + DETAIL_WEIGHT * closeness(comparison.detail_correlation)
        + VALUE_WEIGHT * closeness(comparison.correlation)
        + HIDDEN_WEIGHT * (FULL_OVERLAP - comparison.overlap).max(0.0)
        + RICHNESS_WEIGHT * comparison.detail.max(PLAIN_DETAIL).ln();
    1.0 / (1.0 + (-score).exp())
}
