//! How good and how fast the graph is on given vectors, against exact search.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use eidetic_domain::{Embedding, ImageId};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::graph::{Graph, GraphSource};
use crate::matrix::Matrix;
use crate::{IndexError, scan};

/// Neighbours asked for: recall is recall@10.
const K: usize = 10;

/// A graph on given vectors, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    /// Seconds that building the graph took.
    pub build_seconds: f64,
    /// Bytes of the graph's vectors and links.
    pub bytes: u64,
    /// Milliseconds of one exact search, one query at a time.
    pub exact_milliseconds: f64,
    /// One point for each number of candidates asked for, in order.
    pub points: Vec<BenchPoint>,
}

/// Searches of the graph that keep `ef` candidates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BenchPoint {
    /// Candidates kept (the paper's ef).
    pub ef: usize,
    /// Which part of the ten truly nearest was found, over all queries.
    pub recall: f64,
    /// Queries answered in a second by all threads together.
    pub queries_per_second: f64,
}

/// Builds a graph of `base` on `threads` threads and searches it for `queries`, once for each of `efs`.
///
/// `base` and `queries` hold vectors of `dimension` numbers one after the other, of any length but zero. An error where
/// they do not, or where a vector has no direction.
pub fn bench_points(
    base: &[f32],
    queries: &[f32],
    dimension: usize,
    threads: usize,
    efs: &[usize],
) -> Result<BenchReport, IndexError> {
    let (base, queries) = (unit_vectors(base, dimension)?, unit_vectors(queries, dimension)?);
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| IndexError::Io {
            path: "threads".into(),
            source: std::io::Error::other(error),
        })?;
    let source = source(&base, dimension);
    drop(base);

    let (exact_time, truth) = timed(|| exact(&source, &queries, &pool));
    let (build_time, graph) = timed(|| source.build_in(&pool));
    let points = efs
        .iter()
        .map(|&ef| point(&graph, &queries, &truth, ef, &pool))
        .collect();
    Ok(BenchReport {
        build_seconds: build_time.as_secs_f64(),
        bytes: bytes(&graph, dimension),
        exact_milliseconds: exact_time.as_secs_f64() * 1e3 / queries.len().max(1) as f64,
        points,
    })
}

fn unit_vectors(numbers: &[f32], dimension: usize) -> Result<Vec<Embedding>, IndexError> {
    let wrong = |found| IndexError::Dimension {
        expected: dimension,
        found,
    };
    if dimension == 0 {
        return Err(wrong(0));
    }
    numbers
        .chunks(dimension)
        .map(|vector| match Embedding::normalize(vector.to_vec()) {
            Ok(unit) if unit.dimension() == dimension => Ok(unit),
            Ok(short) => Err(wrong(short.dimension())),
            Err(_) => Err(wrong(0)),
        })
        .collect()
}

fn source(base: &[Embedding], dimension: usize) -> GraphSource {
    let mut matrix = Matrix::from_blocks(dimension, Vec::new());
    let place = |(row, vector): (usize, &Embedding)| {
        matrix.set(row, vector.as_slice());
        (row, ImageId::of(&row.to_le_bytes()))
    };
    let images = base.iter().enumerate().map(place).collect();
    GraphSource { matrix, images }
}

/// The truly nearest of each query.
fn exact(source: &GraphSource, queries: &[Embedding], pool: &ThreadPool) -> Vec<HashSet<ImageId>> {
    let image = |row: usize| source.images.get(row).map(|(_, image)| image);
    queries
        .iter()
        .map(|query| {
            let found = pool.install(|| scan::nearest(&source.matrix, query.as_slice(), K, image, None));
            found
                .into_sorted()
                .into_iter()
                .map(|neighbour| neighbour.image)
                .collect()
        })
        .collect()
}

fn point(
    graph: &Graph,
    queries: &[Embedding],
    truth: &[HashSet<ImageId>],
    ef: usize,
    pool: &ThreadPool,
) -> BenchPoint {
    let hits = |(query, truth): (&Embedding, &HashSet<ImageId>)| {
        let found = graph.candidates(query.as_slice(), ef.max(K)).take(K);
        found.filter(|image| truth.contains(image)).count()
    };
    let search_all = || queries.par_iter().zip(truth).map(hits).sum::<usize>();
    let (time, found) = timed(|| pool.install(search_all));
    let possible = truth.iter().map(HashSet::len).sum::<usize>();
    BenchPoint {
        ef,
        recall: found as f64 / possible.max(1) as f64,
        queries_per_second: queries.len() as f64 / time.as_secs_f64(),
    }
}

/// Vectors, and links of an address and a distance.
fn bytes(graph: &Graph, dimension: usize) -> u64 {
    let links: usize = (graph.hnsw().get_point_indexation().into_iter())
        .map(|point| point.get_neighborhood_id().iter().map(Vec::len).sum::<usize>())
        .sum();
    (graph.nodes().len() * dimension * size_of::<f32>() + links * (size_of::<usize>() + size_of::<f32>()))
        as u64
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}
