//! Resolves a model reference to files on this disk; nothing else does.

use std::path::{Path, PathBuf};

use crate::cache::{self, DownloadProgress, FetchedModel};
use crate::error::HubError;
use crate::known_models::Modality;
use crate::model_kind;
use crate::model_ref::ModelRef;
use crate::settings::HubSettings;

/// A model with all files on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedModel {
    /// The model's name in its space: `builtin`, the directory's name, or the Hub id.
    pub name: String,
    /// What errors name: `builtin`, the path, or the Hub id.
    pub place: String,
    /// Where its files are.
    pub location: ModelLocation,
    /// `model_type` of a text-only model; `None` for others.
    pub text_family: Option<String>,
    /// Dimension of shortened embeddings (Matryoshka); `None` for the model's own.
    pub dimension: Option<usize>,
}

/// The place of a model's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLocation {
    /// Embedded in this program.
    Builtin,
    /// A directory, or a GGUF file.
    Path(PathBuf),
}

/// Locates a model, downloading the files that are missing.
///
/// With [`Modality::ImageText`] a text-only model is an error that names `eidetic align`; with [`Modality::Text`] every
/// model is accepted.
pub fn locate(
    model: &ModelRef,
    wanted: Modality,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<LocatedModel, HubError> {
    match model {
        ModelRef::Builtin => Ok(LocatedModel {
            name: "builtin".into(),
            place: "builtin".into(),
            location: ModelLocation::Builtin,
            text_family: None,
            dimension: None,
        }),
        ModelRef::Directory(path) => in_directory(path, wanted),
        ModelRef::Hub { id, revision } => {
            let FetchedModel { folder, text_family } =
                cache::fetch(id, revision.as_deref(), wanted, settings, progress)?;
            Ok(LocatedModel {
                name: id.clone(),
                place: id.clone(),
                location: ModelLocation::Path(folder),
                text_family,
                dimension: None,
            })
        }
        ModelRef::Shortened { model, dimension } => {
            let located = locate(model, wanted, settings, progress)?;
            if located.text_family.is_some() {
                return Err(HubError::CannotShorten {
                    model: model.to_string(),
                });
            }
            Ok(LocatedModel {
                dimension: Some(*dimension),
                ..located
            })
        }
    }
}

fn in_directory(path: &Path, wanted: Modality) -> Result<LocatedModel, HubError> {
    let place = path.display().to_string();
    let gguf = match wanted {
        Modality::Text => model_kind::gguf_file(path)?,
        Modality::ImageText => None,
    };
    let text_family = match gguf {
        // GGUF files are read for this family only.
        Some(_) => Some(model_kind::QWEN.to_owned()),
        None => model_kind::text_family(&path.join("config.json")),
    };
    if let Some(family) = &text_family {
        model_kind::require_images(&place, family, wanted)?;
    }
    Ok(LocatedModel {
        name: directory_name(path),
        location: ModelLocation::Path(gguf.unwrap_or_else(|| path.to_owned())),
        place,
        text_family,
        dimension: None,
    })
}

/// The name of the directory, also if the path ends in `.` or is a link.
pub fn directory_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name()
        .map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}
