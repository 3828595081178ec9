//! How good and how fast a store is on given vectors, against exact search.

use std::path::{Path, PathBuf};
use std::time::Instant;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_kernels::CacheLine;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::quantizer::mix;
use crate::store::How;
use crate::{IndexError, Neighbour, RowSet, VectorIndex, VectorStore};

/// Neighbours asked for: recall is recall@10.
const K: usize = 10;
/// Vectors added between commits.
const BATCH: usize = 4_096;
/// Queries that filters are measured with; each has filters of its own.
const FILTERED_QUERIES: usize = 100;
/// Queries that are answered by comparing every code.
const EXACT_QUERIES: usize = 20;
/// Which parts of the vectors filters keep.
const SHARES: [f64; 3] = [0.5, 0.05, 0.001];

/// A store of given vectors in a folder of its own, which goes when this does.
pub struct Bench {
    /// Seconds that building the graph took.
    pub build_seconds: f64,
    /// Milliseconds that opening the store with its graph took.
    pub open_milliseconds: f64,
    /// Bytes of memory that codes and graph take.
    pub bytes: u64,
    store: VectorStore,
    pool: ThreadPool,
    dimension: usize,
    _folder: Folder,
}

/// Searches that keep `ef` candidates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BenchPoint {
    /// Candidates kept (the paper's ef).
    pub ef: usize,
    /// Which part of the ten truly nearest was found, over all queries.
    pub recall: f64,
    /// Queries answered in a second by all threads together.
    pub queries_per_second: f64,
}

/// Searches with filters of one kind, as a library makes them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilterPoint {
    /// What the kept rows have to do with the query.
    pub kept: Kept,
    /// Which part of the rows is kept.
    pub share: f64,
    /// Which part of the ten truly nearest among them was found, over all queries.
    pub recall: f64,
    /// Queries answered in a second, one at a time.
    pub queries_per_second: f64,
}

/// What the rows that a filter keeps have to do with the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// There is no filter.
    All,
    /// Nothing.
    AtRandom,
    /// They are the nearest to it.
    Near,
    /// They are the nearest to one of the vectors, whatever the query is.
    Elsewhere,
    /// They are the farthest from it: the hardest, since no way leads to the nearest of them.
    Far,
}

impl Bench {
    /// Makes a store of `base` in a folder of `scratch`, builds its graph on `threads` threads, and opens it anew.
    ///
    /// `base` and all queries hold vectors of `dimension` numbers one after the other, of any length but zero. An error
    /// where they do not, or where a vector has no direction.
    pub fn new(base: &[f32], dimension: usize, threads: usize, scratch: &Path) -> Result<Self, IndexError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| failed("threads".into(), std::io::Error::other(error)))?;
        let folder = Folder::new(scratch)?;
        let (build_seconds, live) = pool.install(|| build(base, dimension, &folder, &pool))?;
        let start = Instant::now();
        let (store, _) = pool.install(|| VectorStore::open(&folder.0, &space(dimension), &live))?;
        Ok(Self {
            build_seconds,
            open_milliseconds: milliseconds(start),
            bytes: store.memory(),
            store,
            pool,
            dimension,
            _folder: folder,
        })
    }

    /// Searches for the queries on all threads, once for each number of candidates.
    pub fn points(&self, queries: &[f32], efs: &[usize]) -> Result<Vec<BenchPoint>, IndexError> {
        let queries = unit_vectors(queries, self.dimension)?;
        let truth = self.store.exactly(&queries, &[None], K)?;
        efs.iter()
            .map(|&ef| point(&self.store, &queries, &truth, ef, &self.pool))
            .collect()
    }

    /// Searches for the first queries with filters of several kinds, one at a time, beside unfiltered searches.
    pub fn filters(&self, queries: &[f32]) -> Result<Vec<FilterPoint>, IndexError> {
        let some = &queries[..queries.len().min(FILTERED_QUERIES * self.dimension)];
        let queries = unit_vectors(some, self.dimension)?;
        let mut points = vec![filter_point(&self.store, &queries, Kept::All, 1.0)?];
        for kept in [Kept::AtRandom, Kept::Near, Kept::Elsewhere, Kept::Far] {
            for share in SHARES {
                points.push(filter_point(&self.store, &queries, kept, share)?);
            }
        }
        Ok(points)
    }

    /// Milliseconds of one search that compares every code, one query at a time.
    pub fn exact_milliseconds(&self, queries: &[f32]) -> Result<f64, IndexError> {
        let some = &queries[..queries.len().min(EXACT_QUERIES * self.dimension)];
        let queries = unit_vectors(some, self.dimension)?;
        let start = Instant::now();
        for query in &queries {
            self.store.search_by(How::Scan, query, K, None)?;
        }
        Ok(milliseconds(start) / queries.len().max(1) as f64)
    }
}

/// A folder that goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn new(scratch: &Path) -> Result<Self, IndexError> {
        let path = scratch.join(format!("eidetic-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|source| failed(path.clone(), source))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the bench's folder stays");
        }
    }
}

fn failed(path: PathBuf, source: std::io::Error) -> IndexError {
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

/// Writes the vectors and a graph of them; how long the graph took, and what a catalog would say.
fn build(
    base: &[f32],
    dimension: usize,
    folder: &Folder,
    pool: &ThreadPool,
) -> Result<(f64, Vec<(RowId, ImageId)>), IndexError> {
    let (mut store, _) = VectorStore::open(&folder.0, &space(dimension), &[])?;
    for (batch, numbers) in base.chunks((BATCH * dimension).max(1)).enumerate() {
        let vectors = unit_vectors(numbers, dimension)?;
        let images = (batch * BATCH..).map(|row| ImageId::of(&row.to_le_bytes()));
        store.upsert(&images.zip(vectors).collect::<Vec<_>>())?;
        store.commit()?;
    }
    let start = Instant::now();
    let built = store.graph_source().build_in(pool);
    let build_seconds = start.elapsed().as_secs_f64();
    store.install_graph(built);
    if let Some(unsaved) = store.unsaved() {
        unsaved.save()?;
    }
    Ok((build_seconds, store.live().collect()))
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

fn point(
    store: &VectorStore,
    queries: &[Embedding],
    truth: &[Vec<Vec<Neighbour>>],
    ef: usize,
    pool: &ThreadPool,
) -> Result<BenchPoint, IndexError> {
    let start = Instant::now();
    let search = |query: &Embedding| store.search_by(How::Walk { candidates: ef }, query, K, None);
    let found: Vec<Vec<Neighbour>> =
        pool.install(|| queries.par_iter().map(search).collect::<Result<_, _>>())?;
    let seconds = start.elapsed().as_secs_f64();
    let mut recall = crate::Recall::default();
    for (found, truth) in found.iter().zip(truth) {
        recall.count(found, &truth[0]);
    }
    Ok(BenchPoint {
        ef,
        recall: recall.share(),
        queries_per_second: queries.len() as f64 / seconds,
    })
}

fn filter_point(
    store: &VectorStore,
    queries: &[Embedding],
    kept: Kept,
    share: f64,
) -> Result<FilterPoint, IndexError> {
    let pivots = store.sample(queries.len());
    let filters: Vec<_> = queries
        .iter()
        .zip(pivots.iter().cycle())
        .map(|pair| filter(store, pair, kept, share))
        .collect();
    let mut truth = Vec::new();
    for (query, filter) in queries.iter().zip(&filters) {
        truth.push(store.search_by(How::Scan, query, K, filter.as_ref())?);
    }
    let start = Instant::now();
    let found = queries
        .iter()
        .zip(&filters)
        .map(|(query, filter)| store.search(query, K, filter.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let mut recall = crate::Recall::default();
    for (found, truth) in found.iter().zip(&truth) {
        recall.count(found, truth);
    }
    Ok(FilterPoint {
        kept,
        share,
        recall: recall.share(),
        queries_per_second: queries.len() as f64 / seconds,
    })
}

/// The rows that a filter keeps.
fn filter(
    store: &VectorStore,
    (query, pivot): (&Embedding, &Embedding),
    kept: Kept,
    share: f64,
) -> Option<RowSet> {
    let code = store
        .codes
        .encode(if kept == Kept::Elsewhere { pivot } else { query }.as_slice());
    let score = |row| {
        i64::from(eidetic_kernels::dot_i8(
            CacheLine::codes(&code),
            store.codes.row(row),
        ))
    };
    let rank = |row| match kept {
        Kept::All | Kept::AtRandom => mix(u64::from(row) << 32 | 0x66) as i64,
        Kept::Near | Kept::Elsewhere => -score(row),
        Kept::Far => score(row),
    };
    if kept == Kept::All {
        return None;
    }
    let mut ranked: Vec<(i64, u32)> = store
        .rows
        .live_rows()
        .iter()
        .map(|row| (rank(row), row))
        .collect();
    let count = ((ranked.len() as f64 * share) as usize).min(ranked.len().saturating_sub(1));
    ranked.select_nth_unstable(count);
    let rows = ranked[..count].iter().map(|&(_, row)| RowId(row.into()));
    Some(RowSet::below(store.end(), rows))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
