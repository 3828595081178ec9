//! The encoder: tokens and pixels in batches through the towers, out come unit vectors.

use std::time::Duration;

use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, Preprocessor, ScoreFacts, TextTokenizer};
use image::RgbImage;

use crate::config::ClipConfig;
use crate::cpu::CpuClip;
use crate::engine::{Engine, Towers};
use crate::error::LoadError;
use crate::files::{ModelFiles, TokenizerFiles};
use crate::reference::CandleClip;

/// A CLIP model, its picture processor and its tokenizer.
pub struct ClipEncoder {
    space: SpaceId,
    preprocessor: Preprocessor,
    tokenizer: TextTokenizer,
    towers: Box<dyn Towers>,
    scores: ScoreFacts,
}

/// The logarithm of the factor that CLIP's training ends at, for weights that leave it out.
const USUAL_LOGIT_SCALE: f32 = 4.605_17;

impl ClipEncoder {
    /// Reads all files. `name` becomes the space's model, the hash of all files its revision.
    pub(crate) fn load(name: &str, mut files: ModelFiles, engine: Engine) -> Result<Self, LoadError> {
        let config = ClipConfig::from_json(&files.config)?;
        let preprocessor = Preprocessor::from_json(&files.preprocessor)?;
        check_size(&config, &preprocessor)?;
        let tokenizer = tokenizer(&files.tokenizer, config.text.max_position_embeddings)?;
        let mut hasher = files.hasher();
        let (reader, length) = (&mut *files.weights, files.weights_length);
        let towers: Box<dyn Towers> = match engine {
            Engine::Cpu(precision) => {
                Box::new(CpuClip::load(&config, precision, reader, length, &mut hasher)?)
            }
            Engine::Candle | Engine::Device(_) => Box::new(CandleClip::load(
                &config,
                &engine.candle_device()?,
                reader,
                length,
                &mut hasher,
            )?),
        };
        let scores = score_facts(files.scores.as_deref(), towers.logit_scale())?;
        Ok(Self {
            scores,
            space: SpaceId {
                model: name.to_owned(),
                revision: hasher.finalize().to_hex()[..16].to_owned(),
                preprocessing: preprocessor.fingerprint(),
                dimension: config.projection,
            },
            preprocessor,
            tokenizer,
            towers,
        })
    }

    /// The time that nothing but the matrix products of as many pictures take, where the engine can tell: the measure of
    /// how much everything else costs.
    pub fn products_alone(&self, pictures: usize) -> Option<Duration> {
        self.towers.products_alone(pictures)
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

    fn score_facts(&self) -> ScoreFacts {
        self.scores
    }

    fn shorter_side(&self) -> Option<u32> {
        self.preprocessor.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let ids = self.tokenizer.tokenise(texts)?;
        normalised(self.towers.encode_texts(&ids)?)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        batch.iter().try_for_each(|pixels| self.check_shape(pixels))?;
        normalised(self.towers.encode_pictures(batch)?)
    }
}

impl std::fmt::Debug for ClipEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

fn tokenizer(files: &TokenizerFiles, max_length: usize) -> Result<TextTokenizer, LoadError> {
    Ok(match files {
        TokenizerFiles::Json(json) => TextTokenizer::from_json(json, max_length)?,
        TokenizerFiles::Vocabulary { vocabulary, merges } => {
            TextTokenizer::from_vocabulary(vocabulary, merges, max_length)?
        }
    })
}

/// What the model's folder says of its scores, else what its logit scale tells.
fn score_facts(file: Option<&[u8]>, logit_scale: Option<f32>) -> Result<ScoreFacts, LoadError> {
    let Some(json) = file else {
        return Ok(ScoreFacts::of_clip(
            logit_scale.unwrap_or(USUAL_LOGIT_SCALE).exp(),
        ));
    };
    let facts: ScoreFacts =
        serde_json::from_slice(json).map_err(|error| LoadError::Config(format!("scores.json: {error}")))?;
    if facts.is_usable() {
        return Ok(facts);
    }
    Err(LoadError::Config(
        "scores.json: numbers must be finite, logit_scale above 0 and span.high above span.low".into(),
    ))
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

fn normalised(rows: Vec<Vec<f32>>) -> Result<Vec<Embedding>, EncodeError> {
    rows.into_iter()
        .map(|row| Ok(Embedding::normalize(row)?))
        .collect()
}
