//! The state of a graph search: the best rows so far, the visited rows, and buffers that are reused.

use eidetic_kernels::prefetch;

/// A row and the product of its code with the query's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) score: i32,
    pub(crate) row: u32,
}

impl Candidate {
    /// Sort key, best first: higher scores first, equal scores by row.
    pub(crate) const fn order(self) -> (std::cmp::Reverse<i32>, u32) {
        (std::cmp::Reverse(self.score), self.row)
    }
}

/// A bounded list of the best candidates, best first; it also records which of them have been expanded.
#[derive(Debug, Default)]
pub(crate) struct CandidateQueue {
    capacity: usize,
    entries: Vec<Entry>,
    /// Every entry before this position has been expanded.
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    candidate: Candidate,
    expanded: bool,
}

impl CandidateQueue {
    /// Empties the queue and sets its capacity, which must be at least 1.
    pub(crate) fn reset(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.entries.clear();
        self.next = 0;
    }

    /// Inserts a candidate if it is among the best `capacity`. Returns how many positions after the next entry to expand
    /// it was inserted, or `None` if it was not.
    #[inline]
    pub(crate) fn push(&mut self, candidate: Candidate) -> Option<usize> {
        let full = self.entries.len() == self.capacity;
        let is_worse = |worst: &Entry| candidate.order() >= worst.candidate.order();
        if full && self.entries.last().is_none_or(is_worse) {
            return None;
        }
        let at = self
            .entries
            .partition_point(|entry| entry.candidate.order() < candidate.order());
        if full {
            self.entries.pop();
        }
        let expanded = false;
        self.entries.insert(at, Entry { candidate, expanded });
        self.next = self.next.min(at);
        Some(at - self.next)
    }

    /// Returns the best row that has not been expanded and marks it as expanded.
    #[inline]
    pub(crate) fn next_unexpanded(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            self.next += 1;
            if !entry.expanded {
                entry.expanded = true;
                return Some(entry.candidate.row);
            }
        }
        None
    }

    /// The candidates, best first.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Candidate> + '_ {
        self.entries.iter().map(|entry| entry.candidate)
    }
}

/// The rows that a search has visited. Resetting it is O(1), except every 255th time.
#[derive(Debug, Default)]
pub(crate) struct VisitedSet {
    /// Number of the current search; 0 is never used.
    epoch: u8,
    /// By row: the last search that visited it.
    visited_in: Vec<u8>,
}

impl VisitedSet {
    /// Empties the set and makes room for rows below `rows`.
    pub(crate) fn reset(&mut self, rows: usize) {
        if self.visited_in.len() < rows {
            self.visited_in.resize(rows, 0);
        }
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.visited_in.fill(0);
            self.epoch = 1;
        }
    }

    /// Adds `row`; returns whether it is new.
    #[inline]
    pub(crate) fn insert(&mut self, row: u32) -> bool {
        let visited = &mut self.visited_in[row as usize];
        let is_new = *visited != self.epoch;
        *visited = self.epoch;
        is_new
    }
}

/// Buffers of one graph search, reused by the next one.
#[derive(Debug, Default)]
pub(crate) struct SearchScratch {
    pub(crate) queue: CandidateQueue,
    pub(crate) visited: VisitedSet,
    /// Visited rows whose codes have not been compared yet.
    pub(crate) unscored: Vec<u32>,
}

/// How many rows ahead of the comparison codes are prefetched.
const PREFETCH_DISTANCE: usize = 6;

impl SearchScratch {
    /// Compares the code of every unscored row and pushes it to the queue. Calls `soon_expanded` with rows that were
    /// inserted so near the front that they are likely to be expanded next.
    #[inline]
    pub(crate) fn score_all(
        &mut self,
        codes: &crate::codes::Codes,
        query: &[i8],
        soon_expanded: impl Fn(u32),
    ) {
        let kernel = eidetic_kernels::Kernel::best();
        for &row in self.unscored.iter().take(PREFETCH_DISTANCE) {
            prefetch(codes.row(row));
        }
        for (at, &row) in self.unscored.iter().enumerate() {
            if let Some(&later) = self.unscored.get(at + PREFETCH_DISTANCE) {
                prefetch(codes.row(later));
            }
            let score = kernel.dot_i8(query, codes.row(row));
            let inserted = self.queue.push(Candidate { score, row });
            if inserted.is_some_and(|distance| distance < 2) {
                soon_expanded(row);
            }
        }
        self.unscored.clear();
    }
}
