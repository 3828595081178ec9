//! CLIP on candle, one tensor operation after another as transformers' `modeling_clip.py` has them: what the fast engine
//! is tested against, and what runs on devices that candle knows.

mod convolutional;
mod text;
mod transformer;
mod vision;

use std::io::Read;

use candle_core::{Device, Result as EngineResult, Tensor};
use eidetic_encoder::{EncodeError, Pixels};

use crate::config::ClipConfig;
use crate::engine::{LOGIT_SCALE, Towers, check_tokens};
use crate::error::LoadError;
use crate::weights::Weights;

use convolutional::ConvolutionalTower;
use text::TextTower;
use vision::VisionTower;

/// Rows that go through a transformer at once: enough for matrix products to run at full speed, few enough that what
/// lies between them stays in the tens of megabytes.
const ROWS_A_BATCH: usize = 2048;

/// A CLIP model as candle's tensors.
pub struct CandleClip {
    text: TextTower,
    vision: Vision,
    logit_scale: Option<f32>,
}

enum Vision {
    Transformer(VisionTower),
    Convolutional(ConvolutionalTower),
}

impl CandleClip {
    /// Reads a weight file of `length` bytes and feeds it to `hasher`.
    pub fn load(
        config: &ClipConfig,
        device: &Device,
        reader: &mut dyn Read,
        length: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        let keep = |_: &str, tensor: Tensor| Ok(tensor.to_device(device)?);
        let mut weights = Weights::read(reader, length, hasher, &keep)?;
        Ok(Self {
            logit_scale: weights.scalar(LOGIT_SCALE),
            text: TextTower::load(&mut weights, config, device)?,
            vision: match config.vision.convolutional()? {
                None => Vision::Transformer(VisionTower::load(&mut weights, config, device)?),
                Some(tower) => Vision::Convolutional(ConvolutionalTower::load(
                    &mut weights,
                    &tower,
                    config.projection,
                    device,
                )?),
            },
        })
    }
}

impl Towers for CandleClip {
    fn logit_scale(&self) -> Option<f32> {
        self.logit_scale
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

    fn encode_pictures(&self, pictures: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut results = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks((ROWS_A_BATCH / self.vision.length()).max(1)) {
            results.extend(vectors(self.vision.forward(batch))?);
        }
        Ok(results)
    }
}

impl Vision {
    fn length(&self) -> usize {
        match self {
            Self::Transformer(tower) => tower.length(),
            Self::Convolutional(tower) => tower.length(),
        }
    }

    fn forward(&self, pictures: &[Pixels]) -> EngineResult<Tensor> {
        match self {
            Self::Transformer(tower) => tower.forward(pictures),
            Self::Convolutional(tower) => tower.forward(pictures),
        }
    }
}

fn vectors(output: EngineResult<Tensor>) -> Result<Vec<Vec<f32>>, EncodeError> {
    output
        .and_then(|tensor| tensor.to_vec2::<f32>())
        .map_err(|error| EncodeError::Engine(error.into()))
}
