//! Loads a model in the precision that is fastest on this machine among those that keep its embeddings.

mod sample;

use std::time::{Duration, Instant};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::{EncodeError, Encoder, Pixels};
use eidetic_hub::{DownloadProgress, ModelRef};
use eidetic_kernels::Kernel;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::LoadError;
use crate::load::{LoadOptions, load_encoder};

/// The mean cosine to f32 embeddings, without what they have in common, that a lower precision needs.
const MIN_SIMILARITY: f32 = 0.99;
/// A lower precision that is hardly faster is not worth its rounding.
const MIN_SPEED: f32 = 1.1;
/// Pictures in one run of the model.
const BATCH: usize = 8;
/// No further batch begins after this time, so that large models are not measured for minutes.
const TIME_LIMIT: Duration = Duration::from_secs(4);

/// A precision that was chosen by comparing another one with f32 on bundled pictures and texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionChoice {
    /// The precision chosen.
    pub precision: Precision,
    /// The precision that was compared with f32.
    pub compared: Precision,
    /// Mean cosine of its embeddings and those of f32, after the mean of f32 is removed from both: the less of pictures and
    /// texts. Embeddings of all images have much in common, which would hide the difference.
    pub similarity: f32,
    /// Its speed on images, in units of that of f32.
    pub speed: f32,
}

/// Loads a model in int8 where that is faster on this machine and keeps its embeddings, else in bf16 on the same terms,
/// else in f32. Without a CPU engine there is no choice, and none is returned.
pub fn load_fastest(
    model: &ModelRef,
    options: &LoadOptions,
    progress: &dyn DownloadProgress,
) -> Result<(Box<dyn Encoder>, Option<PrecisionChoice>), LoadError> {
    let in_precision = |precision| load_encoder(model, &options.clone().with_precision(precision), progress);
    let exact = in_precision(Precision::F32)?;
    if !matches!(options.engine, Engine::Cpu(_)) {
        return Ok((exact, None));
    }
    let mut refused = None;
    for precision in lower_precisions() {
        // It is a model that f32 runs, so what fails here, such as the memory for both, only leaves no choice.
        let Ok(lower) = in_precision(*precision) else {
            continue;
        };
        let Ok((similarity, speed)) = compare(exact.as_ref(), lower.as_ref()) else {
            continue;
        };
        let choice = |chosen| PrecisionChoice {
            precision: chosen,
            compared: *precision,
            similarity,
            speed,
        };
        if similarity >= MIN_SIMILARITY && speed >= MIN_SPEED {
            return Ok((lower, Some(choice(*precision))));
        }
        refused.get_or_insert(choice(Precision::F32));
    }
    Ok((exact, refused))
}

/// Precisions that may be faster here than f32, the fastest first.
fn lower_precisions() -> &'static [Precision] {
    // Other processors compute products of bf16 in f32.
    if Kernel::best().name() == "avx512-bf16" {
        &[Precision::Int8, Precision::Bf16]
    } else {
        &[Precision::Int8]
    }
}

/// Similarity and speed of `lower` in comparison with `exact`.
fn compare(exact: &dyn Encoder, lower: &dyn Encoder) -> Result<(f32, f32), EncodeError> {
    let texts = similarity(
        &exact.encode_texts(&sample::TEXTS)?,
        &lower.encode_texts(&sample::TEXTS)?,
    );
    let pixels = sample::pixels(exact);
    for encoder in [exact, lower] {
        // The first run of an engine allocates memory and starts threads.
        encoder.encode_pixels(&pixels[..1])?;
    }
    let start = Instant::now();
    let (mut expected, mut got, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
    for batch in pixels.chunks(BATCH) {
        if !speeds.is_empty() && start.elapsed() > TIME_LIMIT {
            break;
        }
        // One after the other, so that whatever else the machine does slows down both.
        let (exact_time, embeddings) = timed(exact, batch)?;
        expected.extend(embeddings);
        let (lower_time, embeddings) = timed(lower, batch)?;
        got.extend(embeddings);
        speeds.push(exact_time.as_secs_f32() / lower_time.as_secs_f32().max(f32::EPSILON));
    }
    speeds.sort_unstable_by(f32::total_cmp);
    let median = speeds.get(speeds.len() / 2).copied().unwrap_or_default();
    Ok((texts.min(similarity(&expected, &got)), median))
}

fn timed(encoder: &dyn Encoder, batch: &[Pixels]) -> Result<(Duration, Vec<Embedding>), EncodeError> {
    let start = Instant::now();
    let embeddings = encoder.encode_pixels(batch)?;
    Ok((start.elapsed(), embeddings))
}

/// The mean cosine of embeddings and expected ones, after the mean of the expected ones is removed from both; 0 where that
/// leaves nothing.
fn similarity(expected: &[Embedding], got: &[Embedding]) -> f32 {
    let dimension = expected.first().map_or(0, Embedding::dimension);
    let mut mean = vec![0.0_f64; dimension];
    for embedding in expected {
        for (sum, component) in mean.iter_mut().zip(embedding.as_slice()) {
            *sum += f64::from(*component) / expected.len() as f64;
        }
    }
    let cosines = expected.iter().zip(got).map(|(expected, got)| {
        let (mut product, mut left, mut right) = (0.0, 0.0, 0.0);
        for ((mean, a), b) in mean.iter().zip(expected.as_slice()).zip(got.as_slice()) {
            let (a, b) = (f64::from(*a) - mean, f64::from(*b) - mean);
            product += a * b;
            left += a * a;
            right += b * b;
        }
        product / (left * right).sqrt()
    });
    let mean = (cosines.sum::<f64>() / expected.len() as f64) as f32;
    if mean.is_finite() { mean } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(rows: &[[f32; 3]]) -> Vec<Embedding> {
        let unit = |row: &[f32; 3]| Embedding::normalize(row.to_vec()).unwrap();
        rows.iter().map(unit).collect()
    }

    #[test]
    fn common_part_does_not_hide_differences() {
        let exact = embeddings(&[[10.0, 1.0, 0.0], [10.0, -1.0, 0.0], [10.0, 0.0, 1.0]]);
        let exchanged = embeddings(&[[10.0, -1.0, 0.0], [10.0, 1.0, 0.0], [10.0, 0.0, 1.0]]);
        assert!(exact[0].cosine(&exchanged[0]) > 0.97);
        assert!(similarity(&exact, &exchanged) < 0.0);
        assert!((similarity(&exact, &exact) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_not_similar() {
        let same = embeddings(&[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
        assert!(similarity(&same, &same).abs() < f32::EPSILON);
        assert!(similarity(&[], &[]).abs() < f32::EPSILON);
    }
}
