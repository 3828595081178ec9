//! The rows that may be among the nearest, by their codes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::pool::Scored;

/// Keeps every row whose code is so near that its vector may be among the `k` nearest.
#[derive(Debug)]
pub(crate) struct Shortlist {
    k: usize,
    /// How far below the k-th best code a row may lie and still be the better vector.
    slack: i32,
    /// The best `k` scores, the worst on top.
    best: BinaryHeap<Reverse<i32>>,
    kept: Vec<Scored>,
}

impl Shortlist {
    /// For the `k` nearest, where a score is wrong by at most half of `slack`.
    pub(crate) const fn new(k: usize, slack: i32) -> Self {
        Self {
            k,
            slack,
            best: BinaryHeap::new(),
            kept: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn offer(&mut self, scored: Scored) {
        if scored.score < self.bar() || self.k == 0 {
            return;
        }
        self.kept.push(scored);
        self.best.push(Reverse(scored.score));
        if self.best.len() > self.k {
            self.best.pop();
        }
    }

    /// The k-th best score; none where fewer were offered.
    pub(crate) fn kth(&self) -> Option<i32> {
        let worst = self.best.peek().map(|Reverse(worst)| *worst);
        worst.filter(|_| self.best.len() == self.k)
    }

    /// What both keep.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for scored in other.kept {
            self.offer(scored);
        }
        self
    }

    /// What may be among the nearest, best first.
    pub(crate) fn into_sorted(mut self) -> Vec<Scored> {
        let bar = self.bar();
        self.kept.retain(|scored| scored.score >= bar);
        self.kept.sort_unstable_by_key(|scored| scored.order());
        self.kept
    }

    /// The lowest score that may still count.
    fn bar(&self) -> i32 {
        self.kth().map_or(i32::MIN, |kth| kth.saturating_sub(self.slack))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_all_within_the_slack_of_the_kth(
            scores in prop::collection::vec(-50_i32..50, 0..80),
            k in 0_usize..20,
            slack in 0_i32..20,
            split in 0_usize..80,
        ) {
            let all: Vec<Scored> = (0..).zip(&scores).map(|(node, &score)| Scored { score, node }).collect();
            let (left, right) = all.split_at(split.min(all.len()));
            let keep = |part: &[Scored]| {
                let mut list = Shortlist::new(k, slack);
                for &scored in part {
                    list.offer(scored);
                }
                list
            };
            let mut expected = all.clone();
            expected.sort_by_key(|scored| scored.order());
            let bar = k.checked_sub(1).map(|last| expected.get(last).map_or(i32::MIN, |kth| kth.score - slack));
            expected.retain(|scored| bar.is_some_and(|bar| scored.score >= bar));
            prop_assert_eq!(keep(left).merge(keep(right)).into_sorted(), expected);
        }
    }
}
