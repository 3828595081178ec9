//! Two-tower models on the processor, with this program's own matrix kernels: weights packed once, buffers used again, nothing
//! padded, nothing transposed.
//!
//! A batch is cut into groups of some hundred rows, and each group runs through the whole tower on one thread: what lies
//! between two steps stays in that core's cache, and no thread waits for another before the end. See
//! docs/decisions/0009-cpu-engine.md.

mod convolution;
mod convolutional;
mod depthwise;
mod excitation;
mod fast_vit;
mod groups;
mod pool;
mod text;
mod transformer;
mod vision;
mod workspace;

use std::io::Read;
use std::time::{Duration, Instant};

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, Pixels};

use crate::engine::{LogitFacts, Towers, check_tokens};
use crate::error::LoadError;
use crate::layers::packing::{Stored, keep};
use crate::layers::products::Products;
use crate::layers::weights::Weights;
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
    logits: LogitFacts,
}

enum Vision {
    Transformer(Box<VisionTower>),
    Convolutional(Box<ConvolutionalTower>),
    FastVit(Box<FastVitTower>),
}

impl CpuTowers {
    /// Reads a weight file of `length` bytes and feeds it to `hasher`. Each tensor is packed as it arrives, so that no
    /// more is held than the packed model and one tensor.
    pub fn load(
        config: &ModelConfig,
        precision: Precision,
        reader: &mut dyn Read,
        length: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        let mut weights = Weights::read(reader, length, hasher, &config.names, &|name, tensor| {
            keep(name, &tensor, precision)
        })?;
        Ok(Self {
            text: TextTower::load(&mut weights, config)?,
            vision: Vision::load(&mut weights, config, precision)?,
            groups: Groups::default(),
            logits: LogitFacts::of(&weights),
        })
    }
}

impl Vision {
    fn load(
        weights: &mut Weights<Stored>,
        config: &ModelConfig,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let dimension = config.dimension;
        Ok(match &config.vision {
            VisionConfig::Transformer(tower) => {
                Self::Transformer(Box::new(VisionTower::load(weights, tower, dimension)?))
            }
            VisionConfig::Convolutional(tower) => {
                Self::Convolutional(Box::new(ConvolutionalTower::load(weights, tower, dimension)?))
            }
            VisionConfig::FastVit(tower) => Self::FastVit(Box::new(FastVitTower::load(
                weights, tower, dimension, precision,
            )?)),
        })
    }

    /// Rows that the pictures count for when batches are cut.
    fn rows(&self, pictures: &[Pixels]) -> usize {
        match self {
            Self::Transformer(tower) => tower.rows(pictures),
            Self::Convolutional(_) | Self::FastVit(_) => pictures.len() * self.longest(),
        }
    }

    /// Rows that a picture counts for, at most.
    fn longest(&self) -> usize {
        match self {
            Self::Transformer(tower) => tower.longest(),
            Self::Convolutional(tower) => tower.length(),
            Self::FastVit(tower) => tower.length(),
        }
    }

    fn forward(&self, pictures: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        match self {
            Self::Transformer(tower) => tower.forward(pictures, workspace),
            Self::Convolutional(tower) => tower.forward(pictures, workspace),
            Self::FastVit(tower) => tower.forward(pictures, workspace),
        }
    }

    fn products(&self, pictures: usize, products: &mut Products) {
        match self {
            Self::Transformer(tower) => tower.products(pictures, products),
            Self::Convolutional(tower) => tower.products(pictures, products),
            Self::FastVit(tower) => tower.products(pictures, products),
        }
    }
}

impl Towers for CpuTowers {
    fn logits(&self) -> LogitFacts {
        self.logits
    }

    fn products_alone(&self, pictures: usize) -> Option<Duration> {
        let items = vec![(); pictures];
        let rows = pictures * self.vision.longest();
        let run = || {
            self.groups.run(&items, rows, |group, workspace| {
                self.vision.products(group.len(), &mut workspace.products);
                Vec::new()
            });
        };
        run();
        let start = Instant::now();
        run();
        Some(start.elapsed())
    }

    fn encode_texts(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        check_tokens(texts, self.text.vocabulary(), self.text.longest())?;
        let texts: Vec<&[u32]> = texts.iter().map(|ids| self.text.seen(ids)).collect();
        let rows = texts.iter().map(|ids| ids.len()).sum();
        Ok(self.groups.run(&texts, rows, |texts, workspace| {
            self.text.forward(texts, workspace)
        }))
    }

    fn encode_pictures(&self, pictures: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let rows = self.vision.rows(pictures);
        Ok(self.groups.run(pictures, rows, |pictures, workspace| {
            self.vision.forward(pictures, workspace)
        }))
    }
}
