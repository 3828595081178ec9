//! The rows whose exact vectors have to be compared after a scan of codes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::candidate_queue::Candidate;

/// Keeps every row that may be among the `k` nearest, given that scores of codes are inexact.
#[derive(Debug)]
pub(crate) struct Shortlist {
    k: usize,
    /// How far the score of a row may be below the k-th best if its exact score is among the best `k`.
    quantization_error: i32,
    /// The best `k` scores, the worst on top.
    best: BinaryHeap<Reverse<i32>>,
    candidates: Vec<Candidate>,
}

impl Shortlist {
    /// An empty shortlist.
    pub(crate) const fn new(k: usize, quantization_error: i32) -> Self {
        Self {
            k,
            quantization_error,
            best: BinaryHeap::new(),
            candidates: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, candidate: Candidate) {
        if candidate.score < self.min_score() || self.k == 0 {
            return;
        }
        self.candidates.push(candidate);
        self.best.push(Reverse(candidate.score));
        if self.best.len() > self.k {
            self.best.pop();
        }
    }

    /// The k-th best score; `None` if there are fewer than `k` rows.
    pub(crate) fn kth_score(&self) -> Option<i32> {
        let worst = self.best.peek().map(|Reverse(worst)| *worst);
        worst.filter(|_| self.best.len() == self.k)
    }

    /// Combines two shortlists of the same `k`.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for candidate in other.candidates {
            self.push(candidate);
        }
        self
    }

    /// The rows, best first.
    pub(crate) fn into_sorted(mut self) -> Vec<Candidate> {
        let min_score = self.min_score();
        self.candidates.retain(|candidate| candidate.score >= min_score);
        self.candidates
            .sort_unstable_by_key(|candidate| candidate.order());
        self.candidates
    }

    fn min_score(&self) -> i32 {
        self.kth_score()
            .map_or(i32::MIN, |kth| kth.saturating_sub(self.quantization_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_rows_within_quantization_error_of_kth(
            scores in prop::collection::vec(-50_i32..50, 0..80),
            k in 0_usize..20,
            error in 0_i32..20,
            split in 0_usize..80,
        ) {
            let all: Vec<Candidate> =
                (0..).zip(&scores).map(|(row, &score)| Candidate { score, row }).collect();
            let (left, right) = all.split_at(split.min(all.len()));
            let shortlist = |part: &[Candidate]| {
                let mut list = Shortlist::new(k, error);
                for &candidate in part {
                    list.push(candidate);
                }
                list
            };
            let mut expected = all.clone();
            expected.sort_by_key(|candidate| candidate.order());
            let kth = |last: usize| expected.get(last).map_or(i32::MIN, |kth| kth.score - error);
            let min_score = k.checked_sub(1).map(kth);
            expected.retain(|candidate| min_score.is_some_and(|least| candidate.score >= least));
            prop_assert_eq!(shortlist(left).merge(shortlist(right)).into_sorted(), expected);
        }
    }
}
