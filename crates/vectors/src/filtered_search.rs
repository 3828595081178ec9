//! Graph search that compares only the rows of a filter (after ACORN, Patel et al., 2024).
//!
//! With a selective filter most links point to rows outside it. Those are not compared; the search looks at their links
//! instead. The greedy descent may end where no row matches, so the search also starts at matching rows spread over the
//! whole graph.

use eidetic_kernels::prefetch;

use crate::candidate_queue::{Candidate, SearchScratch};
use crate::codes::Codes;
use crate::graph::Graph;
use crate::links::M_MAX0;
use crate::row_set::RowSet;

/// Number of additional entry points.
const ENTRY_POINTS: usize = 64;
/// A step stops looking at links of links once it has found this many matching rows.
const ROWS_PER_STEP: usize = M_MAX0;

impl Graph {
    /// Approximately the `ef` nearest rows of `filter`, best first.
    pub(crate) fn search_filtered(
        &self,
        codes: &Codes,
        query: &[i8],
        ef: usize,
        filter: &RowSet,
    ) -> Vec<Candidate> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        self.scratch.with(|scratch| {
            let start = self.descend(codes, query, entry, 0);
            scratch.queue.reset(ef.max(1));
            scratch.visited.reset(self.links.rows());
            for node in self.spread_entries(filter).chain([start]) {
                if filter.contains(node) && scratch.visited.insert(node) {
                    scratch.unscored.push(node);
                }
            }
            self.visit_matching(start, filter, scratch);
            let prefetch_links = |node| prefetch(self.links.slots(node, 0));
            scratch.score_all(codes, query, prefetch_links);
            while let Some(node) = scratch.queue.next_unexpanded() {
                self.visit_matching(node, filter, scratch);
                scratch.score_all(codes, query, prefetch_links);
            }
            self.with_duplicates(scratch.queue.iter())
        })
    }

    /// Visits the matching rows among the links of a node, and among the links of those links that don't match.
    fn visit_matching(&self, node: u32, filter: &RowSet, scratch: &mut SearchScratch) {
        let links = self.links.of(node, 0);
        for &link in links {
            if !filter.contains(link) {
                prefetch(self.links.slots(link, 0));
            } else if scratch.visited.insert(link) {
                scratch.unscored.push(link);
            }
        }
        for &link in links {
            if scratch.unscored.len() >= ROWS_PER_STEP {
                break;
            }
            if filter.contains(link) || !scratch.visited.insert(link) {
                continue;
            }
            for &second in self.links.of(link, 0) {
                if filter.contains(second) && scratch.visited.insert(second) {
                    scratch.unscored.push(second);
                }
            }
        }
    }

    /// Up to [`ENTRY_POINTS`] nodes of `filter`: the first one of each equal part of the rows.
    fn spread_entries<'s>(&'s self, filter: &'s RowSet) -> impl Iterator<Item = u32> + 's {
        let words = filter.words();
        let parts = ENTRY_POINTS.min(words);
        (0..parts).filter_map(move |part| {
            let words = part * words / parts..(part + 1) * words / parts;
            filter.rows_in(words, None).find(|&row| self.links.is_node(row))
        })
    }
}
