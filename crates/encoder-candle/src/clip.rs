//! The encoder: tokens and pixels in batches through the towers, out come unit vectors.

use candle_core::{Device, Tensor};
use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, Preprocessor, TextTokenizer};
use image::RgbImage;

use crate::config::ClipConfig;
use crate::error::LoadError;
use crate::files::{ModelFiles, TokenizerFiles};
use crate::text::TextTower;
use crate::vision::VisionTower;
use crate::weights::Weights;

/// Rows that go through a transformer at once: enough for matrix products to run at full speed, few enough that what
/// lies between them stays in the tens of megabytes.
const ROWS_A_BATCH: usize = 2048;

/// A CLIP model, its picture processor and its tokenizer.
pub struct ClipEncoder {
    space: SpaceId,
    preprocessor: Preprocessor,
    tokenizer: TextTokenizer,
    text: TextTower,
    vision: VisionTower,
}

impl ClipEncoder {
    /// Reads all files. `name` becomes the space's model, the hash of all files its revision.
    pub(crate) fn load(name: &str, mut files: ModelFiles) -> Result<Self, LoadError> {
        let device = device();
        let config = ClipConfig::from_json(&files.config)?;
        let preprocessor = Preprocessor::from_json(&files.preprocessor)?;
        check_size(&config, &preprocessor)?;
        let tokenizer = tokenizer(&files.tokenizer, config.text.max_position_embeddings)?;
        let mut hasher = files.hasher();
        let mut weights = Weights::read(&mut *files.weights, files.weights_length, &mut hasher, &device)?;
        Ok(Self {
            space: SpaceId {
                model: name.to_owned(),
                revision: hasher.finalize().to_hex()[..16].to_owned(),
                preprocessing: preprocessor.fingerprint(),
                dimension: config.projection,
            },
            preprocessor,
            tokenizer,
            text: TextTower::load(&mut weights, &config, &device)?,
            vision: VisionTower::load(&mut weights, &config, &device)?,
        })
    }

    fn check_shape(&self, pixels: &Pixels) -> Result<(), EncodeError> {
        let (height, width) = (
            self.preprocessor.output_height(),
            self.preprocessor.output_width(),
        );
        if (pixels.height, pixels.width, pixels.values.len()) == (height, width, 3 * height * width) {
            return Ok(());
        }
        Err(EncodeError::PixelShape {
            expected_height: height,
            expected_width: width,
            height: pixels.height,
            width: pixels.width,
        })
    }
}

impl Encoder for ClipEncoder {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn shorter_side(&self) -> Option<u32> {
        self.preprocessor.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.preprocess(image)
    }

    /// Texts of equal length run together, so that none is padded.
    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let ids = self.tokenizer.tokenise(texts)?;
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&i| ids[i].len());
        let mut embeddings = Vec::with_capacity(ids.len());
        for equal in order.chunk_by(|&a, &b| ids[a].len() == ids[b].len()) {
            let at_once = (ROWS_A_BATCH / ids[equal[0]].len().max(1)).max(1);
            for batch in equal.chunks(at_once) {
                let batch: Vec<&[u32]> = batch.iter().map(|&i| ids[i].as_slice()).collect();
                embeddings.extend(normalised(self.text.forward(&batch))?);
            }
        }
        Ok(in_order(&order, embeddings))
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        batch.iter().try_for_each(|pixels| self.check_shape(pixels))?;
        let mut embeddings = Vec::with_capacity(batch.len());
        for pictures in batch.chunks((ROWS_A_BATCH / self.vision.length()).max(1)) {
            embeddings.extend(normalised(self.vision.forward(pictures))?);
        }
        Ok(embeddings)
    }
}

impl std::fmt::Debug for ClipEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

/// Where models run: the one place that decides it.
fn device() -> Device {
    Device::Cpu
}

fn tokenizer(files: &TokenizerFiles, max_length: usize) -> Result<TextTokenizer, LoadError> {
    Ok(match files {
        TokenizerFiles::Json(json) => TextTokenizer::from_json(json, max_length)?,
        TokenizerFiles::Vocabulary { vocabulary, merges } => {
            TextTokenizer::from_vocabulary(vocabulary, merges, max_length)?
        }
    })
}

/// The processor must give what the model reads.
fn check_size(config: &ClipConfig, preprocessor: &Preprocessor) -> Result<(), LoadError> {
    let side = config.vision.image_side()?;
    let (height, width) = (preprocessor.output_height(), preprocessor.output_width());
    if (height, width) == (side, side) {
        return Ok(());
    }
    Err(LoadError::Config(format!(
        "the model reads pictures of {side}×{side}, but its processor gives {height}×{width}"
    )))
}

/// Unit vectors from a tower's output, one a row.
fn normalised(output: candle_core::Result<Tensor>) -> Result<Vec<Embedding>, EncodeError> {
    let rows = output
        .and_then(|tensor| tensor.to_vec2::<f32>())
        .map_err(|error| EncodeError::Engine(error.into()))?;
    rows.into_iter()
        .map(|row| Ok(Embedding::normalize(row)?))
        .collect()
}

/// Puts `embeddings[n]` at the place `order[n]`.
fn in_order(order: &[usize], embeddings: Vec<Embedding>) -> Vec<Embedding> {
    let mut numbered: Vec<(usize, Embedding)> = order.iter().copied().zip(embeddings).collect();
    numbered.sort_by_key(|&(place, _)| place);
    numbered.into_iter().map(|(_, embedding)| embedding).collect()
}
