//! A graph over rows: HNSW (Malkov and Yashunin, 2016) over codes, in flat memory.
//!
//! Rows are only ever added. A row whose image is gone stays a node that walks pass through, until the graph is built
//! anew; so must its code.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use eidetic_kernels::prefetch;

use crate::codes::Codes;
use crate::links::{self, Links};
use crate::pool::{Scored, Scratch};

/// A graph that leads to the rows whose codes are nearest to a query's.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub(crate) links: Links,
    /// Where every walk begins: a node of the highest level.
    pub(crate) entry: Option<u32>,
    /// Rows with the same code as a node, by that node. They are no nodes: copies would link to nothing but each other,
    /// and so hide what is behind them.
    pub(crate) twins: HashMap<u32, Vec<u32>>,
    /// The node of each twin.
    pub(crate) node_of: HashMap<u32, u32>,
    /// Nodes and twins.
    pub(crate) len: usize,
    pub(crate) scratch: ScratchPool,
}

/// Memory of walks that have ended, for those to come.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool(Mutex<Vec<Scratch>>);

impl Clone for ScratchPool {
    /// An empty one: scratch is worth nothing to another graph.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ScratchPool {
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.lock().pop().unwrap_or_default();
        let result = work(&mut scratch);
        self.lock().push(scratch);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Graph {
    /// A graph of these parts; `None` where they do not fit together, so that a walk could leave it.
    pub(crate) fn from_parts(
        links: Links,
        entry: Option<u32>,
        twins: &[[u32; 2]],
        len: usize,
    ) -> Option<Self> {
        let mut graph = Self {
            links,
            entry,
            len,
            ..Self::default()
        };
        for &[twin, node] in twins {
            graph.node_of.insert(twin, node);
            graph.twins.entry(node).or_default().push(twin);
        }
        let rows = graph.rows();
        let nodes = twins.iter().map(|[_, node]| node).chain(&graph.entry);
        let whole = graph.links.are_whole()
            && nodes.copied().all(|node| graph.links.is_node(node))
            && twins
                .iter()
                .all(|&[twin, _]| twin < rows && !graph.links.is_node(twin));
        whole.then_some(graph)
    }

    /// One more than the highest row that it leads to.
    pub(crate) fn rows(&self) -> u32 {
        self.links.rows() as u32
    }

    /// Number of rows that it leads to, gone ones included.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it leads nowhere.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it leads to this row.
    pub(crate) fn covers(&self, row: u32) -> bool {
        self.links.is_node(row) || self.node_of.contains_key(&row)
    }

    /// The rows of about the `ef` nodes nearest to the query, best first.
    pub(crate) fn nearest(&self, codes: &Codes, query: &[i8], ef: usize) -> Vec<Scored> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        self.scratch.with(|scratch| {
            let start = self.descend(codes, query, entry, 0);
            self.walk(codes, query, &[start], ef, 0, scratch);
            self.with_twins(scratch.pool.kept())
        })
    }

    pub(crate) fn with_twins(&self, kept: impl ExactSizeIterator<Item = Scored>) -> Vec<Scored> {
        if self.twins.is_empty() {
            return kept.collect();
        }
        let mut all = Vec::with_capacity(kept.len());
        for scored in kept {
            all.push(scored);
            let twins = self.twins.get(&scored.node).into_iter().flatten();
            all.extend(twins.map(|&node| Scored { node, ..scored }));
        }
        all
    }

    /// The nearest node that the levels above `level` lead to, going down from the entry.
    pub(crate) fn descend(&self, codes: &Codes, query: &[i8], entry: u32, level: u8) -> u32 {
        let score = |node| eidetic_kernels::dot_i8(query, codes.row(node));
        let mut best = Scored {
            score: score(entry),
            node: entry,
        };
        for level in (level + 1..=links::level(entry)).rev() {
            loop {
                let links = self.links.of(best.node, level);
                for &node in links {
                    prefetch(codes.row(node));
                }
                let scored = links.iter().map(|&node| Scored {
                    score: score(node),
                    node,
                });
                let next = scored.min_by_key(|scored| scored.order());
                match next {
                    Some(next) if next.order() < best.order() => best = next,
                    _ => break,
                }
            }
        }
        best.node
    }

    /// Leaves the about `ef` nodes of `level` nearest to the query in the scratch's pool.
    pub(crate) fn walk(
        &self,
        codes: &Codes,
        query: &[i8],
        starts: &[u32],
        ef: usize,
        level: u8,
        scratch: &mut Scratch,
    ) {
        scratch.pool.reset(ef.max(1));
        scratch.visited.reset(self.links.rows());
        for &start in starts {
            if scratch.visited.meet(start) {
                scratch.fresh.push(start);
            }
        }
        let fetch_links = |node| prefetch(self.links.room(node, level));
        scratch.compare(codes, query, fetch_links);
        while let Some(node) = scratch.pool.follow() {
            for &link in self.links.of(node, level) {
                if scratch.visited.meet(link) {
                    scratch.fresh.push(link);
                }
            }
            scratch.compare(codes, query, fetch_links);
        }
    }
}
