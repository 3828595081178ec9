//! Inserting rows into the graph, in batches: links are selected on all threads and then written by one.
//!
//! A row finds its neighbors in the graph as it was before the batch and, by brute force, in the batch itself. The result
//! does not depend on the order in which threads finish, so the same rows in the same order give the same graph on any
//! number of threads.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use eidetic_kernels::{dot_i8, prefetch};
use rayon::prelude::*;

use crate::candidate_queue::{Candidate, SearchScratch};
use crate::codes::Codes;
use crate::graph::{Graph, LayerSearch};
use crate::links::{self, level, max_links};

/// Size of the candidate queue while links are selected (`efConstruction` in the paper).
const EF_CONSTRUCTION: usize = 160;
/// Maximum number of rows in a batch.
const BATCH: usize = 512;

/// Where a new row goes.
enum Placement {
    /// It has the same code as this row.
    Duplicate(u32),
    /// It becomes a node with these links, by level from 0 up.
    Node(Vec<Vec<u32>>),
}

/// New nodes that link to an existing node, by level and existing node.
type Backlinks = BTreeMap<(u8, u32), Vec<u32>>;

impl Graph {
    /// Inserts rows, all of which have codes and none of which is in the graph. Runs on the current rayon pool.
    pub(crate) fn insert(&mut self, codes: &Codes, rows: &[u32]) {
        let _ = self.insert_while(codes, rows, |_| ControlFlow::Continue(()));
    }

    /// The same in steps; `on_step` is told the number of rows in the graph after each, and may end it.
    pub(crate) fn insert_while(
        &mut self,
        codes: &Codes,
        mut rows: &[u32],
        on_step: impl Fn(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while !rows.is_empty() {
            // Rows of a batch are compared with each other, so even the first batches miss no neighbors.
            let size = self.len.clamp(1, BATCH).min(rows.len());
            let (batch, rest) = rows.split_at(size);
            self.insert_batch(codes, batch);
            rows = rest;
            on_step(self.len)?;
        }
        ControlFlow::Continue(())
    }

    fn insert_batch(&mut self, codes: &Codes, batch: &[u32]) {
        let place = |scratch: &mut SearchScratch, at: usize| self.place(codes, batch, at, scratch);
        let placements: Vec<Placement> = (0..batch.len())
            .into_par_iter()
            .with_min_len(8)
            .map_init(SearchScratch::default, place)
            .collect();
        self.len += batch.len();
        let mut nodes = Vec::with_capacity(batch.len());
        for (&row, placement) in batch.iter().zip(placements) {
            match placement {
                Placement::Duplicate(of) => self.add_duplicate(row, of),
                Placement::Node(levels) => nodes.push((row, levels)),
            }
        }
        let mut backlinks = Backlinks::new();
        for (row, levels) in nodes {
            self.add_node(row, &levels, &mut backlinks);
        }
        self.add_backlinks(codes, backlinks);
    }

    fn add_duplicate(&mut self, row: u32, of: u32) {
        // `of` may have become a duplicate itself, earlier in this batch.
        let node = self.node_of.get(&of).copied().unwrap_or(of);
        self.links.grow(row);
        self.node_of.insert(row, node);
        self.duplicates.entry(node).or_default().push(row);
    }

    /// Writes the links of a new node and records the links back to it.
    fn add_node(&mut self, row: u32, levels: &[Vec<u32>], backlinks: &mut Backlinks) {
        self.links.add(row);
        if self.entry.is_none_or(|entry| level(entry) < level(row)) {
            self.entry = Some(row);
        }
        for (level, links) in (0..).zip(levels) {
            let mut nodes: Vec<u32> = Vec::with_capacity(links.len());
            for link in links {
                // A row of this batch may have become a duplicate.
                let node = self.node_of.get(link).copied().unwrap_or(*link);
                if node != row && links::level(node) >= level && !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            self.links.set(row, level, &nodes);
            for node in nodes {
                backlinks.entry((level, node)).or_default().push(row);
            }
        }
    }

    fn add_backlinks(&mut self, codes: &Codes, backlinks: Backlinks) {
        let backlinks: Vec<_> = backlinks.into_iter().collect();
        let select = |((level, node), new): &((u8, u32), Vec<u32>)| {
            let links = self.links_with(codes, *node, *level, new);
            (*node, *level, links)
        };
        let selected: Vec<(u32, u8, Vec<u32>)> = backlinks.par_iter().with_min_len(32).map(select).collect();
        for (node, level, links) in selected {
            self.links.set(node, level, &links);
        }
    }

    /// Determines where the row at position `at` of the batch goes.
    fn place(&self, codes: &Codes, batch: &[u32], at: usize, scratch: &mut SearchScratch) -> Placement {
        let (row, code) = (batch[at], codes.row(batch[at]));
        let peers = batch_peers(codes, batch, at);
        if let Some(earlier) = peers[..at].iter().find(|peer| peer.is_duplicate) {
            return Placement::Duplicate(earlier.candidate.row);
        }
        let own_score = dot_i8(code, code);
        let mut levels = vec![Vec::new(); usize::from(level(row)) + 1];
        let top = self.entry.map(level);
        let mut entries: Vec<u32> = self
            .entry
            .map(|entry| self.descend(codes, code, entry, level(row)))
            .into_iter()
            .collect();
        for at_level in (0..=level(row)).rev() {
            if top.is_some_and(|top| at_level <= top) {
                let search = LayerSearch {
                    codes,
                    query: code,
                    ef: EF_CONSTRUCTION,
                    level: at_level,
                };
                self.search_layer(search, &entries, scratch);
            } else {
                scratch.queue.reset(EF_CONSTRUCTION);
            }
            // Not always the best one: a longer code may have a greater product.
            let is_equal = |found: &Candidate| found.score == own_score && codes.row(found.row) == code;
            if let Some(equal) = scratch.queue.iter().find(is_equal) {
                return Placement::Duplicate(equal.row);
            }
            let best = scratch.queue.iter().next();
            if !entries.is_empty() {
                entries = best.iter().map(|best| best.row).collect();
            }
            // A copy that comes later becomes a duplicate of this node. As a neighbor it would hide all others, each of
            // which is as near to the copy as to the node.
            let others = peers.iter().filter(|peer| !peer.is_duplicate);
            for peer in others.filter(|peer| level(peer.candidate.row) >= at_level) {
                scratch.queue.push(peer.candidate);
            }
            levels[usize::from(at_level)] =
                select_neighbors(codes, scratch.queue.iter(), max_links(at_level));
        }
        Placement::Node(levels)
    }

    /// The links of `node` together with links to `new` nodes; a selection of them if they are too many.
    fn links_with(&self, codes: &Codes, node: u32, level: u8, new: &[u32]) -> Vec<u32> {
        let old = self.links.of(node, level);
        let mut links = old.to_vec();
        links.extend(new.iter().filter(|row| !old.contains(row)));
        if links.len() <= max_links(level) {
            return links;
        }
        let code = codes.row(node);
        for &link in &links {
            prefetch(codes.row(link));
        }
        let mut candidates: Vec<Candidate> = links
            .iter()
            .map(|&row| Candidate {
                score: dot_i8(code, codes.row(row)),
                row,
            })
            .collect();
        candidates.sort_unstable_by_key(|candidate| candidate.order());
        select_neighbors(codes, candidates.into_iter(), max_links(level))
    }
}

/// Another row of the same batch.
struct BatchPeer {
    candidate: Candidate,
    /// Whether it has the same code.
    is_duplicate: bool,
}

fn batch_peers(codes: &Codes, batch: &[u32], at: usize) -> Vec<BatchPeer> {
    let code = codes.row(batch[at]);
    let others = batch.iter().enumerate().filter(|(other, _)| *other != at);
    others
        .map(|(_, &row)| {
            let other_code = codes.row(row);
            let score = dot_i8(code, other_code);
            BatchPeer {
                candidate: Candidate { score, row },
                is_duplicate: other_code == code,
            }
        })
        .collect()
}

/// SELECT-NEIGHBORS-HEURISTIC (the paper's algorithm 4): selects up to `most` of the candidates, which come best first. A
/// candidate is selected if it is nearer to the node than to every candidate selected before.
fn select_neighbors(codes: &Codes, candidates: impl Iterator<Item = Candidate>, most: usize) -> Vec<u32> {
    let mut selected: Vec<u32> = Vec::with_capacity(most);
    for candidate in candidates {
        let code = codes.row(candidate.row);
        let is_nearer_to_node = |&other: &u32| dot_i8(code, codes.row(other)) < candidate.score;
        if selected.iter().all(is_nearer_to_node) {
            selected.push(candidate.row);
            if selected.len() == most {
                break;
            }
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    /// Codes of random vectors, some of them equal.
    fn codes(rows: usize) -> Codes {
        let mut codes = Codes::new(32);
        let vectors = conformance::samples(rows, 32);
        for row in 0..rows {
            let source = row - usize::from(row % 10 == 3);
            codes.set(row as u32, vectors[source].1.as_slice());
        }
        codes
    }

    fn build(threads: usize, codes: &Codes, rows: &[u32]) -> Graph {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut graph = Graph::default();
            graph.insert(codes, rows);
            graph
        })
    }

    #[test]
    fn graph_is_independent_of_thread_count() {
        let codes = codes(3_000);
        let rows: Vec<u32> = (0..3_000).rev().collect();
        let [one, three] = [1, 3].map(|threads| build(threads, &codes, &rows));
        assert_eq!(one.entry, three.entry);
        assert_eq!(
            (&one.links.upper, &one.links.upper_offsets),
            (&three.links.upper, &three.links.upper_offsets)
        );
        assert!(
            eidetic_kernels::CacheLine::words(&one.links.base)
                == eidetic_kernels::CacheLine::words(&three.links.base)
        );
        assert_eq!(one.duplicates, three.duplicates);
    }

    #[test]
    fn nearly_every_row_is_reachable() {
        let codes = codes(2_000);
        let rows: Vec<u32> = (0..2_000).filter(|row| row % 7 != 0).collect();
        let graph = build(2, &codes, &rows);
        assert_eq!(
            (
                graph.len(),
                graph.duplicates.values().map(Vec::len).sum::<usize>()
            ),
            (rows.len(), graph.node_of.len())
        );
        assert!(graph.links.are_valid());
        let mut found = 0;
        for row in 0..2_000 {
            assert_eq!(graph.contains(row), row % 7 != 0, "row {row}");
            let is_node = graph.links.is_node(row);
            let links = if is_node { graph.links.of(row, 0) } else { &[] };
            assert!(
                links.iter().all(|&link| link != row && graph.links.is_node(link)),
                "row {row}"
            );
            let best = graph.search(&codes, codes.row(row), 64);
            found += usize::from(best.iter().any(|best| best.row == row));
        }
        // Of unclustered vectors some lose all links to them; the others are found.
        assert!(found * 100 >= rows.len() * 99, "{found} of {}", rows.len());
    }
}
