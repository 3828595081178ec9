//! Opening whatever a name stands for: the one place that knows all kinds of models.

use std::path::PathBuf;

use eidetic_domain::Precision;
use eidetic_encoder::{Encoder, TextModel};

use crate::aligned;
use crate::device::Device;
use crate::error::LoadError;
use crate::memory::{self, MemoryLimit};
use crate::text_models;
use eidetic_hub::ModelRef;
use eidetic_hub::{DownloadProgress, HubSettings};

/// How a model is opened.
pub struct Opening<'a> {
    /// What it computes in, where its device leaves the choice.
    pub precision: Precision,
    /// What it runs on.
    pub device: Device,
    /// Whether it must fit into memory.
    pub memory: MemoryLimit,
    /// Where it is downloaded from, if it has to be.
    pub hub: &'a HubSettings,
    /// Told about the download.
    pub progress: &'a dyn DownloadProgress,
}

/// Opens a model of texts and pictures: any that [`open`](crate::open) opens, or a directory that `eidetic align` made.
pub fn open_encoder(model: &ModelRef, opening: &Opening) -> Result<Box<dyn Encoder>, LoadError> {
    if let Some(directory) = aligned::directory_of(model) {
        return Ok(Box::new(aligned::AlignedEncoder::open(directory, opening)?));
    }
    prepare(model, opening)?;
    let engine = opening.device.engine(opening.precision);
    let encoder = crate::open(model, engine, opening.hub, opening.progress)?;
    Ok(Box::new(encoder))
}

/// Opens a model by its text side alone: one that reads texts only, or the text tower of any other.
pub fn open_text_model(model: &ModelRef, opening: &Opening) -> Result<Box<dyn TextModel>, LoadError> {
    if let Some(family) = text_models::text_only_family(model, opening)? {
        return text_models::open(model, &family, opening);
    }
    Ok(Box::new(text_models::TextTower(open_encoder(model, opening)?)))
}

/// Everything that comes before a model's weights are read: its files are fetched, its device is there, its weights fit
/// into memory.
pub fn prepare(model: &ModelRef, opening: &Opening) -> Result<(), LoadError> {
    opening.device.open()?;
    let Some(folder) = folder_of(model, opening)? else {
        return Ok(());
    };
    if opening.memory == MemoryLimit::Ignored {
        return Ok(());
    }
    memory::check(
        &folder,
        &model.to_string(),
        opening.device.engine(opening.precision),
    )
}

/// Where a model's files lie, after they were fetched if need be; the built-in one has none.
pub fn folder_of(model: &ModelRef, opening: &Opening) -> Result<Option<PathBuf>, LoadError> {
    match model {
        ModelRef::Builtin => Ok(None),
        ModelRef::Directory(path) => Ok(Some(path.clone())),
        ModelRef::Shortened { model, .. } => folder_of(model, opening),
        ModelRef::Hub { id, revision } => Ok(Some(eidetic_hub::fetch(
            id,
            revision.as_deref(),
            opening.hub,
            opening.progress,
        )?)),
    }
}
