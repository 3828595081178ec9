//! The nearest neighbors of many stored vectors at once, by their codes, beside the store.
//!
//! Layouts need the neighbors of every vector. By the codes alone, they cost no reads, are the same on every machine, and differ from those of the
//! vectors only where two are about equally near (a cosine of codes is off by about a thousandth).

use std::sync::Arc;

use eidetic_domain::ImageId;
use eidetic_kernels::Kernel;
use rayon::prelude::*;

use crate::candidate_queue::Candidate;
use crate::codes::Codes;
use crate::graph::Graph;
use crate::graph_build::{GRAPH_THRESHOLD, GraphBuilder, OnStep};
use crate::{VectorIndex, VectorStore};

/// Size of the candidate queue of a graph search: recall@10 of images is above 0.99 (docs/decisions/0010).
const EF: usize = 64;
/// A graph that lacks more than one in this many vectors is built again rather than used: those are compared with every query.
const MAX_MISSING_ONE_IN: usize = 20;
/// Vectors whose neighbors are found between two reports.
const QUERIES_PER_STEP: usize = 1024;
/// Vectors that one scan of all codes serves: their codes fit into the first cache.
const QUERIES_PER_SCAN: usize = 16;

/// The codes of all vectors of a store at one moment, which are shared with the store rather than copied.
#[derive(Debug)]
pub struct NeighborFinder {
    codes: Codes,
    /// The graph, if it is used.
    graph: Option<Arc<Graph>>,
    images: Vec<(u32, ImageId)>,
    /// Places in `images` of vectors that are not in the graph.
    missing: Vec<u32>,
}

/// Places in the order of a [`NeighborFinder`], with cosine similarities, the most similar first.
pub type Neighbors = Vec<(u32, f32)>;

impl VectorStore {
    /// What finds the neighbors of all vectors while the store is searched and changed.
    pub fn neighbor_finder(&self) -> NeighborFinder {
        let images: Vec<(u32, ImageId)> = self.rows.live().map(|(row, image)| (row, *image)).collect();
        let is_missing = |row: u32| self.unindexed.contains(row);
        let missing = (0..).zip(&images).filter(|(_, (row, _))| is_missing(*row));
        NeighborFinder {
            codes: self.codes.clone(),
            graph: self.graph.clone(),
            missing: missing.map(|(place, _)| place).collect(),
            images,
        }
    }

    /// Number of live vectors, and their images joined by exclusive or: equal for equal sets of images.
    pub fn image_set(&self) -> (usize, [u8; 32]) {
        let mut joined = [0; 32];
        for (_, image) in self.rows.live() {
            for (joined, byte) in joined.iter_mut().zip(image.as_bytes()) {
                *joined ^= byte;
            }
        }
        (self.len(), joined)
    }
}

impl NeighborFinder {
    /// The images; their places in this list stand for them.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &ImageId> {
        self.images.iter().map(|(_, image)| image)
    }

    /// Number of components of a vector.
    pub const fn dimension(&self) -> usize {
        self.codes.quantizer().dimension()
    }

    /// Writes the vector of an image in rotated coordinates, up to a factor that all have: angles and principal components are those of the vectors.
    pub fn write_components(&self, place: usize, components: &mut [f32]) {
        let code = self.codes.row(self.images[place].0);
        for (component, code) in components.iter_mut().zip(code) {
            *component = f32::from(*code);
        }
    }

    /// Prepares for many queries: builds a graph where there is none that suffices, on the threads of the current pool. `None` if `on_step`,
    /// which is told the number of vectors in the graph, ended it.
    pub fn prepared(mut self, on_step: OnStep<'_>) -> Option<Self> {
        if self.images.len() <= GRAPH_THRESHOLD {
            self.graph = None;
            return Some(self);
        }
        let is_complete = self.missing.len() <= self.images.len() / MAX_MISSING_ONE_IN;
        if self.graph.is_none() || !is_complete {
            let builder = GraphBuilder::new(self.codes.clone(), self.images.clone());
            self.graph = Some(Arc::new(builder.build_on_current_pool(on_step)?.into_graph()));
            self.missing.clear();
        }
        Some(self)
    }

    /// The `k` most similar others of each of the images at `places`, on the threads of the current pool. `None` if `on_step`, which is told the
    /// number of images done, ended it.
    pub fn find(&self, places: &[u32], k: usize, on_step: OnStep<'_>) -> Option<Vec<Neighbors>> {
        let mut found = Vec::with_capacity(places.len());
        let places_of_rows = self.places_of_rows();
        for step in places.chunks(QUERIES_PER_STEP) {
            let of_block = |places: &[u32]| match &self.graph {
                Some(graph) => places
                    .iter()
                    .map(|place| self.search(graph, &places_of_rows, *place, k))
                    .collect(),
                None => self.scan(places, 0..self.images.len() as u32, k),
            };
            let blocks: Vec<Vec<Neighbors>> = step.par_chunks(QUERIES_PER_SCAN).map(of_block).collect();
            found.extend(blocks.into_iter().flatten());
            if on_step(found.len()).is_break() {
                return None;
            }
        }
        Some(found)
    }

    /// The `k` most similar ones among some images, compared one by one, of each of the images at `places`.
    pub fn find_among(&self, places: &[u32], among: &[u32], k: usize) -> Vec<Neighbors> {
        let blocks: Vec<Vec<Neighbors>> = places
            .par_chunks(QUERIES_PER_SCAN)
            .map(|places| self.scan(places, among.iter().copied(), k))
            .collect();
        blocks.into_iter().flatten().collect()
    }

    /// By row: its place in `images`; `u32::MAX` for rows that are not live.
    fn places_of_rows(&self) -> Vec<u32> {
        let end = self.images.last().map_or(0, |(row, _)| *row as usize + 1);
        let mut places = vec![u32::MAX; end];
        for (place, (row, _)) in (0..).zip(&self.images) {
            places[*row as usize] = place;
        }
        places
    }

    fn search(&self, graph: &Graph, places_of_rows: &[u32], place: u32, k: usize) -> Neighbors {
        let code = self.code(place);
        let ef = EF.max(2 * (k + 1));
        let mut nearest = Nearest::new(place, k);
        for Candidate { score, row } in graph.search(&self.codes, code, ef) {
            let other = places_of_rows.get(row as usize).copied().unwrap_or(u32::MAX);
            // A missing row may be the node of an image that was there before.
            if other != u32::MAX && self.missing.binary_search(&other).is_err() {
                nearest.push(other, score);
            }
        }
        for other in &self.missing {
            nearest.push(*other, Kernel::best().dot_i8(code, self.code(*other)));
        }
        self.cosines(nearest)
    }

    fn scan(&self, places: &[u32], among: impl Iterator<Item = u32>, k: usize) -> Vec<Neighbors> {
        let kernel = Kernel::best();
        let codes: Vec<&[i8]> = places.iter().map(|place| self.code(*place)).collect();
        let mut nearest: Vec<Nearest> = places.iter().map(|place| Nearest::new(*place, k)).collect();
        for other in among {
            let other_code = self.code(other);
            for (code, nearest) in codes.iter().zip(&mut nearest) {
                nearest.push(other, kernel.dot_i8(code, other_code));
            }
        }
        nearest.into_iter().map(|nearest| self.cosines(nearest)).collect()
    }

    fn code(&self, place: u32) -> &[i8] {
        self.codes.row(self.images[place as usize].0)
    }

    fn cosines(&self, nearest: Nearest) -> Neighbors {
        let kernel = Kernel::best();
        let length = |place: u32| {
            f64::from(kernel.dot_i8(self.code(place), self.code(place)))
                .sqrt()
                .max(1.0)
        };
        let own = length(nearest.place);
        let cosine =
            |score: i32, other: u32| (f64::from(score) / (own * length(other))).clamp(-1.0, 1.0) as f32;
        let best = nearest.best.into_iter();
        best.map(|(score, other)| (other, cosine(score, other))).collect()
    }
}

/// The best candidates of one query, the best first; of equal ones, those that are first in the list.
struct Nearest {
    place: u32,
    k: usize,
    best: Vec<(i32, u32)>,
}

impl Nearest {
    fn new(place: u32, k: usize) -> Self {
        Self {
            place,
            k,
            best: Vec::with_capacity(k + 1),
        }
    }

    #[inline]
    fn push(&mut self, other: u32, score: i32) {
        let is_full = self.best.len() == self.k;
        let ranks_before = |a: &(i32, u32)| a.0 > score || (a.0 == score && a.1 < other);
        if other == self.place || is_full && self.best.last().is_none_or(ranks_before) {
            return;
        }
        let at = self.best.partition_point(ranks_before);
        self.best.insert(at, (score, other));
        self.best.truncate(self.k);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::conformance::samples;
    use eidetic_domain::{Embedding, SpaceId};

    fn store(vectors: &[(ImageId, Embedding)]) -> (tempfile::TempDir, VectorStore) {
        let directory = tempfile::tempdir().unwrap();
        let space = SpaceId {
            model: "m".into(),
            revision: "1".into(),
            preprocessing: "none".into(),
            dimension: vectors[0].1.dimension(),
        };
        let (mut store, _) = VectorStore::open(directory.path(), &space, &[]).unwrap();
        store.upsert(vectors).unwrap();
        (directory, store)
    }

    fn never(_: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn all(finder: &NeighborFinder) -> Vec<u32> {
        (0..finder.images().len() as u32).collect()
    }

    #[test]
    fn scan_finds_nearest_by_vectors() {
        let vectors = samples(300, 96);
        let (_directory, mut store) = store(&vectors);
        store.remove(&[vectors[7].0]).unwrap();
        let finder = store.neighbor_finder().prepared(&never).unwrap();
        assert_eq!(finder.images().len(), 299);
        let found = finder.find(&all(&finder), 5, &never).unwrap();
        let images: Vec<ImageId> = finder.images().copied().collect();
        let (mut same, mut count) = (0, 0);
        for (place, neighbors) in found.iter().enumerate() {
            let own = store.vector(&images[place]).unwrap();
            let exact = store.search(&own, 6, None).unwrap();
            assert_eq!(neighbors.len(), 5);
            for (other, cosine) in neighbors {
                assert_ne!(*other as usize, place);
                let vector = store.vector(&images[*other as usize]).unwrap();
                assert!((f64::from(*cosine) - own.cosine(&vector)).abs() < 0.01);
                same += usize::from(exact.iter().any(|hit| hit.image == images[*other as usize]));
                count += 1;
            }
        }
        assert!(same * 100 >= count * 95, "{same} of {count}");
    }

    #[test]
    fn graph_and_scan_agree_and_skip_removed() {
        let vectors = samples(2_000, 64);
        let (_directory, mut store) = store(&vectors);
        store.install_graph(store.graph_builder().build());
        let removed: Vec<ImageId> = vectors[100..150].iter().map(|(image, _)| *image).collect();
        store.remove(&removed).unwrap();
        let added: Vec<(ImageId, Embedding)> = samples(2_030, 64)[2_000..].to_vec();
        store.upsert(&added).unwrap();
        let finder = store.neighbor_finder();
        assert_eq!((finder.missing.len(), finder.images().len()), (30, 1_980));
        let by_graph = finder.find(&all(&finder), 10, &never).unwrap();
        let by_scan = finder.find_among(&all(&finder), &all(&finder), 10);
        let (mut same, mut count) = (0, 0);
        for (graph, scan) in by_graph.iter().zip(&by_scan) {
            count += scan.len();
            same += scan
                .iter()
                .filter(|(other, _)| graph.iter().any(|(found, _)| found == other))
                .count();
        }
        assert!(same * 100 >= count * 98, "{same} of {count}");
    }

    #[test]
    fn finder_does_not_follow_store() {
        let vectors = samples(60, 32);
        let (_directory, mut store) = store(&vectors[..50]);
        let set = store.image_set();
        let finder = store.neighbor_finder().prepared(&never).unwrap();
        let before = finder.find(&[3], 4, &never);
        store.upsert(&vectors[50..]).unwrap();
        assert_ne!(store.image_set(), set);
        assert_eq!(finder.find(&[3], 4, &never), before);
        assert_eq!(finder.find(&[3], 4, &|_| ControlFlow::Break(())), None);
        store
            .remove(&vectors[50..].iter().map(|(image, _)| *image).collect::<Vec<_>>())
            .unwrap();
        assert_eq!(store.image_set(), set);
    }
}
