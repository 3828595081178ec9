//! The best `k` of many, in an order that does not depend on how they were met.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use eidetic_domain::ImageId;

use crate::Neighbour;

/// Keeps the best `k` neighbours offered: highest score first, equal scores by id.
#[derive(Debug, Clone)]
pub(crate) struct Nearest {
    k: usize,
    /// The worst kept stands on top.
    kept: BinaryHeap<Ranked>,
}

impl Nearest {
    /// Keeps at most `k`; memory grows with what is offered, not with `k`.
    pub(crate) const fn new(k: usize) -> Self {
        Self {
            k,
            kept: BinaryHeap::new(),
        }
    }

    /// Whether [`offer`](Self::offer) would keep this neighbour.
    fn would_keep(&self, image: &ImageId, score: f32) -> bool {
        self.kept.len() < self.k
            || self
                .kept
                .peek()
                .is_some_and(|worst| order(&Neighbour { image: *image, score }, &worst.0).is_lt())
    }

    /// Keeps the neighbour if it is among the best `k` so far.
    pub(crate) fn offer(&mut self, neighbour: Neighbour) {
        if !self.would_keep(&neighbour.image, neighbour.score) {
            return;
        }
        if self.kept.len() == self.k {
            self.kept.pop();
        }
        self.kept.push(Ranked(neighbour));
    }

    /// What was kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<Neighbour> {
        self.kept
            .into_sorted_vec()
            .into_iter()
            .map(|Ranked(neighbour)| neighbour)
            .collect()
    }
}

/// The order of results: higher scores first, equal scores by id.
fn order(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.image.cmp(&b.image))
}

/// A neighbour in the [`order`] of results, so that a heap's top is the worst.
#[derive(Debug, Clone, Copy)]
struct Ranked(Neighbour);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.0, &other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn neighbour(image: u8, score: u8) -> Neighbour {
        Neighbour {
            image: ImageId::from_bytes([image; 32]),
            score: f32::from(score) / 8.0,
        }
    }

    proptest! {
        #[test]
        fn keeps_what_sorting_everything_would(
            offered in prop::collection::vec((0_u8..50, 0_u8..8), 0..60),
            k in 0_usize..20,
        ) {
            let mut all: Vec<_> = offered.iter().map(|&(image, score)| neighbour(image, score)).collect();
            let mut nearest = Nearest::new(k);
            for &neighbour in &all {
                nearest.offer(neighbour);
            }
            all.sort_by(order);
            all.truncate(k);
            prop_assert_eq!(nearest.into_sorted(), all);
        }
    }
}
