//! `eidetic bench decode`: the stages before the model, on one thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eidetic_domain::ImageId;
use eidetic_encoder::Encoder;
use eidetic_imaging::{
    DecodeLimits, DecodeSize, DecodedImage, FileKind, HEAD_LENGTH, ThumbnailStore, classify, decode,
    decode_at_least,
};
use serde::Serialize;

use crate::Outcome;
use crate::arguments::BenchDecodeArgs;
use crate::failure::Failure;
use crate::load_model::ModelLoader;
use crate::output;

/// The JSON of `eidetic bench decode`: means over all images, in milliseconds.
#[derive(Debug, Default, Serialize)]
struct DecodeAnswer {
    #[serde(rename = "pictures")]
    images: u32,
    read_ms: f64,
    hash_ms: f64,
    decode_ms: f64,
    thumbnail_ms: f64,
    preprocess_ms: f64,
    total_ms: f64,
    images_per_second: f64,
    /// Files that could not be decoded.
    refused: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    full: Option<FullSize>,
}

/// Comparison with decoding at full size.
#[derive(Debug, Serialize)]
struct FullSize {
    decode_ms: f64,
    thumbnail_ms: f64,
    preprocess_ms: f64,
    /// Images that were decoded at a reduced size.
    scaled: u32,
    least_cosine: f64,
    mean_cosine: f64,
}

/// Time spent in each stage.
#[derive(Default)]
struct Stages {
    read: Duration,
    hash: Duration,
    decode: Duration,
    thumbnail: Duration,
    preprocess: Duration,
}

pub(super) fn run(arguments: &BenchDecodeArgs) -> Result<Outcome, Failure> {
    let encoder = ModelLoader::new(&arguments.options).encoder(&arguments.model)?;
    let encoder = encoder.as_ref();
    let files = image_files(&arguments.folder)?;
    let mut figures = measure(encoder, &files)?;
    if arguments.compare {
        figures.full = Some(compare(encoder, &files)?);
    }
    output::json(&figures)?;
    Ok(Outcome::Done)
}

fn measure(encoder: &dyn Encoder, files: &[PathBuf]) -> Result<DecodeAnswer, Failure> {
    let (folder, store) = thumbnails()?;
    let mut stages = Stages::default();
    let mut figures = DecodeAnswer::default();
    for file in files {
        let bytes = timed(&mut stages.read, || fs::read(file)).map_err(anyhow::Error::from)?;
        let id = timed(&mut stages.hash, || ImageId::of(&bytes));
        let size = DecodeSize::for_model(encoder.shorter_side());
        match prepare(encoder, &mut stages, &store, id, || {
            decode_at_least(&bytes, &DecodeLimits::default(), size).ok()
        })? {
            Some(_) => figures.images += 1,
            None => figures.refused += 1,
        }
    }
    folder.close().map_err(anyhow::Error::from)?;
    let mean = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(figures.images.max(1));
    let total = stages.read + stages.hash + stages.decode + stages.thumbnail + stages.preprocess;
    Ok(DecodeAnswer {
        read_ms: mean(stages.read),
        hash_ms: mean(stages.hash),
        decode_ms: mean(stages.decode),
        thumbnail_ms: mean(stages.thumbnail),
        preprocess_ms: mean(stages.preprocess),
        total_ms: mean(total),
        images_per_second: 1e3 / mean(total),
        ..figures
    })
}

/// Decodes, stores a thumbnail, and preprocesses, as indexing does. `None` if decoding fails.
fn prepare(
    encoder: &dyn Encoder,
    stages: &mut Stages,
    store: &ThumbnailStore,
    id: ImageId,
    decoded: impl FnOnce() -> Option<DecodedImage>,
) -> Result<Option<(DecodedImage, eidetic_encoder::Pixels)>, Failure> {
    let Some(decoded) = timed(&mut stages.decode, decoded) else {
        return Ok(None);
    };
    timed(&mut stages.thumbnail, || store.put(&id, &decoded.image)).map_err(anyhow::Error::from)?;
    let pixels = timed(&mut stages.preprocess, || encoder.preprocess(&decoded.image));
    Ok(Some((decoded, pixels)))
}

fn compare(encoder: &dyn Encoder, files: &[PathBuf]) -> Result<FullSize, Failure> {
    let (folder, store) = thumbnails()?;
    let mut stages = Stages::default();
    let (mut scaled, mut cosines) = (0, Vec::new());
    for file in files {
        let bytes = fs::read(file).map_err(anyhow::Error::from)?;
        let size = DecodeSize::for_model(encoder.shorter_side());
        let full = prepare(encoder, &mut stages, &store, ImageId::of(&bytes), || {
            decode(&bytes, &DecodeLimits::default()).ok()
        })?;
        let (Some((full, full_pixels)), Ok(small)) =
            (full, decode_at_least(&bytes, &DecodeLimits::default(), size))
        else {
            continue;
        };
        scaled += u32::from(small.image.dimensions() != full.image.dimensions());
        let vectors = encoder
            .encode_pixels(&[full_pixels, encoder.preprocess(&small.image)])
            .map_err(anyhow::Error::from)?;
        cosines.push(vectors[0].cosine(&vectors[1]));
    }
    folder.close().map_err(anyhow::Error::from)?;
    let count = cosines.len().max(1) as f64;
    let mean = |time: Duration| time.as_secs_f64() * 1e3 / count;
    Ok(FullSize {
        decode_ms: mean(stages.decode),
        thumbnail_ms: mean(stages.thumbnail),
        preprocess_ms: mean(stages.preprocess),
        scaled,
        least_cosine: cosines.iter().copied().fold(1.0, f64::min),
        mean_cosine: cosines.iter().sum::<f64>() / count,
    })
}

fn thumbnails() -> Result<(tempfile::TempDir, ThumbnailStore), Failure> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let store = ThumbnailStore::open(folder.path());
    Ok((folder, store))
}

fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}

/// All image files in `folder` and its subfolders, sorted. Links are not followed.
fn image_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error: std::io::Error| Failure::in_file(&folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && is_image(&entry.path()) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_image(path: &Path) -> bool {
    let head = fs::read(path).unwrap_or_default();
    matches!(
        classify(&head[..head.len().min(HEAD_LENGTH)], path),
        FileKind::Image(_)
    )
}
