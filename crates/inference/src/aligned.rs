//! A text model beside a picture model, with a projection between them: what `eidetic align` makes.
//!
//! A language model's vectors do not lie in the space of any pictures. A linear map, fitted on captioned pictures, takes
//! them there; pictures' vectors stay those of the picture model.

mod captions;
mod fit;
mod folder;
mod matrix;
mod ridge;

use std::path::Path;

use eidetic_domain::{Embedding, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration, TextModel};
use image::RgbImage;

use crate::error::LoadError;
use crate::load::{LoadOptions, load_encoder, load_text_model};
use eidetic_hub::{DownloadProgress, ModelRef, directory_name};

pub use captions::{
    AlignError, AlignProgress, Alignment, CaptionError, CaptionedImage, FailedCaption, align, read_captions,
};
pub use fit::{FitError, Fitted, LEAST_PICTURES, Offset, Pair, Recalls, Recipe, fit_alignment};
pub use folder::AlignedModels;

/// The directory, if the name stands for one that `eidetic align` made.
pub fn directory_of(model: &ModelRef) -> Option<&Path> {
    match model {
        ModelRef::Directory(path) if path.join(folder::DESCRIPTION).is_file() => Some(path),
        _ => None,
    }
}

/// Texts through a text model and a projection, pictures through a picture model.
pub struct AlignedEncoder {
    space: SpaceId,
    texts: Box<dyn TextModel>,
    pictures: Box<dyn Encoder>,
    projection: Projection,
    scores: ScoreCalibration,
}

/// `weights · x + offset`, of which only the direction counts.
pub(crate) struct Projection {
    /// One row a component of the result.
    weights: Vec<f32>,
    offset: Vec<f32>,
    inputs: usize,
}

impl AlignedEncoder {
    /// Loads a directory that [`AlignedModels::save`] made, and both models that it names.
    pub(crate) fn load(
        directory: &Path,
        options: &LoadOptions,
        progress: &dyn DownloadProgress,
    ) -> Result<Self, LoadError> {
        let opened = folder::read(directory)?;
        for model in [&opened.text_model, &opened.image_model] {
            if directory_of(model).is_some() {
                return Err(folder::unusable(
                    directory,
                    "one of its models is an aligned one itself",
                ));
            }
        }
        let texts = load_text_model(&opened.text_model, options, progress)?;
        let pictures = load_encoder(&opened.image_model, options, progress)?;
        folder::same_models(directory, &opened, texts.as_ref(), pictures.as_ref())?;
        Ok(Self {
            space: SpaceId {
                model: directory_name(directory),
                revision: opened.revision,
                preprocessing: pictures.space().preprocessing.clone(),
                dimension: pictures.space().dimension,
            },
            scores: ScoreCalibration {
                range: opened.span,
                text: None,
                ..pictures.score_calibration()
            },
            projection: opened.projection,
            texts,
            pictures,
        })
    }
}

impl Encoder for AlignedEncoder {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn shorter_side(&self) -> Option<u32> {
        self.pictures.shorter_side()
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.scores
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.pictures.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        let vectors = self.texts.encode(texts)?;
        vectors
            .iter()
            .map(|vector| Ok(Embedding::normalize(self.projection.apply(vector)?)?))
            .collect()
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.pictures.encode_pixels(batch)
    }
}

impl Projection {
    fn apply(&self, vector: &[f32]) -> Result<Vec<f32>, EncodeError> {
        if vector.len() != self.inputs {
            let reason = format!(
                "the text model gave {} numbers, not {}",
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
