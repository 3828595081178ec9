//! The encoder: batches of tokens and pixels to unit vectors.

use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{
    EncodeError, Encoder, Pixels, Preprocessor, Processor, ScoreCalibration, TextReading, TextTokenizer,
    Vocabulary,
};
use image::RgbImage;

use crate::engine::{Engine, LogitParameters, Towers};
use crate::error::LoadError;
use crate::two_tower::candle::CandleTowers;
use crate::two_tower::config::{Family, ModelConfig, Objective};
use crate::two_tower::cpu::CpuTowers;
use crate::two_tower::tokenizer;
use eidetic_hub::{Layout, ModelFiles};

/// A model of two towers, one for texts and one for images (CLIP and its kin), its image processor and its tokenizer.
pub struct ClipEncoder {
    space: SpaceId,
    preprocessor: Preprocessor,
    tokenizer: TextTokenizer,
    towers: Box<dyn Towers>,
    scores: ScoreCalibration,
    /// The words that the model knows; `None`: any.
    vocabulary: Option<Vocabulary>,
}

/// The logarithm of the factor that CLIP's training ends at, for weights that leave it out.
const USUAL_LOGIT_SCALE: f32 = 4.605_17;

impl ClipEncoder {
    /// Reads all files. `name` becomes the space's model, the hash of all files its revision.
    pub(crate) fn load(name: &str, mut files: ModelFiles, engine: Engine) -> Result<Self, LoadError> {
        let (mut config, preprocessor) = configuration(&files)?;
        set_image_size(&mut config, &preprocessor)?;
        let tokenizer = tokenizer::read(&files, &config)?;
        let mut hasher = files.hasher();
        let weights = &mut files.weights;
        let towers: Box<dyn Towers> = match engine {
            Engine::Cpu(precision) => Box::new(CpuTowers::load(&config, precision, weights, &mut hasher)?),
            Engine::Candle | Engine::Device(_) => Box::new(CandleTowers::load(
                &config,
                &engine.candle_device()?,
                weights,
                &mut hasher,
            )?),
        };
        let scores = score_calibration(files.scores.as_deref(), config.objective, towers.logits())?;
        Ok(Self {
            scores,
            space: SpaceId {
                model: name.to_owned(),
                revision: hasher.finalize().to_hex()[..16].to_owned(),
                preprocessing: preprocessor.fingerprint(),
                dimension: config.dimension,
            },
            preprocessor,
            tokenizer,
            towers,
            vocabulary: None,
        })
    }

    /// The same model, which is known to know these words only.
    pub(crate) fn with_vocabulary(self, vocabulary: Vocabulary) -> Self {
        Self {
            vocabulary: Some(vocabulary),
            ..self
        }
    }

    fn check_shape(&self, pixels: &Pixels) -> Result<(), EncodeError> {
        let (height, width) = (pixels.height, pixels.width);
        let whole = pixels.values.len() == 3 * height * width;
        if let Some((side, most)) = self.preprocessor.patches() {
            let patches = (height / side) * (width / side);
            let cut = height.is_multiple_of(side) && width.is_multiple_of(side);
            if whole && cut && (1..=most).contains(&patches) {
                return Ok(());
            }
            return Err(EncodeError::PixelPatches {
                patch_size: side,
                max_patches: most,
                height,
                width,
            });
        }
        let expected = self.preprocessor.output_size().unwrap_or_default();
        if whole && (height, width) == expected {
            return Ok(());
        }
        Err(EncodeError::PixelShape {
            expected_height: expected.0,
            expected_width: expected.1,
            height,
            width,
        })
    }
}

impl Encoder for ClipEncoder {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.scores
    }

    fn shorter_side(&self) -> Option<u32> {
        self.preprocessor.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.preprocessor.preprocess(image)
    }

    fn read_text(&self, text: &str) -> TextReading {
        match &self.vocabulary {
            None => TextReading::whole(text),
            Some(vocabulary) => vocabulary.read(text),
        }
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let ids = self.tokenizer.tokenize(texts)?;
        normalized(self.towers.encode_texts(&ids)?)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        batch.iter().try_for_each(|pixels| self.check_shape(pixels))?;
        normalized(self.towers.encode_images(batch)?)
    }
}

impl std::fmt::Debug for ClipEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

/// The configuration of the model and of its image processor.
fn configuration(files: &ModelFiles) -> Result<(ModelConfig, Preprocessor), LoadError> {
    if files.layout == Layout::OpenClip {
        let (config, settings) = ModelConfig::from_open_clip(&files.config)?;
        let preprocessor = Preprocessor::from_open_clip(settings.to_string().as_bytes())?;
        return Ok((config, preprocessor));
    }
    let config = ModelConfig::from_json(&files.config)?;
    let processor = match config.family {
        Family::Clip | Family::OpenClip(_) => Processor::Clip,
        Family::ChineseClip => Processor::ChineseClip,
        Family::Siglip => Processor::Siglip,
        Family::Naflex => Processor::Naflex,
    };
    let preprocessor = Preprocessor::from_json_for(&files.preprocessor, processor)?;
    Ok((config, preprocessor))
}

/// Sets the model's image sizes by its processor.
fn set_image_size(config: &mut ModelConfig, preprocessor: &Preprocessor) -> Result<(), LoadError> {
    match (preprocessor.output_size(), preprocessor.patches()) {
        (Some((height, width)), _) => config.fit_images(height, width),
        (None, Some((side, most))) => config.fit_patches(side, most),
        (None, None) => Ok(()),
    }
}

/// The calibration in the model's folder, else the one that its logit scale and bias imply.
fn score_calibration(
    file: Option<&[u8]>,
    objective: Objective,
    logits: LogitParameters,
) -> Result<ScoreCalibration, LoadError> {
    if let Some(json) = file {
        let facts: ScoreCalibration = serde_json::from_slice(json)
            .map_err(|error| LoadError::Config(format!("scores.json: {error}")))?;
        if facts.is_valid() {
            return Ok(facts);
        }
        return Err(LoadError::Config(
            "scores.json: numbers must be finite, logit_scale above 0 and span.high above span.low".into(),
        ));
    }
    match objective {
        Objective::Softmax => Ok(ScoreCalibration::of_clip(
            logits.scale.unwrap_or(USUAL_LOGIT_SCALE).exp(),
        )),
        Objective::Sigmoid => sigmoid_calibration(logits),
    }
}

/// A sigmoid needs both of its parameters.
fn sigmoid_calibration(logits: LogitParameters) -> Result<ScoreCalibration, LoadError> {
    let needed = |number: Option<f32>, name: &str| {
        number.ok_or_else(|| LoadError::TensorMissing {
            name: name.to_owned(),
        })
    };
    let (scale, bias) = (
        needed(logits.scale, "logit_scale")?,
        needed(logits.bias, "logit_bias")?,
    );
    let facts = ScoreCalibration::of_sigmoid(scale.exp(), bias);
    if facts.is_valid() {
        return Ok(facts);
    }
    Err(LoadError::Weights(format!(
        "logit_scale {scale} and logit_bias {bias} make no probabilities"
    )))
}

fn normalized(rows: Vec<Vec<f32>>) -> Result<Vec<Embedding>, EncodeError> {
    rows.into_iter()
        .map(|row| Ok(Embedding::normalize(row)?))
        .collect()
}
