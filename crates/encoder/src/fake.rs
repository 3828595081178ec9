//! An encoder without a model, for tests of the crates above.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eidetic_domain::{Embedding, SpaceId, SplitMix64};
use image::{Rgb, RgbImage};

use crate::{EncodeError, Encoder, Pixels, Preprocessor, ScoreCalibration};

/// Images are squashed to this many pixels per side; their colors are all that the encoder reads.
const SIDE: usize = 8;
const PROCESSOR: &str =
    r#"{"size":{"height":8,"width":8},"do_center_crop":false,"resample":4,"do_normalize":false}"#;
/// Gives gray images, whose centered colors are all near zero, a direction.
const OFFSET: f32 = 0.5;

const COLORS: [(&str, [u8; 3]); 12] = [
    ("red", [255, 0, 0]),
    ("green", [0, 255, 0]),
    ("blue", [0, 0, 255]),
    ("white", [255, 255, 255]),
    ("black", [0, 0, 0]),
    ("yellow", [255, 255, 0]),
    ("cyan", [0, 255, 255]),
    ("magenta", [255, 0, 255]),
    ("orange", [255, 128, 0]),
    ("grey", [128, 128, 128]),
    ("gray", [128, 128, 128]),
    ("brown", [128, 64, 0]),
];

/// A deterministic encoder: it reads a coarse grid of colors and knows the names of some colors.
///
/// Similar images have similar embeddings, and an image is most similar to itself. A text that names colors
/// has the embedding of an image of these colors, so that `red` finds red images. Any other text has a random
/// direction.
///
/// ```
/// use eidetic_encoder::{Encoder, fake::FakeEncoder};
/// use image::{Rgb, RgbImage};
///
/// let encoder = FakeEncoder::default();
/// let red = RgbImage::from_pixel(9, 9, Rgb([250, 10, 10]));
/// let image = &encoder.encode_images(&[red])?[0];
/// let texts = encoder.encode_texts(&["a red thing", "a blue thing"])?;
/// assert!(image.cosine(&texts[0]) > image.cosine(&texts[1]));
/// # Ok::<(), eidetic_encoder::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct FakeEncoder {
    space: SpaceId,
    preprocessor: Preprocessor,
    delay: Duration,
    working_batches: usize,
    batches: AtomicUsize,
}

impl FakeEncoder {
    /// An encoder of `dimension` components, at least 1. 64 are enough to keep the colors apart.
    pub fn new(dimension: usize) -> Self {
        let preprocessor = Preprocessor::from_json(PROCESSOR.as_bytes()).expect("the settings are complete");
        Self {
            space: SpaceId {
                model: "fake".into(),
                revision: "1".into(),
                preprocessing: preprocessor.fingerprint(),
                dimension,
            },
            preprocessor,
            delay: Duration::ZERO,
            working_batches: usize::MAX,
            batches: AtomicUsize::new(0),
        }
    }

    /// Changes the name of the model, and thereby the space.
    #[must_use]
    pub fn named(mut self, model: &str) -> Self {
        model.clone_into(&mut self.space.model);
        self
    }

    /// Sleeps this long in every batch, as if it computed.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Fails every batch of texts or images after the first `batches`.
    #[must_use]
    pub const fn failing_after(mut self, batches: usize) -> Self {
        self.working_batches = batches;
        self
    }

    /// Number of batches so far, including failed ones.
    pub fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }

    fn begin_batch(&self) -> Result<(), EncodeError> {
        let before = self.batches.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.delay);
        if before < self.working_batches {
            return Ok(());
        }
        Err(EncodeError::Engine("requested failure".into()))
    }

    fn embed_text(&self, text: &str) -> Result<Embedding, EncodeError> {
        let colors = colors_in(text);
        if colors.is_empty() {
            let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            let direction = (0..self.space.dimension).map(|i| sign(seed, i)).collect();
            return Ok(Embedding::normalize(direction)?);
        }
        let stripes = RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, _| {
            Rgb(colors[x as usize % colors.len()])
        });
        self.embed_pixels(&self.preprocess(&stripes))
    }

    /// A random projection (fixed signs) of the centered colors.
    fn embed_pixels(&self, pixels: &Pixels) -> Result<Embedding, EncodeError> {
        if (pixels.height, pixels.width) != (SIDE, SIDE) {
            return Err(EncodeError::PixelShape {
                expected_height: SIDE,
                expected_width: SIDE,
                height: pixels.height,
                width: pixels.width,
            });
        }
        let features = features(&pixels.values);
        let component = |i: usize| {
            features
                .iter()
                .enumerate()
                .map(|(j, f)| f * sign(j as u64, i))
                .sum()
        };
        Ok(Embedding::normalize(
            (0..self.space.dimension).map(component).collect(),
        )?)
    }
}

impl Default for FakeEncoder {
    fn default() -> Self {
        Self::new(64)
    }
}

impl Encoder for FakeEncoder {
    fn score_calibration(&self) -> ScoreCalibration {
        ScoreCalibration::of_clip(100.0)
    }

    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn shorter_side(&self) -> Option<u32> {
        self.preprocessor.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        self.begin_batch()?;
        texts.iter().map(|text| self.embed_text(text)).collect()
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.begin_batch()?;
        batch.iter().map(|pixels| self.embed_pixels(pixels)).collect()
    }
}

/// The mean color (three features that weigh as much as all cells together), each cell's color, and a
/// constant.
fn features(values: &[f32]) -> Vec<f32> {
    let cells = SIDE * SIDE;
    let mut features: Vec<f32> = values
        .chunks_exact(cells)
        .map(|plane| plane.iter().map(|v| v - 0.5).sum::<f32>() / cells as f32)
        .collect();
    features.extend(values.iter().map(|v| (v - 0.5) / SIDE as f32));
    features.push(OFFSET);
    features
}

fn colors_in(text: &str) -> Vec<[u8; 3]> {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphabetic())
        .filter_map(|word| COLORS.iter().find(|(name, _)| *name == word))
        .map(|&(_, color)| color)
        .collect()
}

/// +1 or −1, fixed for each pair (splitmix64).
fn sign(row: u64, column: usize) -> f32 {
    let pair = row
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((column as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
    if SplitMix64::mix(pair) & 1 == 0 { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_word_finds_images_of_color() {
        let encoder = FakeEncoder::default();
        let images: Vec<RgbImage> = COLORS[..9]
            .iter()
            .map(|&(_, color)| {
                RgbImage::from_fn(
                    40,
                    30,
                    |x, _| Rgb(color.map(|c| c.saturating_sub((x % 20) as u8))),
                )
            })
            .collect();
        let embeddings = encoder.encode_images(&images).unwrap();
        for (index, (name, _)) in COLORS[..9].iter().enumerate() {
            let text = &encoder.encode_texts(&[&format!("a {name} thing")]).unwrap()[0];
            let best = (0..9).max_by(|&a, &b| {
                text.cosine(&embeddings[a])
                    .total_cmp(&text.cosine(&embeddings[b]))
            });
            assert_eq!(best, Some(index), "{name}");
        }
    }

    #[test]
    fn image_is_most_similar_to_itself() {
        let encoder = FakeEncoder::default();
        let images: Vec<RgbImage> = (0..50_u32)
            .map(|n| {
                RgbImage::from_fn(20, 20, |x, y| {
                    Rgb([(x * n) as u8, (y * 5 + n) as u8, (n * 5) as u8])
                })
            })
            .collect();
        let embeddings = encoder.encode_images(&images).unwrap();
        for (index, embedding) in embeddings.iter().enumerate() {
            let best = (0..50).max_by(|&a, &b| {
                embedding
                    .cosine(&embeddings[a])
                    .total_cmp(&embedding.cosine(&embeddings[b]))
            });
            assert_eq!(best, Some(index));
            assert!(embedding.cosine(embedding) > 0.999_99);
        }
    }

    #[test]
    fn other_texts_are_apart_and_repeatable() {
        let encoder = FakeEncoder::default();
        let texts = encoder.encode_texts(&["a dog", "a cat", "a dog", ""]).unwrap();
        assert_eq!(texts[0], texts[2]);
        assert!(texts[0].cosine(&texts[1]).abs() < 0.6);
    }

    #[test]
    fn failing_after_fails_later_batches() {
        let encoder = FakeEncoder::new(8).failing_after(1);
        assert!(encoder.encode_texts(&["a"]).is_ok());
        assert!(matches!(
            encoder.encode_texts(&["a"]),
            Err(EncodeError::Engine(_))
        ));
        assert_eq!(encoder.batches(), 2);
    }
}
