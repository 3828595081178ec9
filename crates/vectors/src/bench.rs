//! Measures a store on given vectors: build time, size, recall and throughput.

use std::path::{Path, PathBuf};
use std::time::Instant;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_kernels::CacheLine;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::quantizer::mix;
use crate::store::SearchMode;
use crate::{IndexError, Neighbor, Recall, RowSet, VectorIndex, VectorStore};

/// Neighbors per query: recall is recall@10.
const K: usize = 10;
/// Vectors added between commits.
const BATCH: usize = 4_096;
/// Number of queries for searches with filters. Each query has its own filters.
const FILTERED_QUERIES: usize = 100;
/// Number of queries for searches that compare all codes.
const SCAN_QUERIES: usize = 20;
/// Shares of the vectors that filters select.
const SHARES: [f64; 3] = [0.5, 0.05, 0.001];

/// A store of given vectors in a temporary directory, which is removed on drop.
pub struct IndexBench {
    /// Seconds to build the graph.
    pub build_seconds: f64,
    /// Milliseconds to open the store with its graph.
    pub open_milliseconds: f64,
    /// Size in memory of codes and graph.
    pub bytes: u64,
    store: VectorStore,
    pool: ThreadPool,
    dimension: usize,
    _directory: BenchDirectory,
}

/// Result of searches with one size of the candidate queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EfMeasurement {
    /// Size of the candidate queue.
    pub ef: usize,
    /// Recall@10 over all queries.
    pub recall: f64,
    /// Queries per second of all threads together.
    pub queries_per_second: f64,
}

/// Result of searches with one kind of filter, run as a library runs them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterMeasurement {
    /// The kind of filter.
    pub filter: FilterKind,
    /// Share of the rows that the filter selects.
    pub share: f64,
    /// Recall@10 among the selected rows, over all queries.
    pub recall: f64,
    /// Queries per second, one at a time.
    pub queries_per_second: f64,
}

/// How the rows of a filter are related to the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKind {
    /// No filter.
    None,
    /// Random rows.
    Random,
    /// The rows nearest to the query.
    NearestToQuery,
    /// The rows nearest to an unrelated vector.
    NearestToOther,
    /// The rows farthest from the query: the hardest case, since the graph has no path to the nearest of them.
    FarthestFromQuery,
}

impl IndexBench {
    /// Creates a store of `base` in a subdirectory of `scratch`, builds its graph on `threads` threads, and reopens it.
    ///
    /// `base` and all queries consist of vectors of `dimension` numbers each, which are normalized. Fails if the length is
    /// not a multiple of `dimension` or a vector is zero or not finite.
    pub fn new(base: &[f32], dimension: usize, threads: usize, scratch: &Path) -> Result<Self, IndexError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| io_error("threads".into(), std::io::Error::other(error)))?;
        let directory = BenchDirectory::create(scratch)?;
        let (build_seconds, live) = pool.install(|| build(base, dimension, &directory, &pool))?;
        let start = Instant::now();
        let (store, _) = pool.install(|| VectorStore::open(&directory.0, &space(dimension), &live))?;
        Ok(Self {
            build_seconds,
            open_milliseconds: milliseconds(start),
            bytes: store.memory(),
            store,
            pool,
            dimension,
            _directory: directory,
        })
    }

    /// Runs the queries on all threads, once per size of the candidate queue.
    pub fn points(&self, queries: &[f32], efs: &[usize]) -> Result<Vec<EfMeasurement>, IndexError> {
        let queries = unit_vectors(queries, self.dimension)?;
        let truth = self.store.exact_scores(&queries, &[None], K)?;
        efs.iter()
            .map(|&ef| self.measure_ef(&queries, &truth, ef))
            .collect()
    }

    /// Runs the first queries with filters of all kinds, one at a time, and without a filter for comparison.
    pub fn filters(&self, queries: &[f32]) -> Result<Vec<FilterMeasurement>, IndexError> {
        let queries = self.first_queries(queries, FILTERED_QUERIES)?;
        let mut points = vec![self.measure_filter(&queries, FilterKind::None, 1.0)?];
        for kind in [
            FilterKind::Random,
            FilterKind::NearestToQuery,
            FilterKind::NearestToOther,
            FilterKind::FarthestFromQuery,
        ] {
            for share in SHARES {
                points.push(self.measure_filter(&queries, kind, share)?);
            }
        }
        Ok(points)
    }

    /// Milliseconds of a search that compares all codes, one query at a time.
    pub fn exact_milliseconds(&self, queries: &[f32]) -> Result<f64, IndexError> {
        let queries = self.first_queries(queries, SCAN_QUERIES)?;
        let start = Instant::now();
        for query in &queries {
            self.store.search_by(SearchMode::Scan, query, K, None)?;
        }
        Ok(milliseconds(start) / queries.len().max(1) as f64)
    }

    fn first_queries(&self, queries: &[f32], count: usize) -> Result<Vec<Embedding>, IndexError> {
        let numbers = queries.len().min(count * self.dimension);
        unit_vectors(&queries[..numbers], self.dimension)
    }

    fn measure_ef(
        &self,
        queries: &[Embedding],
        truth: &[Vec<Vec<f32>>],
        ef: usize,
    ) -> Result<EfMeasurement, IndexError> {
        let search = |query: &Embedding| self.store.search_by(SearchMode::Auto { ef }, query, K, None);
        let start = Instant::now();
        let found: Vec<Vec<Neighbor>> = self
            .pool
            .install(|| queries.par_iter().map(search).collect::<Result<_, _>>())?;
        let seconds = start.elapsed().as_secs_f64();
        let mut recall = Recall::default();
        for (found, truth) in found.iter().zip(truth) {
            recall.count(found, &truth[0]);
        }
        Ok(EfMeasurement {
            ef,
            recall: recall.ratio(),
            queries_per_second: queries.len() as f64 / seconds,
        })
    }

    fn measure_filter(
        &self,
        queries: &[Embedding],
        kind: FilterKind,
        share: f64,
    ) -> Result<FilterMeasurement, IndexError> {
        let others = self.store.sample(queries.len());
        let filters: Vec<_> = queries
            .iter()
            .zip(others.iter().cycle())
            .map(|(query, other)| filter_rows(&self.store, query, other, kind, share))
            .collect();
        let mut truth = Vec::new();
        for (query, filter) in queries.iter().zip(&filters) {
            let nearest = self
                .store
                .search_by(SearchMode::Scan, query, K, filter.as_ref())?;
            truth.push(
                nearest
                    .iter()
                    .map(|neighbor| neighbor.score)
                    .collect::<Vec<f32>>(),
            );
        }
        let start = Instant::now();
        let found = queries
            .iter()
            .zip(&filters)
            .map(|(query, filter)| self.store.search(query, K, filter.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let seconds = start.elapsed().as_secs_f64();
        let mut recall = Recall::default();
        for (found, truth) in found.iter().zip(&truth) {
            recall.count(found, truth);
        }
        Ok(FilterMeasurement {
            filter: kind,
            share,
            recall: recall.ratio(),
            queries_per_second: queries.len() as f64 / seconds,
        })
    }
}

/// A directory that is removed on drop.
struct BenchDirectory(PathBuf);

impl BenchDirectory {
    fn create(scratch: &Path) -> Result<Self, IndexError> {
        let path = scratch.join(format!("eidetic-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|source| io_error(path.clone(), source))?;
        Ok(Self(path))
    }
}

impl Drop for BenchDirectory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(directory = %self.0.display(), %error, "cannot remove the directory of the benchmark");
        }
    }
}

fn io_error(path: PathBuf, source: std::io::Error) -> IndexError {
    IndexError::Io { path, source }
}

fn space(dimension: usize) -> SpaceId {
    SpaceId {
        model: "bench".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension,
    }
}

/// Writes the vectors and their graph. Returns the seconds that the graph took, and the rows to open the store with.
fn build(
    base: &[f32],
    dimension: usize,
    directory: &BenchDirectory,
    pool: &ThreadPool,
) -> Result<(f64, Vec<(RowId, ImageId)>), IndexError> {
    let (mut store, _) = VectorStore::open(&directory.0, &space(dimension), &[])?;
    for (batch, numbers) in base.chunks((BATCH * dimension).max(1)).enumerate() {
        let vectors = unit_vectors(numbers, dimension)?;
        let images = (batch * BATCH..).map(|row| ImageId::of(&row.to_le_bytes()));
        store.upsert(&images.zip(vectors).collect::<Vec<_>>())?;
        store.commit()?;
    }
    let start = Instant::now();
    let built = store.graph_builder().build_in(pool);
    let build_seconds = start.elapsed().as_secs_f64();
    store.install_graph(built);
    if let Some(pending) = store.pending_snapshot() {
        pending.save()?;
    }
    Ok((build_seconds, store.live().collect()))
}

fn unit_vectors(numbers: &[f32], dimension: usize) -> Result<Vec<Embedding>, IndexError> {
    let mismatch = |found| IndexError::DimensionMismatch {
        expected: dimension,
        found,
    };
    if dimension == 0 {
        return Err(mismatch(0));
    }
    numbers
        .chunks(dimension)
        .map(|vector| match Embedding::normalize(vector.to_vec()) {
            Ok(unit) if unit.dimension() == dimension => Ok(unit),
            Ok(short) => Err(mismatch(short.dimension())),
            Err(_) => Err(mismatch(0)),
        })
        .collect()
}

/// The rows that a filter selects; `other` is the unrelated vector.
fn filter_rows(
    store: &VectorStore,
    query: &Embedding,
    other: &Embedding,
    kind: FilterKind,
    share: f64,
) -> Option<RowSet> {
    let reference = match kind {
        FilterKind::NearestToOther => other,
        _ => query,
    };
    let code = store.codes.encode(reference.as_slice());
    let score = |row| {
        let product = eidetic_kernels::dot_i8(CacheLine::codes(&code), store.codes.row(row));
        i64::from(product)
    };
    let rank = |row| match kind {
        FilterKind::None | FilterKind::Random => mix(u64::from(row) << 32 | 0x66) as i64,
        FilterKind::NearestToQuery | FilterKind::NearestToOther => -score(row),
        FilterKind::FarthestFromQuery => score(row),
    };
    if kind == FilterKind::None {
        return None;
    }
    let live = store.rows.live_rows().iter();
    let mut ranked: Vec<(i64, u32)> = live.map(|row| (rank(row), row)).collect();
    let count = ((ranked.len() as f64 * share) as usize).min(ranked.len().saturating_sub(1));
    ranked.select_nth_unstable(count);
    let rows = ranked[..count].iter().map(|&(_, row)| RowId(row.into()));
    Some(RowSet::below(store.end(), rows))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
