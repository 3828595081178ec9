//! From a model reference to files on this disk: the one place that resolves names.

use std::path::{Path, PathBuf};

use crate::cache::{self, DownloadProgress, FetchedModel};
use crate::error::HubError;
use crate::known_models::Modality;
use crate::model_kind;
use crate::model_ref::ModelRef;
use crate::settings::HubSettings;

/// A model whose files are on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedModel {
    /// The model of its space: `builtin`, the directory's own name, or the Hub's id.
    pub name: String,
    /// Where it was looked for, as errors name it.
    pub place: String,
    /// Its files.
    pub location: ModelLocation,
    /// The family of a text-only model.
    pub text_family: Option<String>,
    /// Components of shortened embeddings (Matryoshka), where fewer are wanted than the model gives.
    pub dimension: Option<usize>,
}

/// Where a model's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLocation {
    /// Inside this program.
    Builtin,
    /// A directory, or a GGUF file.
    Path(PathBuf),
}

/// Locates a model, downloading the files that are missing.
///
/// With [`Modality::ImageText`] a text-only model is an error that names `eidetic align`; with [`Modality::Text`] every model
/// is located.
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
        // The only family that is read from GGUF.
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

/// The last part of the path, also where it ends in `.` or is a link.
pub fn directory_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name()
        .map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}
