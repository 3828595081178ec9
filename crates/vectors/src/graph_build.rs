//! Building, growing and saving the graph of a store.
//!
//! Building takes minutes for a large store, so it runs beside it: [`needs_graph`](VectorStore::needs_graph) reports
//! whether it is due, [`graph_builder`](VectorStore::graph_builder) copies what is needed, [`GraphBuilder::build`] runs
//! while the store is searched and changed, and [`install_graph`](VectorStore::install_graph) replaces the graph in use.
//! Rows added since are inserted in small steps by [`insert_pending`](VectorStore::insert_pending), and
//! [`pending_snapshot`](VectorStore::pending_snapshot) returns what is to be saved.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use eidetic_domain::{ImageId, SpaceId};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::codes::Codes;
use crate::graph::Graph;
use crate::quantizer::mix;
use crate::{IndexError, VectorIndex, VectorStore, snapshot};

/// Stores of up to this many vectors are fast enough without a graph; measured in docs/decisions/0010.
pub const GRAPH_THRESHOLD: usize = 20_000;
/// A graph is rebuilt once more than one in this many of its rows is not live.
const MAX_STALE_ONE_IN: usize = 5;
/// A graph that has less than one in this many of the live rows is rebuilt, which is faster than inserting the others.
const MIN_INDEXED_ONE_IN: usize = 2;
/// Number of rows inserted in one step. Searches wait for a step, about ten milliseconds.
const ROWS_PER_STEP: usize = 64;
/// The graph is saved once more than one in this many of its rows are not saved, and more than [`MAX_UNSAVED`].
const MAX_UNSAVED_ONE_IN: usize = 100;
/// So few rows are read quickly when the store is opened, and compared one by one after that.
const MAX_UNSAVED: usize = 1_000;

/// Is told how far a graph is, and may end the work.
pub type OnStep<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Builds a graph from the codes of a store at one moment, which are shared with the store rather than copied.
#[derive(Debug)]
pub struct GraphBuilder {
    codes: Codes,
    images: Vec<(u32, ImageId)>,
}

/// A finished graph and the images of its rows.
#[derive(Debug)]
pub struct BuiltGraph {
    graph: Graph,
    images: Vec<(u32, ImageId)>,
}

/// Codes and graph that are to be saved, shared with the store rather than copied.
#[derive(Debug)]
pub struct PendingSnapshot {
    directory: PathBuf,
    space: SpaceId,
    codes: Codes,
    graph: Arc<Graph>,
    images: Vec<[u8; 32]>,
}

impl GraphBuilder {
    /// A builder of a graph of these rows.
    pub(crate) const fn new(codes: Codes, images: Vec<(u32, ImageId)>) -> Self {
        Self { codes, images }
    }

    /// Builds the graph, in about 0.25 ms per vector and thread at 200,000 vectors of dimension 512.
    ///
    /// It runs on threads of its own, one per processor, so that other parallel work is not blocked.
    pub fn build(self) -> BuiltGraph {
        let built = self.build_while(&|_| ControlFlow::Continue(()));
        built.expect("nothing ends it early")
    }

    /// The same; `on_step` is told the number of rows in the graph after each few hundred, and may end the work, which is
    /// lost then.
    pub fn build_while(self, on_step: OnStep<'_>) -> Option<BuiltGraph> {
        let pool = ThreadPoolBuilder::new().thread_name(|thread| format!("graph-{thread}"));
        match pool.build() {
            Ok(pool) => pool.install(|| self.build_on_current_pool(on_step)),
            Err(error) => {
                tracing::warn!(%error, "cannot start threads for the graph; using shared ones");
                self.build_on_current_pool(on_step)
            }
        }
    }

    /// Number of rows that the graph will have.
    pub fn rows(&self) -> usize {
        self.images.len()
    }

    /// Builds the graph on the threads of `pool`. The result does not depend on their number.
    pub(crate) fn build_in(self, pool: &ThreadPool) -> BuiltGraph {
        let built = pool.install(|| self.build_on_current_pool(&|_| ControlFlow::Continue(())));
        built.expect("nothing ends it early")
    }

    /// The same on the threads of the current pool.
    pub(crate) fn build_on_current_pool(self, on_step: OnStep<'_>) -> Option<BuiltGraph> {
        // In pseudorandom order: images of a folder are similar, and inserting them in sequence gives a worse graph.
        let mut rows: Vec<u32> = self.images.iter().map(|(row, _)| *row).collect();
        rows.par_sort_unstable_by_key(|&row| (mix(row.into()), row));
        let mut graph = Graph::default();
        let inserted = graph.insert_while(&self.codes, &rows, on_step);
        inserted.is_continue().then_some(BuiltGraph {
            graph,
            images: self.images,
        })
    }
}

impl BuiltGraph {
    pub(crate) fn into_graph(self) -> Graph {
        self.graph
    }
}

impl PendingSnapshot {
    /// Replaces the saved snapshot. A crash at any moment leaves the old one or the new one.
    pub fn save(&self) -> Result<(), IndexError> {
        snapshot::save(
            &self.directory,
            &self.space,
            &self.codes,
            &self.graph,
            &self.images,
        )
    }
}

impl VectorStore {
    /// Whether the store is large enough for a graph and has none, or one that is stale.
    pub fn needs_graph(&self) -> bool {
        let live = self.rows.len();
        if live <= GRAPH_THRESHOLD {
            return false;
        }
        let Some(graph) = &self.graph else { return true };
        let indexed = live - self.unindexed.len();
        let stale = graph.len().saturating_sub(indexed);
        indexed < live / MIN_INDEXED_ONE_IN || stale > graph.len() / MAX_STALE_ONE_IN
    }

    /// A builder for a graph of the present vectors. Cheap, since codes are shared until they change.
    pub fn graph_builder(&self) -> GraphBuilder {
        GraphBuilder {
            codes: self.codes.clone(),
            images: self.rows.live().map(|(row, image)| (row, *image)).collect(),
        }
    }

    /// Uses `built` from now on, a graph of this store's present or earlier vectors. An empty graph is ignored.
    pub fn install_graph(&mut self, built: BuiltGraph) {
        if built.graph.is_empty() {
            return;
        }
        for row in 0..self.rows.end() as u32 {
            // Such rows may be reserved for the old graph.
            if self.rows.image(row).is_none() {
                self.rows.release(row);
            }
        }
        self.reserve_hidden();
        let current: Vec<u32> = built
            .images
            .iter()
            .filter(|(row, image)| self.rows.image(*row) == Some(image))
            .map(|(row, _)| *row)
            .collect();
        self.unsaved_rows = usize::MAX;
        self.use_graph(built.graph, &current);
    }

    /// Uses `graph` from now on, in which the nodes of the `current` rows belong to the images that these rows have now.
    pub(crate) fn use_graph(&mut self, graph: Graph, current: &[u32]) {
        self.unindexed = self.rows.live_rows().clone();
        for &row in current.iter().filter(|&&row| graph.contains(row)) {
            self.unindexed.remove(row);
        }
        for row in 0..graph.rows() {
            if graph.contains(row) && self.rows.image(row).is_none() {
                self.rows.reserve(row);
            }
        }
        self.graph = Some(Arc::new(graph));
    }

    /// Inserts some of the live rows that are not in the graph; returns whether more are pending. Search results don't
    /// change, but searches become faster.
    pub fn insert_pending(&mut self) -> bool {
        let Some(graph) = &mut self.graph else {
            return false;
        };
        // A row whose node was made for another image has to wait for the next graph.
        let pending: Vec<u32> = self
            .unindexed
            .iter()
            .filter(|&row| !graph.contains(row))
            .take(ROWS_PER_STEP + 1)
            .collect();
        let rows = &pending[..pending.len().min(ROWS_PER_STEP)];
        if !rows.is_empty() {
            Arc::make_mut(graph).insert(&self.codes, rows);
        }
        for &row in rows {
            self.unindexed.remove(row);
        }
        self.unsaved_rows = self.unsaved_rows.saturating_add(rows.len());
        pending.len() > ROWS_PER_STEP
    }

    /// What has to be saved, if enough has changed since the last time.
    pub fn pending_snapshot(&self) -> Option<PendingSnapshot> {
        let graph = self.graph.as_ref()?;
        if self.unsaved_rows <= MAX_UNSAVED.max(graph.len() / MAX_UNSAVED_ONE_IN) {
            return None;
        }
        let indexed_image = |row: u32| {
            let image = self.rows.image(row);
            image.filter(|_| !self.unindexed.contains(row))
        };
        let id = |row| indexed_image(row).map_or([0; 32], |image| *image.as_bytes());
        Some(PendingSnapshot {
            directory: self.directory.clone(),
            space: self.space().clone(),
            codes: self.codes.clone(),
            graph: Arc::clone(graph),
            images: (0..graph.rows()).map(id).collect(),
        })
    }

    /// Records that the last [`pending_snapshot`](Self::pending_snapshot) has been saved.
    pub fn mark_snapshot_saved(&mut self) {
        self.unsaved_rows = 0;
    }
}
