//! Two-tower models on candle, written operation by operation like the references: the fast engine is tested against
//! this one, and graphics devices run it.

mod convolutional;
mod fast_vit;
mod pool;
mod text;
mod transformer;
mod vision;

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::{EncodeError, Pixels};
use eidetic_hub::WeightFile;

use crate::engine::{LogitParameters, Towers, check_tokens};
use crate::error::LoadError;
use crate::layers::weights::{WeightReader, Weights};
use crate::two_tower::config::{ModelConfig, VisionConfig};

use convolutional::ConvolutionalTower;
use fast_vit::FastVitTower;
use text::TextTower;
use vision::VisionTower;

/// Rows that go through a transformer at once: enough for matrix products to run at full speed, few enough that
/// intermediate results take tens of megabytes.
const ROWS_A_BATCH: usize = 2048;

/// A model as candle's tensors.
pub struct CandleTowers {
    text: TextTower,
    vision: Vision,
    logits: LogitParameters,
}

enum Vision {
    Transformer(Box<VisionTower>),
    Convolutional(Box<ConvolutionalTower>),
    FastVit(Box<FastVitTower>),
}

impl CandleTowers {
    /// Reads a weight file and feeds it to `hasher`.
    pub fn load(
        config: &ModelConfig,
        device: &Device,
        file: &mut WeightFile,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        let mut weights = Weights::new(config.names.clone());
        let reader = WeightReader {
            length: file.length()?,
            reader: file,
            tables: None,
        };
        weights.read_file(reader, hasher, &|_, data| {
            let shape = data.shape.clone();
            Ok(Tensor::from_vec(data.into_f32()?, shape, device)?)
        })?;
        Ok(Self {
            logits: LogitParameters::of(&weights),
            text: TextTower::load(&mut weights, config, device)?,
            vision: Vision::load(&mut weights, config, device)?,
        })
    }
}

impl Towers for CandleTowers {
    fn logits(&self) -> LogitParameters {
        self.logits
    }

    /// Texts of equal length run together, so that none is padded.
    fn encode_texts(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        check_tokens(texts, self.text.vocabulary(), self.text.longest())?;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| texts[i].len());
        let mut results = vec![Vec::new(); texts.len()];
        for equal in order.chunk_by(|&a, &b| texts[a].len() == texts[b].len()) {
            for batch in equal.chunks((ROWS_A_BATCH / texts[equal[0]].len()).max(1)) {
                let ids: Vec<&[u32]> = batch.iter().map(|&i| texts[i].as_slice()).collect();
                for (&place, row) in batch.iter().zip(vectors(self.text.forward(&ids))?) {
                    results[place] = row;
                }
            }
        }
        Ok(results)
    }

    fn encode_images(&self, images: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut results = Vec::with_capacity(images.len());
        let size = |image: &Pixels| (image.height, image.width);
        for equal in images.chunk_by(|a, b| size(a) == size(b)) {
            for batch in equal.chunks((ROWS_A_BATCH / self.vision.length()).max(1)) {
                results.extend(vectors(self.vision.forward(batch))?);
            }
        }
        Ok(results)
    }
}

impl Vision {
    fn load(weights: &mut Weights<Tensor>, config: &ModelConfig, device: &Device) -> Result<Self, LoadError> {
        let dimension = config.dimension;
        Ok(match &config.vision {
            VisionConfig::Transformer(tower) => {
                Self::Transformer(Box::new(VisionTower::load(weights, tower, dimension, device)?))
            }
            VisionConfig::Convolutional(tower) => Self::Convolutional(Box::new(ConvolutionalTower::load(
                weights, tower, dimension, device,
            )?)),
            VisionConfig::FastVit(tower) => {
                Self::FastVit(Box::new(FastVitTower::load(weights, tower, dimension, device)?))
            }
        })
    }

    fn length(&self) -> usize {
        match self {
            Self::Transformer(tower) => tower.length(),
            Self::Convolutional(tower) => tower.length(),
            Self::FastVit(tower) => tower.length(),
        }
    }

    fn forward(&self, images: &[Pixels]) -> EngineResult<Tensor> {
        match self {
            Self::Transformer(tower) => tower.forward(images),
            Self::Convolutional(tower) => tower.forward(images),
            Self::FastVit(tower) => tower.forward(images),
        }
    }
}

fn vectors(output: EngineResult<Tensor>) -> Result<Vec<Vec<f32>>, EncodeError> {
    output
        .and_then(|tensor| tensor.to_vec2::<f32>())
        .map_err(|error| EncodeError::Engine(error.into()))
}
