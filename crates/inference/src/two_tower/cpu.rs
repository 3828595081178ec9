//! Two-tower models on the processor, with this program's own matrix kernels: weights packed once, buffers used again, nothing
//! padded, nothing transposed.
//!
//! A batch is cut into groups of some hundred rows, and each group runs through the whole tower on one thread:
//! intermediate results stay in that core's cache, and no thread waits for another before the end. See
//! docs/decisions/0009-cpu-engine.md.

mod convolution;
mod convolutional;
mod depthwise;
mod fast_vit;
mod groups;
mod pool;
mod projection;
mod squeeze_excite;
mod text;
mod transformer;
mod vision;
mod workspace;

use std::sync::Arc;

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, Pixels};
use eidetic_hub::WeightFile;

use crate::engine::{LogitParameters, Towers, check_tokens};
use crate::error::LoadError;
use crate::layers::packing::{PackOptions, PackedTensor, pack};
use crate::layers::weights::{TablesOnDisk, WeightReader, Weights};
use crate::two_tower::config::{ModelConfig, VisionConfig};

use convolutional::ConvolutionalTower;
use fast_vit::FastVitTower;
use groups::Groups;
use text::TextTower;
use vision::VisionTower;
use workspace::Workspace;

/// A model in packed form.
pub struct CpuTowers {
    text: TextTower,
    vision: Vision,
    groups: Groups,
    logits: LogitParameters,
}

enum Vision {
    Transformer(Box<VisionTower>),
    Convolutional(Box<ConvolutionalTower>),
    FastVit(Box<FastVitTower>),
}

impl CpuTowers {
    /// Reads a weight file and feeds it to `hasher`. Each tensor is packed as it arrives, so that no more is held than
    /// the packed model and one tensor; a large table of tokens stays in the file.
    pub fn load(
        config: &ModelConfig,
        precision: Precision,
        file: &mut WeightFile,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        let options = super::pack_options(precision);
        let mut weights = Weights::new(config.names.clone());
        let kept_open = file.on_disk()?.map(Arc::new);
        let is_table = |name: &str, shape: &[usize]| options.is_table(name, shape);
        let reader = WeightReader {
            length: file.length()?,
            reader: file,
            tables: kept_open.as_ref().map(|file| TablesOnDisk {
                file,
                is_table: &is_table,
            }),
        };
        weights.read_file(reader, hasher, &|name, data| pack(name, data, &options))?;
        Ok(Self {
            text: TextTower::load(&mut weights, config)?,
            vision: Vision::load(&mut weights, config, &options)?,
            groups: Groups::default(),
            logits: LogitParameters::of(&weights),
        })
    }
}

impl Vision {
    fn load(
        weights: &mut Weights<PackedTensor>,
        config: &ModelConfig,
        options: &PackOptions,
    ) -> Result<Self, LoadError> {
        let dimension = config.dimension;
        Ok(match &config.vision {
            VisionConfig::Transformer(tower) => {
                Self::Transformer(Box::new(VisionTower::load(weights, tower, dimension)?))
            }
            VisionConfig::Convolutional(tower) => {
                Self::Convolutional(Box::new(ConvolutionalTower::load(weights, tower, dimension)?))
            }
            VisionConfig::FastVit(tower) => {
                Self::FastVit(Box::new(FastVitTower::load(weights, tower, dimension, options)?))
            }
        })
    }

    /// Rows that the images count for when batches are cut.
    fn rows(&self, images: &[Pixels]) -> usize {
        match self {
            Self::Transformer(tower) => tower.rows(images),
            Self::Convolutional(_) | Self::FastVit(_) => images.len() * self.longest(),
        }
    }

    /// Rows that an image counts for, at most.
    fn longest(&self) -> usize {
        match self {
            Self::Transformer(tower) => tower.longest(),
            Self::Convolutional(tower) => tower.length(),
            Self::FastVit(tower) => tower.length(),
        }
    }

    fn forward(&self, images: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        match self {
            Self::Transformer(tower) => tower.forward(images, workspace),
            Self::Convolutional(tower) => tower.forward(images, workspace),
            Self::FastVit(tower) => tower.forward(images, workspace),
        }
    }
}

impl Towers for CpuTowers {
    fn logits(&self) -> LogitParameters {
        self.logits
    }

    fn encode_texts(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        check_tokens(texts, self.text.vocabulary(), self.text.longest())?;
        let texts: Vec<&[u32]> = texts.iter().map(|ids| self.text.seen(ids)).collect();
        let rows = texts.iter().map(|ids| ids.len()).sum();
        self.groups.run(&texts, rows, |texts, workspace| {
            self.text.forward(texts, workspace)
        })
    }

    fn encode_images(&self, images: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let rows = self.vision.rows(images);
        self.groups.run(images, rows, |images, workspace| {
            Ok(self.vision.forward(images, workspace))
        })
    }
}
