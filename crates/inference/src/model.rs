//! A model of any family.

use std::path::Path;

use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration, TextReading};
use eidetic_hub::ModelFiles;
use image::RgbImage;
use serde_json::Value;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::qwen::{QwenEncoder, QwenFamily};
use crate::two_tower::ClipEncoder;

/// An encoder of images and texts, of any family.
#[derive(Debug)]
pub struct Model(Kind);

/// The architectures of the families.
#[derive(Debug)]
enum Kind {
    /// A text tower and an image tower.
    Towers(Box<ClipEncoder>),
    /// One decoder for texts and images.
    Qwen(Box<QwenEncoder>),
}

impl Model {
    /// Loads the model in `directory`, which errors name `place`; `name` becomes the model of its space.
    pub(crate) fn load(directory: &Path, name: &str, place: &str, engine: Engine) -> Result<Self, LoadError> {
        if !is_qwen(directory)? {
            return Ok(ClipEncoder::load(name, ModelFiles::in_directory(directory, place)?, engine)?.into());
        }
        let Engine::Cpu(precision) = engine else {
            return Err(LoadError::Config(
                "models of the Qwen families run on the CPU engine only, not on candle or a GPU".into(),
            ));
        };
        let encoder = QwenEncoder::load(name, directory, place, precision)?;
        Ok(Self(Kind::Qwen(Box::new(encoder))))
    }

    /// The same model with shortened embeddings: their first components, normalized again. Errors: the model was not
    /// trained for it (Matryoshka).
    pub fn with_dimension(self, dimension: usize) -> Result<Self, LoadError> {
        match self.0 {
            Kind::Qwen(encoder) => Ok(Self(Kind::Qwen(Box::new(encoder.with_dimension(dimension)?)))),
            Kind::Towers(encoder) if encoder.space().dimension == dimension => {
                Ok(Self(Kind::Towers(encoder)))
            }
            Kind::Towers(encoder) => Err(LoadError::Config(format!(
                "embeddings of {} have {} components and cannot be shortened",
                encoder.space().model,
                encoder.space().dimension
            ))),
        }
    }

    fn encoder(&self) -> &dyn Encoder {
        match &self.0 {
            Kind::Towers(encoder) => encoder.as_ref(),
            Kind::Qwen(encoder) => encoder.as_ref(),
        }
    }
}

impl From<ClipEncoder> for Model {
    fn from(encoder: ClipEncoder) -> Self {
        Self(Kind::Towers(Box::new(encoder)))
    }
}

impl Encoder for Model {
    fn space(&self) -> &SpaceId {
        self.encoder().space()
    }

    fn shorter_side(&self) -> Option<u32> {
        self.encoder().shorter_side()
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.encoder().score_calibration()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.encoder().preprocess(image)
    }

    fn read_text(&self, text: &str) -> TextReading {
        self.encoder().read_text(text)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        self.encoder().encode_texts(texts)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.encoder().encode_pixels(batch)
    }

    fn encode_fused(&self, parts: &[(&str, &Pixels)]) -> Result<Option<Vec<Embedding>>, EncodeError> {
        self.encoder().encode_fused(parts)
    }

    fn encode_texts_as(
        &self,
        texts: &[&str],
        instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        self.encoder().encode_texts_as(texts, instruction)
    }

    fn encode_pixels_as(
        &self,
        batch: &[Pixels],
        instruction: &str,
    ) -> Result<Option<Vec<Embedding>>, EncodeError> {
        self.encoder().encode_pixels_as(batch, instruction)
    }
}

/// Whether `config.json` exists and names one of the Qwen families.
fn is_qwen(directory: &Path) -> Result<bool, LoadError> {
    let Some(json) = eidetic_hub::read_file(&directory.join("config.json"))? else {
        return Ok(false);
    };
    let Ok(config) = serde_json::from_slice::<Value>(&json) else {
        return Ok(false);
    };
    let model_type = config.get("model_type").and_then(Value::as_str);
    Ok(model_type.and_then(QwenFamily::of).is_some())
}
