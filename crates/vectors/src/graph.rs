//! HNSW (Malkov and Yashunin, 2016) over the codes of rows, in flat memory.
//!
//! Rows are only ever added. A row that was removed from the store stays a node, which searches pass through, until the
//! graph is rebuilt; its code has to be kept until then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use eidetic_kernels::prefetch;

use crate::candidate_queue::{Candidate, SearchScratch};
use crate::codes::Codes;
use crate::links::{self, Links};

/// A navigable graph over the rows of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) links: Links,
    /// Entry point of every search: a node of the highest level.
    pub(crate) entry: Option<u32>,
    /// By node: the other rows that have the same code. They are not nodes themselves, since copies would fill each
    /// other's links and cut off the rows behind them.
    pub(crate) duplicates: HashMap<u32, Vec<u32>>,
    /// By duplicate: the node with the same code.
    pub(crate) node_of: HashMap<u32, u32>,
    /// Number of nodes and duplicates.
    pub(crate) len: usize,
    pub(crate) scratch: ScratchPool,
}

/// Buffers of finished searches, kept for the next ones.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool(Mutex<Vec<SearchScratch>>);

impl Clone for ScratchPool {
    /// Returns an empty pool; buffers are not worth copying.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ScratchPool {
    pub(crate) fn with<R>(&self, search: impl FnOnce(&mut SearchScratch) -> R) -> R {
        let mut scratch = self.lock().pop().unwrap_or_default();
        let result = search(&mut scratch);
        self.lock().push(scratch);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SearchScratch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Graph {
    /// Assembles a graph from parts that were read from a file; `None` if a search could leave the graph. `duplicates`
    /// are pairs of a duplicate and its node.
    pub(crate) fn from_parts(
        links: Links,
        entry: Option<u32>,
        duplicates: &[[u32; 2]],
        len: usize,
    ) -> Option<Self> {
        let mut graph = Self {
            links,
            entry,
            len,
            ..Self::default()
        };
        for &[duplicate, node] in duplicates {
            graph.node_of.insert(duplicate, node);
            graph.duplicates.entry(node).or_default().push(duplicate);
        }
        let rows = graph.rows();
        let is_valid_duplicate = |&[duplicate, node]: &[u32; 2]| {
            duplicate < rows && !graph.links.is_node(duplicate) && graph.links.is_node(node)
        };
        let is_valid = graph.links.are_valid()
            && graph.entry.is_none_or(|entry| graph.links.is_node(entry))
            && duplicates.iter().all(is_valid_duplicate);
        is_valid.then_some(graph)
    }

    /// One more than the highest row in the graph.
    pub(crate) fn rows(&self) -> u32 {
        self.links.rows() as u32
    }

    /// Number of rows in the graph, including those removed from the store.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether the graph has no rows.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the row is in the graph.
    pub(crate) fn contains(&self, row: u32) -> bool {
        self.links.is_node(row) || self.node_of.contains_key(&row)
    }

    /// The rows of approximately the `ef` nearest nodes, best first.
    pub(crate) fn search(&self, codes: &Codes, query: &[i8], ef: usize) -> Vec<Candidate> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        self.scratch.with(|scratch| {
            let start = self.descend(codes, query, entry, 0);
            self.search_layer(
                LayerSearch {
                    codes,
                    query,
                    ef,
                    level: 0,
                },
                &[start],
                scratch,
            );
            self.with_duplicates(scratch.queue.iter())
        })
    }

    /// Adds the duplicates of nodes, each behind its node.
    pub(crate) fn with_duplicates(&self, nodes: impl ExactSizeIterator<Item = Candidate>) -> Vec<Candidate> {
        if self.duplicates.is_empty() {
            return nodes.collect();
        }
        let mut all = Vec::with_capacity(nodes.len());
        for candidate in nodes {
            all.push(candidate);
            let duplicates = self.duplicates.get(&candidate.row).into_iter().flatten();
            all.extend(duplicates.map(|&row| Candidate { row, ..candidate }));
        }
        all
    }

    /// Greedy search from the entry point down through the levels above `level`; returns the nearest node found.
    pub(crate) fn descend(&self, codes: &Codes, query: &[i8], entry: u32, level: u8) -> u32 {
        let candidate = |row| Candidate {
            score: eidetic_kernels::dot_i8(query, codes.row(row)),
            row,
        };
        let mut best = candidate(entry);
        for level in (level + 1..=links::level(entry)).rev() {
            loop {
                let links = self.links.of(best.row, level);
                for &row in links {
                    prefetch(codes.row(row));
                }
                let candidates = links.iter().map(|&row| candidate(row));
                match candidates.min_by_key(|candidate| candidate.order()) {
                    Some(next) if next.order() < best.order() => best = next,
                    _ => break,
                }
            }
        }
        best.row
    }

    /// Best-first search within one level (SEARCH-LAYER, the paper's algorithm 2). Leaves approximately the `ef` nearest
    /// nodes in the queue of `scratch`.
    pub(crate) fn search_layer(&self, search: LayerSearch<'_>, entries: &[u32], scratch: &mut SearchScratch) {
        let LayerSearch {
            codes,
            query,
            ef,
            level,
        } = search;
        scratch.queue.reset(ef.max(1));
        scratch.visited.reset(self.links.rows());
        for &entry in entries {
            if scratch.visited.insert(entry) {
                scratch.unscored.push(entry);
            }
        }
        let prefetch_links = |node| prefetch(self.links.slots(node, level));
        scratch.score_all(codes, query, prefetch_links);
        while let Some(node) = scratch.queue.next_unexpanded() {
            for &link in self.links.of(node, level) {
                if scratch.visited.insert(link) {
                    scratch.unscored.push(link);
                }
            }
            scratch.score_all(codes, query, prefetch_links);
        }
    }
}

/// Parameters of a search within one level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSearch<'s> {
    pub(crate) codes: &'s Codes,
    /// Code of the query.
    pub(crate) query: &'s [i8],
    /// Size of the candidate queue.
    pub(crate) ef: usize,
    pub(crate) level: u8,
}
