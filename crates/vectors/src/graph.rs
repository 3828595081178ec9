//! A graph over a set of images: HNSW (Malkov and Yashunin, 2016) as `hnsw_rs` builds it.
//!
//! A graph is a snapshot. It never changes; images that come later are searched beside it, and images that go are
//! passed over in its answers, until a new graph is built.

use std::collections::{HashMap, HashSet};
use std::fmt;

use eidetic_domain::ImageId;
use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::matrix::Matrix;

/// Links of a node in each upper layer (the paper's M); the lowest layer has twice as many.
const M: usize = 16;
/// Candidates kept while a node's links are chosen (the paper's efConstruction).
const EF_CONSTRUCTION: usize = 200;
/// As many as `hnsw_rs` can have; it saves no graph with fewer.
const LAYERS: usize = 16;
/// Nodes inserted one after the other: those inserted at once into an empty graph would not find each other.
const FIRST_NODES: usize = 256;

/// `hnsw_rs`'s graph over unit vectors.
pub(crate) type UnitHnsw = Hnsw<'static, f32, UnitDistance>;

/// 1 − cosine of unit vectors: never negative and never NaN, as `hnsw_rs` demands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UnitDistance;

impl Distance<f32> for UnitDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - eidetic_kernels::dot(a, b)).max(0.0)
    }
}

/// What a graph is built from: the vectors as they were at one moment, shared with the store rather than copied.
#[derive(Debug)]
pub struct GraphSource {
    pub(crate) matrix: Matrix,
    pub(crate) images: Vec<(usize, ImageId)>,
}

/// A graph that leads to the images nearest to a query.
pub struct Graph {
    hnsw: UnitHnsw,
    /// The images of each node: equal vectors share one, since nodes at no distance from each other would link to
    /// nothing else and cut themselves off.
    nodes: Vec<Vec<ImageId>>,
    images: HashSet<ImageId>,
}

impl GraphSource {
    /// Builds the graph: about 0.6 ms a vector and thread at 30,000 vectors of 512 numbers.
    ///
    /// Uses threads of its own, as many as there are processors, so that other parallel work goes on.
    pub fn build(self) -> Graph {
        let pool = ThreadPoolBuilder::new().thread_name(|thread| format!("graph-{thread}"));
        match pool.build() {
            Ok(pool) => self.build_in(&pool),
            Err(error) => {
                tracing::warn!(%error, "building the graph on shared threads");
                self.build_here()
            }
        }
    }

    /// Builds the graph on the threads of `pool`.
    pub(crate) fn build_in(self, pool: &ThreadPool) -> Graph {
        pool.install(|| self.build_here())
    }

    fn build_here(self) -> Graph {
        let (rows, nodes) = self.nodes();
        let hnsw = Hnsw::new(M, rows.len(), LAYERS, EF_CONSTRUCTION, UnitDistance);
        let insert = |node: usize| hnsw.insert_slice((self.matrix.row(rows[node]), node));
        let first = FIRST_NODES.min(rows.len());
        (0..first).for_each(insert);
        (first..rows.len()).into_par_iter().for_each(insert);
        Graph::new(hnsw, nodes)
    }

    /// A row and the images of each different vector.
    fn nodes(&self) -> (Vec<usize>, Vec<Vec<ImageId>>) {
        let (mut rows, mut nodes, mut known) = (Vec::new(), Vec::<Vec<ImageId>>::new(), HashMap::new());
        for &(row, image) in &self.images {
            let vector = blake3::hash(bytemuck::cast_slice(self.matrix.row(row)));
            let node = *known.entry(vector).or_insert(nodes.len());
            if node == nodes.len() {
                rows.push(row);
                nodes.push(Vec::new());
            }
            nodes[node].push(image);
        }
        (rows, nodes)
    }
}

impl Graph {
    pub(crate) fn new(mut hnsw: UnitHnsw, nodes: Vec<Vec<ImageId>>) -> Self {
        hnsw.set_searching_mode(true);
        let images = nodes.iter().flatten().copied().collect();
        Self { hnsw, nodes, images }
    }

    /// Number of images that it leads to.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether it leads nowhere.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Whether it leads to this image.
    pub fn covers(&self, image: &ImageId) -> bool {
        self.images.contains(image)
    }

    pub(crate) const fn hnsw(&self) -> &UnitHnsw {
        &self.hnsw
    }

    /// The images of each node, in order of node.
    pub(crate) fn nodes(&self) -> &[Vec<ImageId>] {
        &self.nodes
    }

    /// The images of about the `ef` nodes nearest to `query`, nearest first; the first of them the surest.
    pub(crate) fn candidates(&self, query: &[f32], ef: usize) -> impl Iterator<Item = &ImageId> {
        self.hnsw
            .search(query, ef, ef)
            .into_iter()
            .filter_map(|found| self.nodes.get(found.d_id))
            .flatten()
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("images", &self.len())
            .finish_non_exhaustive()
    }
}
