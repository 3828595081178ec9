//! CLIP on the processor, with this program's own matrix kernels: weights packed once, buffers used again, nothing
//! padded, nothing transposed.
//!
//! A batch is cut into groups of some hundred rows, and each group runs through the whole tower on one thread: what lies
//! between two steps stays in that core's cache, and no thread waits for another before the end. See
//! docs/decisions/0009-cpu-engine.md.

mod convolution;
mod convolutional;
mod dense;
mod groups;
pub(crate) mod matrix;
mod products;
mod store;
mod text;
mod transformer;
mod vision;
mod workspace;

use std::io::Read;
use std::time::{Duration, Instant};

use eidetic_domain::Precision;
use eidetic_encoder::{EncodeError, Pixels};

use crate::config::ClipConfig;
use crate::engine::{LOGIT_SCALE, Towers, check_tokens};
use crate::error::LoadError;
use crate::weights::Weights;

use convolutional::ConvolutionalTower;
use groups::Groups;
use products::Products;
use store::{Stored, keep};
use text::TextTower;
use vision::VisionTower;
use workspace::Workspace;

/// A CLIP model in packed form.
pub struct CpuClip {
    text: TextTower,
    vision: Vision,
    groups: Groups,
    logit_scale: Option<f32>,
}

enum Vision {
    Transformer(VisionTower),
    Convolutional(ConvolutionalTower),
}

impl CpuClip {
    /// Reads a weight file of `length` bytes and feeds it to `hasher`. Each tensor is packed as it arrives, so that no
    /// more is held than the packed model and one tensor.
    pub fn load(
        config: &ClipConfig,
        precision: Precision,
        reader: &mut dyn Read,
        length: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<Self, LoadError> {
        let mut weights = Weights::read(reader, length, hasher, &|name, tensor| {
            keep(name, &tensor, precision)
        })?;
        Ok(Self {
            text: TextTower::load(&mut weights, config)?,
            vision: Vision::load(&mut weights, config)?,
            groups: Groups::default(),
            logit_scale: weights.scalar(LOGIT_SCALE),
        })
    }
}

impl Vision {
    fn load(weights: &mut Weights<Stored>, config: &ClipConfig) -> Result<Self, LoadError> {
        Ok(match config.vision.convolutional()? {
            None => Self::Transformer(VisionTower::load(weights, config)?),
            Some(tower) => Self::Convolutional(ConvolutionalTower::load(weights, &tower, config.projection)?),
        })
    }

    /// Rows that a picture counts for when batches are cut.
    fn length(&self) -> usize {
        match self {
            Self::Transformer(tower) => tower.length(),
            Self::Convolutional(tower) => tower.length(),
        }
    }

    fn forward(&self, pictures: &[Pixels], workspace: &mut Workspace) -> Vec<Vec<f32>> {
        match self {
            Self::Transformer(tower) => tower.forward(pictures, workspace),
            Self::Convolutional(tower) => tower.forward(pictures, workspace),
        }
    }

    fn products(&self, pictures: usize, products: &mut Products) {
        match self {
            Self::Transformer(tower) => tower.products(pictures, products),
            Self::Convolutional(tower) => tower.products(pictures, products),
        }
    }
}

impl Towers for CpuClip {
    fn logit_scale(&self) -> Option<f32> {
        self.logit_scale
    }

    fn products_alone(&self, pictures: usize) -> Option<Duration> {
        let items = vec![(); pictures];
        let rows = pictures * self.vision.length();
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
        // What stands behind the end is seen by nothing that counts.
        let texts: Vec<&[u32]> = texts.iter().map(|ids| self.text.trimmed(ids)).collect();
        let rows = texts.iter().map(|ids| ids.len()).sum();
        Ok(self.groups.run(&texts, rows, |texts, workspace| {
            self.text.forward(texts, workspace)
        }))
    }

    fn encode_pictures(&self, pictures: &[Pixels]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let rows = pictures.len() * self.vision.length();
        Ok(self.groups.run(pictures, rows, |pictures, workspace| {
            self.vision.forward(pictures, workspace)
        }))
    }
}
