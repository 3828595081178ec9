//! `eidetic bench encode|decode|index|serve`

use std::path::Path;
use std::time::{Duration, Instant};

use eidetic_domain::SplitMix64;
use eidetic_encoder::{Encoder, Pixels};
use eidetic_vectors::bench::{FilterKind, IndexBench};
use image::RgbImage;
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{BenchArgs, BenchEncodeArgs, BenchIndexArgs, BenchSubject, Global};
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;

mod decode;
mod serve;

/// `eidetic bench`. All but `serve` print JSON in any case.
pub(crate) fn run(global: &Global, arguments: &BenchArgs) -> Result<Outcome, Failure> {
    match &arguments.subject {
        BenchSubject::Encode(encode) => bench_encode(encode),
        BenchSubject::Decode(decode) => decode::run(decode),
        BenchSubject::Index(index) => bench_index(index),
        BenchSubject::Serve(serve) => serve::run(global, serve),
    }
}

#[derive(Debug, Serialize)]
struct EncodeAnswer {
    images_per_second: f64,
    text_ms: f64,
    threads: u16,
    batch: u16,
    precision: &'static str,
    /// Median time of a batch of one image.
    image_ms: f64,
    /// From files on disk to a model in memory.
    load_s: f64,
    kernel: &'static str,
}

/// Every measurement runs at least this long and at least five times.
const MEASURE_TIME: Duration = Duration::from_secs(5);

fn bench_encode(arguments: &BenchEncodeArgs) -> Result<Outcome, Failure> {
    use_threads(arguments.threads)?;
    let (encoder, load_time) = ModelLoader::new(&arguments.options).timed_encoder(&arguments.model)?;
    let encoder = encoder.as_ref();
    let batch = noise(encoder, arguments.batch.into());
    let images = f64::from(arguments.batch);
    output::json(&EncodeAnswer {
        images_per_second: images / median_image_time(encoder, &batch)?.as_secs_f64(),
        text_ms: median_text_time(encoder)?.as_secs_f64() * 1e3,
        threads: arguments.threads,
        batch: arguments.batch,
        precision: arguments.options.precision().name(),
        image_ms: median_image_time(encoder, &batch[..1])?.as_secs_f64() * 1e3,
        load_s: load_time.as_secs_f64(),
        kernel: eidetic_inference::cpu_kernel(),
    })?;
    Ok(Outcome::Done)
}

fn median_image_time(encoder: &dyn Encoder, batch: &[Pixels]) -> anyhow::Result<Duration> {
    median_time(|| Ok(encoder.encode_pixels(batch).map(drop)?))
}

fn median_text_time(encoder: &dyn Encoder) -> anyhow::Result<Duration> {
    median_time(|| Ok(encoder.encode_texts(&["a photo of a cat"]).map(drop)?))
}

fn use_threads(threads: u16) -> Result<(), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.into())
        .build_global();
    pool.map_err(|error| Failure::could_not_run(format!("failed to start {threads} threads: {error}")))
}

/// Random images, since zeros could be faster than real images.
fn noise(encoder: &dyn Encoder, count: usize) -> Vec<Pixels> {
    let mut random = SplitMix64::new(1);
    let mut byte = move || random.next_u64() as u8;
    let mut image = || RgbImage::from_fn(256, 256, |_, _| image::Rgb([byte(), byte(), byte()]));
    (0..count).map(|_| encoder.preprocess(&image())).collect()
}

fn median_time(mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    run()?;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed() < MEASURE_TIME {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Sizes of the candidate list (`ef`) to measure.
const EF_VALUES: [usize; 6] = [16, 32, 64, 128, 256, 512];

fn bench_index(arguments: &BenchIndexArgs) -> Result<Outcome, Failure> {
    let dimension = arguments.dim as usize;
    let mut base = read_floats(&arguments.vectors, dimension)?;
    let queries = read_floats(&arguments.queries, dimension)?;
    if let Some(limit) = arguments.limit {
        base.truncate(limit.saturating_mul(dimension));
    }
    let invalid = |error: eidetic_vectors::IndexError| Failure::arguments(error.to_string());
    let threads = arguments.threads.into();
    let bench = IndexBench::new(&base, dimension, threads, &std::env::temp_dir()).map_err(invalid)?;
    let points = bench.points(&queries, &EF_VALUES).map_err(invalid)?;
    let filters = bench.filters(&queries).map_err(invalid)?;
    let filters = filters.iter().map(|point| FilterPoint {
        kept: filter_name(point.filter),
        share: point.share,
        recall: point.recall,
        queries_per_second: point.queries_per_second,
    });
    let points = points.iter().map(|point| Point {
        ef: point.ef,
        recall: point.recall,
        queries_per_second: point.queries_per_second,
    });
    output::json(&IndexAnswer {
        build_s: bench.build_seconds,
        bytes: bench.bytes,
        open_ms: bench.open_milliseconds,
        exact_ms: bench.exact_milliseconds(&queries).map_err(invalid)?,
        points: points.collect(),
        filters: filters.collect(),
    })?;
    Ok(Outcome::Done)
}

#[derive(Debug, Serialize)]
struct IndexAnswer {
    build_s: f64,
    bytes: u64,
    open_ms: f64,
    exact_ms: f64,
    points: Vec<Point>,
    filters: Vec<FilterPoint>,
}

/// Filtered searches with a library's default candidate list.
#[derive(Debug, Serialize)]
struct FilterPoint {
    /// What the filter keeps; `all` means no filter.
    kept: &'static str,
    share: f64,
    recall: f64,
    queries_per_second: f64,
}

const fn filter_name(filter: FilterKind) -> &'static str {
    match filter {
        FilterKind::None => "all",
        FilterKind::Random => "random",
        FilterKind::NearestToQuery => "nearest to the query",
        FilterKind::NearestToOther => "nearest to another vector",
        FilterKind::FarthestFromQuery => "farthest from the query",
    }
}

#[derive(Debug, Serialize)]
struct Point {
    ef: usize,
    recall: f64,
    queries_per_second: f64,
}

fn read_floats(path: &Path, dimension: usize) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    if bytes.is_empty() || bytes.len() % (4 * dimension) != 0 {
        return Err(Failure::in_file(
            path,
            format!(
                "{} bytes are not a whole number of vectors of dimension {dimension}",
                bytes.len()
            ),
        ));
    }
    Ok(bytes
        .as_chunks()
        .0
        .iter()
        .map(|&four| f32::from_le_bytes(four))
        .collect())
}
