//! Folding images that look the same into one hit.

use std::sync::Arc;

use eidetic_confidence::SAME_IMAGE;
use eidetic_kernels::dot;

/// Scores of copies differ by at most the distance of their vectors, `sqrt(2 - 2 * SAME_IMAGE)`, and rounding.
const MAX_SCORE_DIFFERENCE: f32 = 0.032;

/// A hit that can be compared with others.
pub(crate) trait Comparable {
    /// Its score for the query.
    fn score(&self) -> f32;
    /// Its unit vector.
    fn vector(&self) -> &Arc<[f32]>;
    /// Counts another image that looks the same.
    fn add_copy(&mut self);
}

/// The hits, which are sorted by score, without copies of better ones; those count their copies.
pub(crate) fn fold<H: Comparable>(hits: Vec<H>) -> Vec<H> {
    let mut distinct: Vec<H> = Vec::with_capacity(hits.len());
    for hit in hits {
        match original(&mut distinct, &hit) {
            Some(original) => original.add_copy(),
            None => distinct.push(hit),
        }
    }
    distinct
}

/// Whether images with these scores, the better one first, may look the same.
pub(crate) fn may_be_same(better: f32, score: f32) -> bool {
    better - score <= MAX_SCORE_DIFFERENCE
}

fn original<'a, H: Comparable>(distinct: &'a mut [H], hit: &H) -> Option<&'a mut H> {
    let mut near = distinct
        .iter_mut()
        .rev()
        .take_while(|other| may_be_same(other.score(), hit.score()));
    near.find(|other| dot(other.vector(), hit.vector()) >= SAME_IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Sample(f32, Arc<[f32]>, usize);

    impl Comparable for Sample {
        fn score(&self) -> f32 {
            self.0
        }

        fn vector(&self) -> &Arc<[f32]> {
            &self.1
        }

        fn add_copy(&mut self) {
            self.2 += 1;
        }
    }

    /// A unit vector at an angle to the query, which is at 0.
    fn at(angle: f32) -> Sample {
        Sample(angle.cos(), [angle.cos(), angle.sin()].into(), 1)
    }

    #[test]
    fn copies_are_counted_at_best_hit() {
        let hits = vec![at(0.1), at(0.11), at(0.4), at(0.401), at(0.402), at(0.9)];
        let copies: Vec<usize> = fold(hits).iter().map(|hit| hit.2).collect();
        assert_eq!(copies, [2, 3, 1]);
    }

    #[test]
    fn equal_scores_alone_are_no_copies() {
        assert_eq!(fold(vec![at(0.3), at(-0.3)]).len(), 2);
    }
}
