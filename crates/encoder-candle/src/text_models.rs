//! Models by their text side alone.

use eidetic_encoder::{EncodeError, Encoder, TextModel};

use crate::error::LoadError;
use crate::hub::{Hub, refuse_strange_name};
use crate::layout;
use crate::model_ref::ModelRef;
use crate::opening::Opening;
use crate::text_only;

/// The family of a model that reads texts only; `None` for every other. Of a model of the hub no more is fetched than
/// its description.
pub fn text_only_family(model: &ModelRef, opening: &Opening) -> Result<Option<String>, LoadError> {
    match model {
        ModelRef::Builtin => Ok(None),
        ModelRef::Directory(path) => Ok(text_only::family(&path.join("config.json"))),
        ModelRef::Hub { id, revision } => {
            refuse_strange_name(id, revision.as_deref())?;
            let hub = Hub::find(id, revision.as_deref(), opening.hub, opening.progress);
            Ok(text_only::family(&layout::config(&hub)?))
        }
    }
}

/// Opens a model that reads texts only, by its family.
pub fn open(model: &ModelRef, family: &str, _opening: &Opening) -> Result<Box<dyn TextModel>, LoadError> {
    // Each family that can be run is one arm here.
    Err(LoadError::UnknownTextModel {
        model: model.to_string(),
        family: family.to_owned(),
    })
}

/// The text side of a model that has a picture side too.
pub struct TextTower(pub Box<dyn Encoder>);

impl TextModel for TextTower {
    fn name(&self) -> &str {
        &self.0.space().model
    }

    fn revision(&self) -> &str {
        &self.0.space().revision
    }

    fn dimension(&self) -> usize {
        self.0.space().dimension
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let embeddings = self.0.encode_texts(texts)?;
        Ok(embeddings
            .iter()
            .map(|embedding| embedding.as_slice().to_vec())
            .collect())
    }
}
