//! Models by their text side alone.

use std::path::Path;

use eidetic_encoder::{EncodeError, Encoder, TextModel};

use crate::engine::Engine;
use crate::error::LoadError;
use crate::load::Opening;
use crate::memory::{self, MemoryLimit};
use eidetic_hub::ModelRef;
use eidetic_hub::{Hub, refuse_strange_name};

/// The family of Qwen2.5, and of every GGUF file that can be read.
const QWEN: &str = "qwen2";

/// The family of a model that reads texts only; `None` for every other. Of a model of the hub no more is fetched than
/// its description.
pub fn text_only_family(model: &ModelRef, opening: &Opening) -> Result<Option<String>, LoadError> {
    match model {
        ModelRef::Builtin => Ok(None),
        ModelRef::Directory(path) if is_gguf(path) => Ok(Some(QWEN.to_owned())),
        ModelRef::Directory(path) => Ok(eidetic_hub::family(&path.join("config.json"))),
        ModelRef::Hub { id, revision } => {
            refuse_strange_name(id, revision.as_deref())?;
            let hub = Hub::find(id, revision.as_deref(), opening.hub, opening.progress);
            Ok(eidetic_hub::family(&eidetic_hub::config(&hub)?))
        }
        ModelRef::Shortened { model, .. } => text_only_family(model, opening),
    }
}

/// A file of quantised weights, or a folder that has one and no other description of a model.
fn is_gguf(path: &Path) -> bool {
    let ends = |path: &Path| path.extension().is_some_and(|extension| extension == "gguf");
    let inside = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| ends(&entry.path()))
    };
    ends(path) || (path.is_dir() && !path.join("config.json").exists() && inside(path))
}

/// Opens a model that reads texts only, by its family.
pub fn open(model: &ModelRef, family: &str, opening: &Opening) -> Result<Box<dyn TextModel>, LoadError> {
    if family != QWEN {
        return Err(LoadError::UnknownTextModel {
            model: model.to_string(),
            family: family.to_owned(),
        });
    }
    let (folder, name) = match model {
        ModelRef::Hub { id, revision } => {
            let hub = Hub::find(id, revision.as_deref(), opening.hub, opening.progress);
            (hub.text_model()?, id.clone())
        }
        ModelRef::Directory(path) => (path.clone(), crate::directory_name(path)),
        ModelRef::Builtin | ModelRef::Shortened { .. } => {
            return Err(LoadError::Config(format!(
                "{model}: vectors of models that read texts only cannot be shortened"
            )));
        }
    };
    if opening.memory == MemoryLimit::Available {
        memory::check(&folder, &name, Engine::Cpu(opening.precision))?;
    }
    crate::qwen::open_text(&folder, &name, &model.to_string(), opening.precision)
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
