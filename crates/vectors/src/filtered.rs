//! Walks through the graph that compare admitted rows alone (after ACORN, Patel and others, 2024).
//!
//! Where few rows are admitted, most links lead to rows that are not. Those are not compared: the walk looks through
//! them, at the links behind. And since the way down may end where nothing is admitted, the walk also begins at
//! admitted rows spread over all that there are.

use eidetic_kernels::prefetch;

use crate::codes::Codes;
use crate::graph::Graph;
use crate::links::BASE;
use crate::pool::{Scored, Scratch};
use crate::row_set::RowSet;

/// Admitted rows, spread over all of them, at which a walk begins too.
const SEEDS: usize = 64;
/// Links are looked through until this many admitted rows have been met at a step.
const ENOUGH: usize = BASE;

impl Graph {
    /// About the `ef` admitted rows nearest to the query, best first.
    pub(crate) fn nearest_admitted(
        &self,
        codes: &Codes,
        query: &[i8],
        ef: usize,
        admitted: &RowSet,
    ) -> Vec<Scored> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        self.scratch.with(|scratch| {
            let start = self.descend(codes, query, entry, 0);
            scratch.pool.reset(ef.max(1));
            scratch.visited.reset(self.links.rows());
            for node in self.seeds(admitted).chain([start]) {
                if admitted.contains(node) && scratch.visited.meet(node) {
                    scratch.fresh.push(node);
                }
            }
            self.meet_admitted(start, admitted, scratch);
            let fetch_links = |node| prefetch(self.links.room(node, 0));
            scratch.compare(codes, query, fetch_links);
            while let Some(node) = scratch.pool.follow() {
                self.meet_admitted(node, admitted, scratch);
                scratch.compare(codes, query, fetch_links);
            }
            self.with_twins(scratch.pool.kept())
        })
    }

    /// Leaves the admitted rows that a node links to, or links behind its links, among the fresh ones.
    fn meet_admitted(&self, node: u32, admitted: &RowSet, scratch: &mut Scratch) {
        let links = self.links.of(node, 0);
        for &link in links {
            if !admitted.contains(link) {
                prefetch(self.links.room(link, 0));
            } else if scratch.visited.meet(link) {
                scratch.fresh.push(link);
            }
        }
        for &link in links {
            if scratch.fresh.len() >= ENOUGH {
                break;
            }
            if admitted.contains(link) || !scratch.visited.meet(link) {
                continue;
            }
            for &behind in self.links.of(link, 0) {
                if admitted.contains(behind) && scratch.visited.meet(behind) {
                    scratch.fresh.push(behind);
                }
            }
        }
    }

    /// Admitted nodes, one of each equal part of the rows where there is one.
    fn seeds<'s>(&'s self, admitted: &'s RowSet) -> impl Iterator<Item = u32> + 's {
        let words = admitted.words();
        let parts = SEEDS.min(words);
        (0..parts).filter_map(move |part| {
            let words = part * words / parts..(part + 1) * words / parts;
            admitted.within(words, None).find(|&row| self.links.is_node(row))
        })
    }
}
