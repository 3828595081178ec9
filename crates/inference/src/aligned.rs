//! Aligned models: a text model and an image model with a projection between them, made by `eidetic align`.
//!
//! The vectors of a text-only model cannot be compared with those of images. A linear map, fitted on captioned images,
//! projects them into the space of the image model, whose vectors stay as they are.

mod captions;
mod fit;
mod folder;
mod matrix;
mod ridge;

use std::path::Path;

use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration, TextModel};
use eidetic_hub::{ModelRef, directory_name};
use image::RgbImage;

use crate::error::LoadError;

pub use captions::{
    AlignError, AlignProgress, Alignment, CaptionedImage, FailedCaption, align, read_captions,
};
pub use fit::{
    CaptionPair, Centering, FitError, Fitted, Hyperparameters, MIN_IMAGES, RecallAtK, fit_alignment,
};
pub use folder::AlignedModels;

/// The directory, if the reference names one that `eidetic align` made.
pub fn directory_of(model: &ModelRef) -> Option<&Path> {
    match model {
        ModelRef::Directory(path) if path.join(folder::DESCRIPTION).is_file() => Some(path),
        _ => None,
    }
}

/// Encodes texts with a text model and a projection, images with an image model.
pub struct AlignedEncoder {
    space: SpaceId,
    texts: Box<dyn TextModel>,
    images: Box<dyn Encoder>,
    projection: AffineMap,
    scores: ScoreCalibration,
}

/// The linear map `weights · x + offset`; results are not normalized.
pub(crate) struct AffineMap {
    /// Outputs × inputs.
    weights: Vec<f32>,
    offset: Vec<f32>,
    inputs: usize,
}

impl AlignedEncoder {
    /// Loads a directory that [`AlignedModels::save`] made. The functions load the text model, with the prompt that it
    /// was fitted with, and the image model that it names.
    pub(crate) fn load(
        directory: &Path,
        load_text_model: impl FnOnce(&ModelRef, Option<String>) -> Result<Box<dyn TextModel>, LoadError>,
        load_image_model: impl FnOnce(&ModelRef) -> Result<Box<dyn Encoder>, LoadError>,
    ) -> Result<Self, LoadError> {
        let stored = folder::read(directory)?;
        for model in [&stored.text_model, &stored.image_model] {
            if directory_of(model).is_some() {
                return Err(folder::invalid(
                    directory,
                    "one of its models is an aligned model itself",
                ));
            }
        }
        let texts = load_text_model(&stored.text_model, stored.text_prompt.clone())?;
        let images = load_image_model(&stored.image_model)?;
        folder::require_same_models(directory, &stored, texts.as_ref(), images.as_ref())?;
        Ok(Self {
            space: SpaceId {
                model: directory_name(directory),
                revision: stored.revision,
                preprocessing: images.space().preprocessing.clone(),
                dimension: images.space().dimension,
            },
            scores: ScoreCalibration {
                range: stored.score_range,
                text: None,
                ..images.score_calibration()
            },
            projection: stored.projection,
            texts,
            images,
        })
    }
}

impl Encoder for AlignedEncoder {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn shorter_side(&self) -> Option<u32> {
        self.images.shorter_side()
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.scores
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.images.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let vectors = self.texts.encode(texts)?;
        vectors
            .iter()
            .map(|vector| Ok(Embedding::normalize(self.projection.apply(vector)?)?))
            .collect()
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.images.encode_pixels(batch)
    }
}

impl AffineMap {
    fn apply(&self, vector: &[f32]) -> Result<Vec<f32>, EncodeError> {
        if vector.len() != self.inputs {
            let reason = format!(
                "the text model returned vectors of dimension {}; expected {}",
                vector.len(),
                self.inputs
            );
            return Err(EncodeError::Engine(reason.into()));
        }
        let unit = fit::unit(vector);
        let rows = self.weights.chunks_exact(self.inputs).zip(&self.offset);
        let dot = |row: &[f32]| -> f32 { row.iter().zip(&unit).map(|(weight, x)| weight * x).sum() };
        Ok(rows.map(|(row, offset)| dot(row) + offset).collect())
    }
}

impl std::fmt::Debug for AlignedEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}
