//! Compares the graph of this crate with `hnsw_rs` on the same seeded, clustered unit vectors, on one thread: build time,
//! recall@10 against exact search, and queries per second for several sizes of the candidate queue (ef).
//!
//! ```sh
//! cargo bench -p eidetic-vectors --bench hnsw
//! EIDETIC_BENCH_VECTORS=100000 EIDETIC_BENCH_DIMENSION=512 cargo bench -p eidetic-vectors --bench hnsw
//! ```
//!
//! `hnsw_rs` gets f32 vectors in memory and the dot product of `eidetic-kernels`. This crate's store searches 8-bit codes
//! and then reads and verifies the vectors of the best candidates from its file.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use std::time::Instant;

use eidetic_domain::SplitMix64;
use eidetic_vectors::bench::IndexBench;
use hnsw_rs::prelude::{Distance, Hnsw};

/// Neighbors per query.
const K: usize = 10;
/// Queries per measurement.
const QUERIES: usize = 1_000;
/// Number of clusters of the vectors.
const CLUSTERS: usize = 200;
/// Amplitude of the noise around the center of a cluster, relative to that of its components.
const NOISE: f32 = 0.9;
/// Sizes of the candidate queue. Both engines use at least about `K`; the store at least four times `K`.
const EFS: [usize; 5] = [40, 64, 96, 128, 256];
/// `hnsw_rs`: links per node and level (twice as many at level 0), levels, and queue size while building.
const M: usize = 16;
const MAX_LAYERS: usize = 16;
const EF_CONSTRUCTION: usize = 200;
/// The store scans all codes, on all threads, if a search with the largest ef would compare most of the rows.
const MIN_VECTORS: usize = 16_384;

/// One line of the table.
struct Measurement {
    ef: usize,
    recall: f64,
    queries_per_second: f64,
}

fn main() {
    // `cargo test --benches` runs this without the flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let vectors = from_environment("EIDETIC_BENCH_VECTORS", 20_000).max(MIN_VECTORS);
    let dimension = from_environment("EIDETIC_BENCH_DIMENSION", 256);
    println!("{vectors} vectors of dimension {dimension}, {QUERIES} queries, k = {K}, one thread");
    let base = clustered(vectors, dimension, 1);
    let queries = clustered(QUERIES, dimension, 2);

    let (seconds, measurements) = measure_store(&base, &queries, dimension);
    print_table("eidetic-vectors", seconds, &measurements);
    let (seconds, measurements) = measure_hnsw_rs(&base, &queries, dimension);
    print_table("hnsw_rs", seconds, &measurements);
}

fn from_environment(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .unwrap_or_else(|error| panic!("{name}={value}: expected a number ({error})")),
        Err(_) => default,
    }
}

/// `count` unit vectors around [`CLUSTERS`] centers, which are the same for all seeds.
fn clustered(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let (mut center, mut noise) = (SplitMix64::new(0), SplitMix64::new(seed));
    let centers: Vec<f32> = (0..CLUSTERS * dimension).map(|_| center.signed_unit()).collect();
    let mut vectors = Vec::with_capacity(count * dimension);
    for _ in 0..count {
        let cluster = (noise.signed_unit().abs() * CLUSTERS as f32) as usize % CLUSTERS;
        let center = &centers[cluster * dimension..][..dimension];
        let vector: Vec<f32> = center.iter().map(|c| c + NOISE * noise.signed_unit()).collect();
        let norm = eidetic_kernels::dot(&vector, &vector).sqrt();
        vectors.extend(vector.iter().map(|component| component / norm));
    }
    vectors
}

fn measure_store(base: &[f32], queries: &[f32], dimension: usize) -> (f64, Vec<Measurement>) {
    let bench = IndexBench::new(base, dimension, 1, &std::env::temp_dir()).expect("the store is built");
    let points = bench.points(queries, &EFS).expect("the store is searched");
    let measurements = points.iter().map(|point| Measurement {
        ef: point.ef,
        recall: point.recall,
        queries_per_second: point.queries_per_second,
    });
    (bench.build_seconds, measurements.collect())
}

/// 1 − dot product.
struct DotDistance;

impl Distance<f32> for DotDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        // `hnsw_rs` expects distances that are not negative, and rounding can make a product exceed 1.
        (1.0 - eidetic_kernels::dot(a, b)).max(0.0)
    }
}

fn measure_hnsw_rs(base: &[f32], queries: &[f32], dimension: usize) -> (f64, Vec<Measurement>) {
    let start = Instant::now();
    let mut graph = Hnsw::new(
        M,
        base.len() / dimension,
        MAX_LAYERS,
        EF_CONSTRUCTION,
        DotDistance,
    );
    for (id, vector) in base.chunks_exact(dimension).enumerate() {
        graph.insert((vector, id));
    }
    graph.set_searching_mode(true);
    let seconds = start.elapsed().as_secs_f64();

    let truth: Vec<f32> = queries
        .chunks_exact(dimension)
        .map(|query| kth_best_score(base, query))
        .collect();
    let measure = |ef| {
        let start = Instant::now();
        let found: Vec<_> = queries
            .chunks_exact(dimension)
            .map(|query| graph.search(query, K, ef))
            .collect();
        let queries_per_second = QUERIES as f64 / start.elapsed().as_secs_f64();
        let mut near = 0;
        for ((query, found), kth) in queries.chunks_exact(dimension).zip(&found).zip(&truth) {
            let vector = |id: usize| &base[id * dimension..][..dimension];
            near += found
                .iter()
                .filter(|neighbor| eidetic_kernels::dot(query, vector(neighbor.d_id)) >= *kth)
                .count();
        }
        Measurement {
            ef,
            recall: near as f64 / (QUERIES * K) as f64,
            queries_per_second,
        }
    };
    (seconds, EFS.map(measure).into())
}

/// The score of the K-th nearest vector, by exact search.
fn kth_best_score(base: &[f32], query: &[f32]) -> f32 {
    let vectors = base.chunks_exact(query.len());
    let mut scores: Vec<f32> = vectors
        .map(|vector| eidetic_kernels::dot(query, vector))
        .collect();
    let (_, kth, _) = scores.select_nth_unstable_by(K - 1, |a, b| b.total_cmp(a));
    *kth
}

fn print_table(engine: &str, build_seconds: f64, measurements: &[Measurement]) {
    println!("\n{engine}: built in {build_seconds:.1} s");
    println!("{:>6} {:>10} {:>12}", "ef", "recall@10", "queries/s");
    for point in measurements {
        println!(
            "{:>6} {:>10.4} {:>12.0}",
            point.ef, point.recall, point.queries_per_second
        );
    }
}
