//! The directory of an aligned model: `aligned.json`, which names both models and their revisions, and
//! `projection.safetensors`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use eidetic_domain::SpaceId;
use eidetic_encoder::{Encoder, ScoreRange, TextModel};
use eidetic_hub::{HubError, ModelRef};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::AffineMap;
use super::fit::{Fitted, Hyperparameters, RecallAtK};
use crate::error::LoadError;
use crate::layers::weights::{WeightReader, Weights};
use crate::tensor_names::Names;

pub const DESCRIPTION: &str = "aligned.json";
const PROJECTION: &str = "projection.safetensors";
/// Format version of the directory.
const FORMAT: u32 = 1;
/// Largest accepted description, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The models between which a projection was fitted.
pub struct AlignedModels<'a> {
    /// How to load the text model again.
    pub text_reference: &'a ModelRef,
    /// The text model.
    pub text_model: &'a dyn TextModel,
    /// How to load the image model again.
    pub image_reference: &'a ModelRef,
    /// The image model.
    pub image_model: &'a dyn Encoder,
}

/// The content of `aligned.json`.
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    text_model: TextModelEntry,
    image_model: ImageModelEntry,
    #[serde(rename = "recipe")]
    hyperparameters: Hyperparameters,
    #[serde(rename = "span")]
    score_range: ScoreRange,
    fitted: FitMetrics,
}

#[derive(Serialize, Deserialize)]
struct TextModelEntry {
    reference: String,
    name: String,
    revision: String,
    dimension: usize,
    /// What goes before every text. Only sentence encoders have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ImageModelEntry {
    reference: String,
    space: SpaceId,
}

/// Sizes of both parts, and the recall on the held-out one.
#[derive(Serialize, Deserialize)]
struct FitMetrics {
    #[serde(rename = "pictures")]
    images: usize,
    captions: usize,
    #[serde(rename = "held_out_pictures")]
    held_out_images: usize,
    held_out_captions: usize,
    chance: RecallAtK,
    before: Option<RecallAtK>,
    after: RecallAtK,
}

/// The content of a directory, without its models.
pub struct StoredAlignment {
    pub text_model: ModelRef,
    /// What goes before every text, for a sentence encoder.
    pub text_prompt: Option<String>,
    pub image_model: ModelRef,
    pub projection: AffineMap,
    pub score_range: ScoreRange,
    /// A hash over both models' revisions and the projection.
    pub revision: String,
    description: Description,
}

impl AlignedModels<'_> {
    /// Writes the directory. Paths of models are stored as absolute ones. Errors: the directory has other files than those
    /// of an earlier alignment.
    pub fn save(&self, directory: &Path, fitted: &Fitted) -> Result<(), LoadError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LoadError::Hub(HubError::Read { path, source })
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        reject_other_files(directory)?;
        let projection = directory.join(PROJECTION);
        fs::write(&projection, serialize(fitted)).map_err(failed(&projection))?;
        let description = directory.join(DESCRIPTION);
        let json = serde_json::to_vec_pretty(&self.description(fitted))
            .map_err(|error| invalid(directory, &error.to_string()))?;
        // Last: without it, the directory does not count as a model.
        fs::write(&description, json).map_err(failed(&description))
    }

    fn description(&self, fitted: &Fitted) -> Description {
        Description {
            format: FORMAT,
            text_model: TextModelEntry {
                reference: self.text_reference.canonical().to_string(),
                name: self.text_model.name().to_owned(),
                revision: self.text_model.revision().to_owned(),
                dimension: self.text_model.dimension(),
                prompt: self.text_model.prompt().map(str::to_owned),
            },
            image_model: ImageModelEntry {
                reference: self.image_reference.canonical().to_string(),
                space: self.image_model.space().clone(),
            },
            hyperparameters: fitted.hyperparameters,
            score_range: fitted.score_range,
            fitted: FitMetrics {
                images: fitted.images,
                captions: fitted.captions,
                held_out_images: fitted.held_out_images,
                held_out_captions: fitted.held_out_captions,
                chance: fitted.chance,
                before: fitted.before,
                after: fitted.after,
            },
        }
    }
}

/// Protects directories that `eidetic align` did not make.
fn reject_other_files(directory: &Path) -> Result<(), LoadError> {
    let entries = fs::read_dir(directory).map_err(|source| {
        LoadError::Hub(HubError::Read {
            path: directory.to_owned(),
            source,
        })
    })?;
    let has_other_files = entries.flatten().any(|entry| {
        ![DESCRIPTION, PROJECTION]
            .map(Into::into)
            .contains(&entry.file_name())
    });
    if has_other_files {
        return Err(invalid(
            directory,
            "the directory has other files; give another directory with --out",
        ));
    }
    Ok(())
}

/// Two tensors in safetensors format: `weights`, dimension of images × dimension of captions, and `offset`.
fn serialize(fitted: &Fitted) -> Vec<u8> {
    let bytes = |values: &mut dyn Iterator<Item = &f32>| -> Vec<u8> {
        values.flat_map(|value| value.to_le_bytes()).collect()
    };
    let weights = bytes(&mut fitted.weights.iter().flatten());
    let offset = bytes(&mut fitted.offset.iter());
    let (rows, columns) = (fitted.offset.len(), fitted.weights.first().map_or(0, Vec::len));
    let view = |shape: Vec<usize>, bytes| {
        TensorView::new(Dtype::F32, shape, bytes).expect("as many bytes as the shape says")
    };
    let tensors = [
        ("weights", view(vec![rows, columns], &weights)),
        ("offset", view(vec![rows], &offset)),
    ];
    safetensors::serialize(tensors, None).expect("two named tensors can be written")
}

/// Reads a directory, without loading its models.
pub fn read(directory: &Path) -> Result<StoredAlignment, LoadError> {
    let json = description_json(directory)?;
    let description: Description =
        serde_json::from_slice(&json).map_err(|error| invalid(directory, &error.to_string()))?;
    if description.format != FORMAT {
        let reason = format!("unknown format version {}; expected {FORMAT}", description.format);
        return Err(invalid(directory, &reason));
    }
    let range = description.score_range;
    if !(range.low.is_finite() && range.high > range.low) {
        return Err(invalid(directory, "its range of scores is empty"));
    }
    let reference = |text: &str| {
        text.parse::<ModelRef>()
            .map_err(|error| invalid(directory, &error.to_string()))
    };
    // The description has the revisions of both models.
    let mut hasher = blake3::Hasher::new();
    hasher.update(&json);
    let (inputs, outputs) = (
        description.text_model.dimension,
        description.image_model.space.dimension,
    );
    let projection = projection(&directory.join(PROJECTION), [outputs, inputs], &mut hasher)?;
    Ok(StoredAlignment {
        text_model: reference(&description.text_model.reference)?,
        text_prompt: description.text_model.prompt.clone(),
        image_model: reference(&description.image_model.reference)?,
        score_range: description.score_range,
        revision: hasher.finalize().to_hex()[..16].to_owned(),
        projection,
        description,
    })
}

/// Errors: a model is not the one that the projection was fitted for.
pub fn require_same_models(
    directory: &Path,
    stored: &StoredAlignment,
    texts: &dyn TextModel,
    images: &dyn Encoder,
) -> Result<(), LoadError> {
    let (text, image) = (&stored.description.text_model, &stored.description.image_model);
    let changed = |name: &str| {
        let reason = format!("{name} has changed since the projection was fitted; run eidetic align again");
        Err(invalid(directory, &reason))
    };
    if (texts.revision(), texts.dimension()) != (text.revision.as_str(), text.dimension) {
        return changed(&text.name);
    }
    let found = images.space();
    if (&found.revision, &found.preprocessing, found.dimension)
        != (
            &image.space.revision,
            &image.space.preprocessing,
            image.space.dimension,
        )
    {
        return changed(&image.space.model);
    }
    Ok(())
}

pub fn invalid(directory: &Path, reason: &str) -> LoadError {
    LoadError::Aligned {
        place: directory.display().to_string(),
        reason: reason.to_owned(),
    }
}

fn description_json(directory: &Path) -> Result<Vec<u8>, LoadError> {
    let path = directory.join(DESCRIPTION);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > MAX_BYTES => Err(invalid(
            directory,
            &format!("{DESCRIPTION} is larger than {MAX_BYTES} bytes"),
        )),
        Ok(_) => Ok(bytes),
        Err(source) => Err(LoadError::Hub(HubError::Read { path, source })),
    }
}

fn projection(
    path: &Path,
    [outputs, inputs]: [usize; 2],
    hasher: &mut blake3::Hasher,
) -> Result<AffineMap, LoadError> {
    let mut file = open(path)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut weights = Weights::new(Names::default());
    let reader = WeightReader {
        reader: &mut file,
        length,
        tables: None,
    };
    weights.read_file(reader, hasher, &|_, data| data.into_f32())?;
    if inputs == 0 {
        return Err(LoadError::Weights("the projection has no inputs".into()));
    }
    Ok(AffineMap {
        weights: weights.take("weights", &[outputs, inputs])?,
        offset: weights.take("offset", &[outputs])?,
        inputs,
    })
}

fn open(path: &Path) -> Result<File, LoadError> {
    File::open(path).map_err(|source| {
        if source.kind() == ErrorKind::NotFound {
            LoadError::Hub(HubError::FileMissing {
                file: PROJECTION,
                place: path.parent().unwrap_or(&PathBuf::new()).display().to_string(),
            })
        } else {
            LoadError::Hub(HubError::Read {
                path: path.to_owned(),
                source,
            })
        }
    })
}
