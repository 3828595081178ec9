//! The best `k` of many scored images, independent of the order in which they come.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use eidetic_domain::ImageId;

use crate::ranks_before;

/// Keeps the `k` images with the highest scores, each with a value; equal scores are ordered by id.
#[derive(Debug, Clone)]
pub(crate) struct TopK<T> {
    k: usize,
    /// A heap with the worst entry on top.
    entries: BinaryHeap<Ranked<T>>,
}

/// A scored image with a value that does not count for the order. Better ones are smaller.
#[derive(Debug, Clone)]
pub(crate) struct Ranked<T> {
    pub(crate) image: ImageId,
    pub(crate) score: f32,
    pub(crate) value: T,
}

impl<T> TopK<T> {
    /// Keeps at most `k`. Memory grows with the number of entries, not with `k`.
    pub(crate) const fn new(k: usize) -> Self {
        Self {
            k,
            entries: BinaryHeap::new(),
        }
    }

    /// Adds an image if it is among the best `k` so far; only then is its value computed.
    pub(crate) fn push_with(&mut self, image: ImageId, score: f32, value: impl FnOnce() -> T) {
        let is_better =
            |worst: &Ranked<T>| ranks_before(&(image, score), &(worst.image, worst.score)).is_lt();
        if self.entries.len() == self.k {
            if !self.entries.peek().is_some_and(is_better) {
                return;
            }
            self.entries.pop();
        }
        self.entries.push(Ranked {
            image,
            score,
            value: value(),
        });
    }

    /// Adds all entries of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        for Ranked { image, score, value } in other.entries {
            self.push_with(image, score, || value);
        }
    }

    /// The entries, best first.
    pub(crate) fn into_sorted(self) -> Vec<Ranked<T>> {
        self.entries.into_sorted_vec()
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        ranks_before(&(self.image, self.score), &(other.image, other.score))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn top_k_equals_sorting_everything(
            entries in prop::collection::vec((0_u8..50, 0_u8..8), 0..60),
            k in 0_usize..20,
            split in 0_usize..60,
        ) {
            let mut all: Vec<(ImageId, f32)> = entries
                .iter()
                .map(|&(image, score)| (ImageId::from_bytes([image; 32]), f32::from(score) / 8.0))
                .collect();
            let top_of = |part: &[(ImageId, f32)]| {
                let mut top = TopK::new(k);
                for &(image, score) in part {
                    top.push_with(image, score, || (image, score));
                }
                top
            };
            let (left, right) = all.split_at(split.min(all.len()));
            let mut top = top_of(left);
            top.merge(top_of(right));
            all.sort_by(ranks_before);
            all.truncate(k);
            let values: Vec<_> = top.into_sorted().into_iter().map(|entry| entry.value).collect();
            prop_assert_eq!(values, all);
        }
    }
}
