//! Adding rows to a graph: in batches, each of which is linked on all threads and then written down by one.
//!
//! A row of a batch finds its neighbours in the graph as it was before the batch and, compared one by one, in the batch
//! itself. Nothing depends on the order in which threads finish, so the same rows in the same order make the same graph
//! on any number of threads.

use std::collections::BTreeMap;

use eidetic_kernels::{dot_i8, prefetch};
use rayon::prelude::*;

use crate::codes::Codes;
use crate::graph::Graph;
use crate::links::{self, level, width};
use crate::pool::{Scored, Scratch};

/// Candidates kept while a node's links are chosen (the paper's efConstruction).
const EF_CONSTRUCTION: usize = 160;
/// Most rows in a batch.
const BATCH: usize = 512;

/// What was found out about a row to be added.
enum Place {
    /// It has the same code as this row.
    Twin(u32),
    /// Its links at each level from 0 up.
    Links(Vec<Vec<u32>>),
}

impl Graph {
    /// Adds rows, all of which have codes and none of which is in the graph. Runs on the current rayon pool.
    pub(crate) fn insert(&mut self, codes: &Codes, mut rows: &[u32]) {
        while !rows.is_empty() {
            // A row of the batch is compared with all the others in it, so that the first batches miss nothing.
            let size = self.len.clamp(1, BATCH).min(rows.len());
            let (batch, rest) = rows.split_at(size);
            self.insert_batch(codes, batch);
            rows = rest;
        }
    }

    fn insert_batch(&mut self, codes: &Codes, batch: &[u32]) {
        let find = |scratch: &mut Scratch, at: usize| self.place(codes, batch, at, scratch);
        let places: Vec<Place> = (0..batch.len())
            .into_par_iter()
            .with_min_len(8)
            .map_init(Scratch::default, find)
            .collect();
        self.len += batch.len();
        let mut nodes = Vec::with_capacity(batch.len());
        for (&row, place) in batch.iter().zip(places) {
            match place {
                Place::Twin(of) => self.add_twin(row, of),
                Place::Links(levels) => nodes.push((row, levels)),
            }
        }
        let mut back = BTreeMap::<(u8, u32), Vec<u32>>::new();
        for (row, levels) in nodes {
            self.add_node(row, &levels, &mut back);
        }
        let back: Vec<_> = back.into_iter().collect();
        let link_back = |((level, node), from): &((u8, u32), Vec<u32>)| {
            let linked = self.linked_back(codes, *node, *level, from);
            (*node, *level, linked)
        };
        let linked: Vec<(u32, u8, Vec<u32>)> = back.par_iter().with_min_len(32).map(link_back).collect();
        for (node, level, links) in linked {
            self.links.set(node, level, &links);
        }
    }

    fn add_twin(&mut self, row: u32, of: u32) {
        // What it was found equal to may have turned out to be a twin itself, earlier in the same batch.
        let node = self.node_of.get(&of).copied().unwrap_or(of);
        self.links.grow(row);
        self.node_of.insert(row, node);
        self.twins.entry(node).or_default().push(row);
    }

    /// Writes the links of a new node, and notes where links back are due.
    fn add_node(&mut self, row: u32, levels: &[Vec<u32>], back: &mut BTreeMap<(u8, u32), Vec<u32>>) {
        self.links.add(row);
        if self.entry.is_none_or(|entry| level(entry) < level(row)) {
            self.entry = Some(row);
        }
        for (level, links) in (0..).zip(levels) {
            let mut nodes: Vec<u32> = Vec::with_capacity(links.len());
            for link in links {
                // A mate of the batch may have turned out to be a twin.
                let node = self.node_of.get(link).copied().unwrap_or(*link);
                if node != row && links::level(node) >= level && !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            self.links.set(row, level, &nodes);
            for node in nodes {
                back.entry((level, node)).or_default().push(row);
            }
        }
    }

    /// Where the row at `at` of the batch belongs.
    fn place(&self, codes: &Codes, batch: &[u32], at: usize, scratch: &mut Scratch) -> Place {
        let (row, code) = (batch[at], codes.row(batch[at]));
        let mates = mates(codes, batch, at);
        if let Some(twin) = mates.iter().find(|mate| mate.twin) {
            return Place::Twin(twin.scored.node);
        }
        let mut levels = vec![Vec::new(); usize::from(level(row)) + 1];
        let top = self.entry.map(level);
        let start = self
            .entry
            .map(|entry| self.descend(codes, code, entry, level(row)));
        let mut starts: Vec<u32> = start.into_iter().collect();
        for at_level in (0..=level(row)).rev() {
            if top.is_some_and(|top| at_level <= top) {
                self.walk(codes, code, &starts, EF_CONSTRUCTION, at_level, scratch);
            } else {
                scratch.pool.reset(EF_CONSTRUCTION);
            }
            if let Some(twin) = scratch
                .pool
                .kept()
                .next()
                .filter(|best| codes.row(best.node) == code)
            {
                return Place::Twin(twin.node);
            }
            if !starts.is_empty() {
                starts = scratch.pool.kept().take(1).map(|scored| scored.node).collect();
            }
            for mate in mates.iter().filter(|mate| level(mate.scored.node) >= at_level) {
                scratch.pool.offer(mate.scored);
            }
            let kept = scratch.pool.kept();
            levels[usize::from(at_level)] = choose(codes, kept, width(at_level));
        }
        Place::Links(levels)
    }

    /// The links of `node` with links to new nodes among them, the best chosen where there are too many.
    fn linked_back(&self, codes: &Codes, node: u32, level: u8, from: &[u32]) -> Vec<u32> {
        let mut links = self.links.of(node, level).to_vec();
        links.extend(
            from.iter()
                .filter(|row| !self.links.of(node, level).contains(row)),
        );
        if links.len() <= width(level) {
            return links;
        }
        let code = codes.row(node);
        for &link in &links {
            prefetch(codes.row(link));
        }
        let mut scored: Vec<Scored> = links
            .iter()
            .map(|&node| Scored {
                score: dot_i8(code, codes.row(node)),
                node,
            })
            .collect();
        scored.sort_unstable_by_key(|scored| scored.order());
        choose(codes, scored.into_iter(), width(level))
    }
}

/// Another row of the batch.
struct Mate {
    scored: Scored,
    /// Whether it comes earlier and has the same code.
    twin: bool,
}

fn mates(codes: &Codes, batch: &[u32], at: usize) -> Vec<Mate> {
    let code = codes.row(batch[at]);
    let others = batch.iter().enumerate().filter(|(other, _)| *other != at);
    others
        .map(|(other, &node)| {
            let theirs = codes.row(node);
            let scored = Scored {
                score: dot_i8(code, theirs),
                node,
            };
            Mate {
                scored,
                twin: other < at && theirs == code,
            }
        })
        .collect()
}

/// Links that lead apart, at most `most` (the paper's algorithm 4): of the candidates, best first, those that are nearer
/// to the node than to any chosen before.
fn choose(codes: &Codes, candidates: impl Iterator<Item = Scored>, most: usize) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    for candidate in candidates {
        let code = codes.row(candidate.node);
        if chosen
            .iter()
            .all(|&other| dot_i8(code, codes.row(other)) < candidate.score)
        {
            chosen.push(candidate.node);
            if chosen.len() == most {
                break;
            }
        }
    }
    chosen
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
            let twin = row - usize::from(row % 10 == 3);
            codes.set(row as u32, vectors[twin].1.as_slice());
        }
        codes
    }

    fn on_threads(threads: usize, codes: &Codes, rows: &[u32]) -> Graph {
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
    fn any_number_of_threads_makes_the_same_graph() {
        let codes = codes(3_000);
        let rows: Vec<u32> = (0..3_000).rev().collect();
        let [one, three] = [1, 3].map(|threads| on_threads(threads, &codes, &rows));
        assert_eq!(one.entry, three.entry);
        assert_eq!(
            (&one.links.upper, &one.links.upper_at),
            (&three.links.upper, &three.links.upper_at)
        );
        assert!(
            eidetic_kernels::CacheLine::words(&one.links.base)
                == eidetic_kernels::CacheLine::words(&three.links.base)
        );
        assert_eq!(one.twins, three.twins);
    }

    #[test]
    fn nearly_every_row_is_led_to_and_no_link_leads_astray() {
        let codes = codes(2_000);
        let rows: Vec<u32> = (0..2_000).filter(|row| row % 7 != 0).collect();
        let graph = on_threads(2, &codes, &rows);
        assert_eq!(
            (graph.len(), graph.twins.values().map(Vec::len).sum::<usize>()),
            (rows.len(), graph.node_of.len())
        );
        assert!(graph.links.are_whole());
        let mut found = 0;
        for row in 0..2_000 {
            assert_eq!(graph.covers(row), row % 7 != 0, "row {row}");
            let is_node = graph.links.is_node(row);
            let links = if is_node { graph.links.of(row, 0) } else { &[] };
            assert!(
                links.iter().all(|&link| link != row && graph.links.is_node(link)),
                "row {row}"
            );
            let best = graph.nearest(&codes, codes.row(row), 64);
            found += usize::from(best.iter().any(|best| best.node == row));
        }
        // Of vectors in no order at all some lose every link to them; those that have any are found.
        assert!(found * 100 >= rows.len() * 99, "{found} of {}", rows.len());
    }
}
