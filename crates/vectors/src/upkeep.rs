//! How a store's graph comes to be, grows and is saved.
//!
//! Building takes long, so it is done beside the store: [`needs_graph`](VectorStore::needs_graph) says when,
//! [`graph_source`](VectorStore::graph_source) takes what is needed, [`GraphSource::build`] does the work while the store
//! goes on being searched and changed, and [`install_graph`](VectorStore::install_graph) puts the graph to use. What came
//! since is added a little at a time by [`absorb`](VectorStore::absorb), and [`unsaved`](VectorStore::unsaved) gives what
//! is worth saving.

use std::path::PathBuf;
use std::sync::Arc;

use eidetic_domain::{ImageId, SpaceId};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::codes::Codes;
use crate::graph::Graph;
use crate::quantizer::mix;
use crate::{IndexError, VectorIndex, VectorStore, snapshot};

/// Up to this many vectors comparing all of them is quick enough; measured in docs/decisions/0010.
pub const GRAPH_THRESHOLD: usize = 20_000;
/// A graph is due to be built anew when more than one in so many of its rows lead to nothing live.
const STALE_ONE_IN: usize = 5;
/// A graph grows as long as it leads to at least one in so many of the live rows; building it anew is quicker then.
const GROWS_FROM_ONE_IN: usize = 2;
/// Rows added to the graph at once: searches wait for some ten milliseconds.
const ABSORBED: usize = 64;
/// The graph is saved when more than one in so many of its rows are not in the saved one, and more than [`FEW_UNSAVED`].
const UNSAVED_ONE_IN: usize = 100;
/// So many rows are read and compared one by one after opening without anybody noticing.
const FEW_UNSAVED: usize = 1_000;

/// What a graph is built from: the codes as they were at one moment, shared with the store rather than copied.
#[derive(Debug)]
pub struct GraphSource {
    codes: Codes,
    images: Vec<(u32, ImageId)>,
}

/// A graph, and the images that it leads to.
#[derive(Debug)]
pub struct BuiltGraph {
    graph: Graph,
    images: Vec<(u32, ImageId)>,
}

/// What is to be saved, shared with the store rather than copied.
#[derive(Debug)]
pub struct Unsaved {
    directory: PathBuf,
    space: SpaceId,
    codes: Codes,
    graph: Arc<Graph>,
    images: Vec<[u8; 32]>,
}

impl GraphSource {
    /// Builds the graph: about 0.25 ms a vector and thread at 200,000 vectors of 512 numbers.
    ///
    /// Uses threads of its own, as many as there are processors, so that other parallel work goes on.
    pub fn build(self) -> BuiltGraph {
        let pool = ThreadPoolBuilder::new().thread_name(|thread| format!("graph-{thread}"));
        match pool.build() {
            Ok(pool) => self.build_in(&pool),
            Err(error) => {
                tracing::warn!(%error, "building the graph on shared threads");
                self.build_here()
            }
        }
    }

    /// Builds the graph on the threads of `pool`; the same graph on any number of them.
    pub(crate) fn build_in(self, pool: &ThreadPool) -> BuiltGraph {
        pool.install(|| self.build_here())
    }

    fn build_here(self) -> BuiltGraph {
        // In no order: pictures of a folder are alike, and a graph that met them one after the other would be narrow.
        let mut rows: Vec<u32> = self.images.iter().map(|(row, _)| *row).collect();
        rows.par_sort_unstable_by_key(|&row| (mix(row.into()), row));
        let mut graph = Graph::default();
        graph.insert(&self.codes, &rows);
        BuiltGraph {
            graph,
            images: self.images,
        }
    }
}

impl Unsaved {
    /// Replaces the saved graph. A crash at any moment leaves the old one, the new one or none.
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
    /// Whether a graph would make searches faster and there is none, or the one in use is too far from the truth.
    pub fn needs_graph(&self) -> bool {
        let live = self.rows.len();
        if live <= GRAPH_THRESHOLD {
            return false;
        }
        let Some(graph) = &self.graph else { return true };
        let led_to = live - self.newcomers.len();
        led_to < live / GROWS_FROM_ONE_IN
            || graph.len() - led_to.min(graph.len()) > graph.len() / STALE_ONE_IN
    }

    /// What a graph of the present vectors is built from. Cheap: the codes are shared until they change.
    pub fn graph_source(&self) -> GraphSource {
        GraphSource {
            codes: self.codes.clone(),
            images: self.rows.live().map(|(row, image)| (row, *image)).collect(),
        }
    }

    /// Searches by `built` from now on, a graph of this store's vectors as they are or once were.
    pub fn install_graph(&mut self, built: BuiltGraph) {
        if built.graph.is_empty() {
            return;
        }
        for row in 0..self.rows.end() as u32 {
            // Held for the graph that goes.
            if self.rows.image(row).is_none() {
                self.rows.release(row);
            }
        }
        let fitting = |(row, image): &(u32, ImageId)| self.rows.image(*row) == Some(image);
        let fitting: Vec<u32> = built
            .images
            .iter()
            .filter(|entry| fitting(entry))
            .map(|(row, _)| *row)
            .collect();
        self.unsaved = usize::MAX;
        self.use_graph(built.graph, fitting.into_iter());
    }

    /// Searches by a graph that leads to the images of the `fitting` rows and, as far as it leads elsewhere, to nothing.
    pub(crate) fn use_graph(&mut self, graph: Graph, fitting: impl Iterator<Item = u32>) {
        self.newcomers = self.rows.live_rows().clone();
        for row in fitting.filter(|&row| graph.covers(row)) {
            self.newcomers.remove(row);
        }
        for row in 0..graph.rows() {
            if graph.covers(row) && self.rows.image(row).is_none() {
                self.rows.hold(row);
            }
        }
        self.graph = Some(Arc::new(graph));
    }

    /// Adds some live rows that the graph does not lead to, and says whether more are waiting. Searches are faster
    /// afterwards, and find the same.
    pub fn absorb(&mut self) -> bool {
        let Some(graph) = &mut self.graph else {
            return false;
        };
        // A row whose node was made for another image waits for the next graph.
        let waiting: Vec<u32> = self
            .newcomers
            .iter()
            .filter(|&row| !graph.covers(row))
            .take(ABSORBED + 1)
            .collect();
        let rows = &waiting[..waiting.len().min(ABSORBED)];
        if !rows.is_empty() {
            Arc::make_mut(graph).insert(&self.codes, rows);
        }
        for &row in rows {
            self.newcomers.remove(row);
        }
        self.unsaved = self.unsaved.saturating_add(rows.len());
        waiting.len() > ABSORBED
    }

    /// What is to be saved, if enough has changed since the last time.
    pub fn unsaved(&self) -> Option<Unsaved> {
        let graph = self.graph.as_ref()?;
        if self.unsaved <= FEW_UNSAVED.max(graph.len() / UNSAVED_ONE_IN) {
            return None;
        }
        let led_to = |row: u32| self.rows.image(row).filter(|_| !self.newcomers.contains(row));
        let image = |row| led_to(row).map_or([0; 32], |image| *image.as_bytes());
        Some(Unsaved {
            directory: self.directory.clone(),
            space: self.space().clone(),
            codes: self.codes.clone(),
            graph: Arc::clone(graph),
            images: (0..graph.rows()).map(image).collect(),
        })
    }

    /// Takes note that what [`unsaved`](Self::unsaved) gave has been saved.
    pub fn note_saved(&mut self) {
        self.unsaved = 0;
    }
}
