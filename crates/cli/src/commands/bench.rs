use std::path::Path;
use std::time::{Duration, Instant};

use eidetic_domain::{Precision, SplitMix64};
use eidetic_encoder::{Encoder, Pixels};
use eidetic_encoder_candle::{Model, ModelRef, Opening, open, prepare};
use eidetic_library::Loading;
use eidetic_vectors::Kept;
use image::RgbImage;
use serde::Serialize;

use crate::Outcome;
use crate::arguments::{Bench, BenchEncode, BenchIndex, BenchSubject};
use crate::failure::Failure;
use crate::output;
use crate::progress::DownloadBar;

mod decode;

/// `eidetic bench`: JSON, because figures are for tables.
pub(crate) fn run(arguments: &Bench) -> Result<Outcome, Failure> {
    match &arguments.subject {
        BenchSubject::Encode(encode) => bench_encode(encode),
        BenchSubject::Decode(decode) => decode::run(decode),
        BenchSubject::Index(index) => bench_index(index),
    }
}

#[derive(Debug, Serialize)]
struct EncodeFigures {
    images_per_second: f64,
    text_ms: f64,
    threads: u16,
    batch: u16,
    precision: &'static str,
    /// Median time of one picture alone.
    image_ms: f64,
    /// Pictures a second if nothing but the matrix products of a batch had to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    products_images_per_second: Option<f64>,
    load_s: f64,
    kernel: &'static str,
}

/// Model runs timed: as many as fit in this time, but at least five.
const MEASURE_FOR: Duration = Duration::from_secs(5);

fn bench_encode(arguments: &BenchEncode) -> Result<Outcome, Failure> {
    use_threads(arguments.threads)?;
    let precision = arguments.precision.into();
    let loading = Instant::now();
    let encoder = load(&arguments.model, precision, (&arguments.loading).into())?;
    let load_s = loading.elapsed().as_secs_f64();
    let batch = noise(&encoder, arguments.batch.into());
    let pictures = f64::from(arguments.batch);
    output::json(&EncodeFigures {
        images_per_second: pictures / median_of_pictures(&encoder, &batch)?.as_secs_f64(),
        text_ms: median_of_text(&encoder)?.as_secs_f64() * 1e3,
        threads: arguments.threads,
        batch: arguments.batch,
        precision: precision.name(),
        image_ms: median_of_pictures(&encoder, &batch[..1])?.as_secs_f64() * 1e3,
        products_images_per_second: products_alone(&encoder, batch.len())
            .map(|time| pictures / time.as_secs_f64()),
        load_s,
        kernel: eidetic_encoder_candle::cpu_kernel(),
    })?;
    Ok(Outcome::Done)
}

fn load(model: &ModelRef, precision: Precision, loading: Loading) -> Result<Model, Failure> {
    let (hub, bar) = (loading.hub(), DownloadBar::default());
    let opening = Opening {
        precision,
        device: loading.device,
        memory: loading.memory,
        hub: &hub,
        progress: &bar,
    };
    let engine = loading.device.engine(precision);
    let loaded = prepare(model, &opening).and_then(|()| open(model, engine, &hub, &bar));
    Ok(loaded.map_err(anyhow::Error::from)?)
}

fn median_of_pictures(encoder: &Model, batch: &[Pixels]) -> anyhow::Result<Duration> {
    median_time(|| Ok(encoder.encode_pixels(batch).map(drop)?))
}

fn median_of_text(encoder: &Model) -> anyhow::Result<Duration> {
    median_time(|| Ok(encoder.encode_texts(&["a photo of a cat"]).map(drop)?))
}

fn products_alone(encoder: &Model, pictures: usize) -> Option<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed() < MEASURE_FOR {
        times.push(encoder.products_alone(pictures)?);
    }
    times.sort_unstable();
    Some(times[times.len() / 2])
}

fn use_threads(threads: u16) -> Result<(), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.into())
        .build_global();
    pool.map_err(|error| Failure::could_not_run(format!("{threads} threads cannot be started: {error}")))
}

/// Pictures whose content does not matter; zeros could be faster than pictures are.
fn noise(encoder: &dyn Encoder, count: usize) -> Vec<Pixels> {
    let mut random = SplitMix64::new(1);
    let mut byte = move || random.next_u64() as u8;
    let mut picture = || RgbImage::from_fn(256, 256, |_, _| image::Rgb([byte(), byte(), byte()]));
    (0..count).map(|_| encoder.preprocess(&picture())).collect()
}

fn median_time(mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    run()?;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed() < MEASURE_FOR {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Sizes of the candidate list to measure at.
const EFS: [usize; 6] = [16, 32, 64, 128, 256, 512];

fn bench_index(arguments: &BenchIndex) -> Result<Outcome, Failure> {
    let dimension = arguments.dim as usize;
    let mut base = read_floats(&arguments.vectors, dimension)?;
    let queries = read_floats(&arguments.queries, dimension)?;
    if let Some(limit) = arguments.limit {
        base.truncate(limit.saturating_mul(dimension));
    }
    let refused = |error: eidetic_vectors::IndexError| Failure::arguments(error.to_string());
    let threads = arguments.threads.into();
    let bench =
        eidetic_vectors::Bench::new(&base, dimension, threads, &std::env::temp_dir()).map_err(refused)?;
    let points = bench.points(&queries, &EFS).map_err(refused)?;
    let filters = bench.filters(&queries).map_err(refused)?;
    let filters = filters.iter().map(|point| FilterFigures {
        kept: kept_name(point.kept),
        share: point.share,
        recall: point.recall,
        queries_per_second: point.queries_per_second,
    });
    let points = points.iter().map(|point| Point {
        ef: point.ef,
        recall: point.recall,
        queries_per_second: point.queries_per_second,
    });
    output::json(&IndexFigures {
        build_s: bench.build_seconds,
        bytes: bench.bytes,
        open_ms: bench.open_milliseconds,
        exact_ms: bench.exact_milliseconds(&queries).map_err(refused)?,
        points: points.collect(),
        filters: filters.collect(),
    })?;
    Ok(Outcome::Done)
}

#[derive(Debug, Serialize)]
struct IndexFigures {
    build_s: f64,
    bytes: u64,
    open_ms: f64,
    exact_ms: f64,
    points: Vec<Point>,
    filters: Vec<FilterFigures>,
}

/// Searches with the candidates that a library keeps, one at a time.
#[derive(Debug, Serialize)]
struct FilterFigures {
    /// `all` is without a filter.
    kept: &'static str,
    share: f64,
    recall: f64,
    queries_per_second: f64,
}

const fn kept_name(kept: Kept) -> &'static str {
    match kept {
        Kept::All => "all",
        Kept::AtRandom => "random",
        Kept::Near => "nearest to the query",
        Kept::Elsewhere => "nearest to another vector",
        Kept::Far => "farthest from the query",
    }
}

#[derive(Debug, Serialize)]
struct Point {
    ef: usize,
    recall: f64,
    queries_per_second: f64,
}

fn read_floats(path: &Path, dimension: usize) -> Result<Vec<f32>, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    if bytes.is_empty() || bytes.len() % (4 * dimension) != 0 {
        return Err(refused(format!(
            "{} bytes are no whole number of {dimension}-d vectors",
            bytes.len()
        )));
    }
    Ok(bytes
        .as_chunks()
        .0
        .iter()
        .map(|&four| f32::from_le_bytes(four))
        .collect())
}
