//! The directory of an aligned model: `aligned.json`, which names both models and their revisions, and
//! `projection.safetensors`.

use eidetic_hub::HubError;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use eidetic_domain::SpaceId;
use eidetic_encoder::{Encoder, ScoreRange, TextModel};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::Projection;
use super::fit::{Fitted, Recalls, Recipe};
use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::tensor_names::Names;
use eidetic_hub::ModelRef;

pub const DESCRIPTION: &str = "aligned.json";
const PROJECTION: &str = "projection.safetensors";
/// Version of the directory's layout that this program writes and reads.
const FORMAT: u32 = 1;
/// Bytes of a description; more is a mistake.
const LARGEST_DESCRIPTION: u64 = 1 << 20;

/// A text model and a picture model, as they were when a projection was fitted between them.
pub struct AlignedModels<'a> {
    /// How to load the text model again.
    pub text_reference: &'a ModelRef,
    /// The text model.
    pub text_model: &'a dyn TextModel,
    /// How to load the picture model again.
    pub image_reference: &'a ModelRef,
    /// The picture model.
    pub image_model: &'a dyn Encoder,
}

#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    text_model: DescribedText,
    image_model: DescribedImage,
    recipe: Recipe,
    /// Where scores lie: see `ScoreRange`.
    span: ScoreRange,
    /// How it did on the held-out part when it was fitted.
    fitted: Evidence,
}

#[derive(Serialize, Deserialize)]
struct DescribedText {
    reference: String,
    name: String,
    revision: String,
    dimension: usize,
}

#[derive(Serialize, Deserialize)]
struct DescribedImage {
    reference: String,
    space: SpaceId,
}

#[derive(Serialize, Deserialize)]
struct Evidence {
    pictures: usize,
    captions: usize,
    held_out_pictures: usize,
    held_out_captions: usize,
    chance: Recalls,
    before: Option<Recalls>,
    after: Recalls,
}

/// What a directory says.
pub struct Opened {
    pub text_model: ModelRef,
    pub image_model: ModelRef,
    pub projection: Projection,
    pub span: ScoreRange,
    /// Of both models and of the projection.
    pub revision: String,
    described: Description,
}

impl AlignedModels<'_> {
    /// Writes the directory, which must not exist or hold nothing but an earlier alignment. What names a directory is
    /// written as an absolute path.
    pub fn save(&self, directory: &Path, fitted: &Fitted) -> Result<(), LoadError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LoadError::Hub(HubError::Read { path, source })
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        refuse_foreign(directory)?;
        let projection = directory.join(PROJECTION);
        fs::write(&projection, serialise(fitted)).map_err(failed(&projection))?;
        let description = directory.join(DESCRIPTION);
        let json = serde_json::to_vec_pretty(&self.described(fitted))
            .map_err(|error| unusable(directory, &error.to_string()))?;
        // Last: without it the directory is no model.
        fs::write(&description, json).map_err(failed(&description))
    }

    fn described(&self, fitted: &Fitted) -> Description {
        Description {
            format: FORMAT,
            text_model: DescribedText {
                reference: self.text_reference.canonical().to_string(),
                name: self.text_model.name().to_owned(),
                revision: self.text_model.revision().to_owned(),
                dimension: self.text_model.dimension(),
            },
            image_model: DescribedImage {
                reference: self.image_reference.canonical().to_string(),
                space: self.image_model.space().clone(),
            },
            recipe: fitted.recipe,
            span: fitted.span,
            fitted: Evidence {
                pictures: fitted.pictures,
                captions: fitted.captions,
                held_out_pictures: fitted.held_out_pictures,
                held_out_captions: fitted.held_out_captions,
                chance: fitted.chance,
                before: fitted.before,
                after: fitted.after,
            },
        }
    }
}

/// A directory with other things in it is somebody's.
fn refuse_foreign(directory: &Path) -> Result<(), LoadError> {
    let entries = fs::read_dir(directory).map_err(|source| {
        LoadError::Hub(HubError::Read {
            path: directory.to_owned(),
            source,
        })
    })?;
    let foreign = entries.flatten().any(|entry| {
        ![DESCRIPTION, PROJECTION]
            .map(Into::into)
            .contains(&entry.file_name())
    });
    if foreign {
        return Err(unusable(
            directory,
            "there are other things in it; give another directory with --out",
        ));
    }
    Ok(())
}

/// Two tensors: `weights`, pictures' components × captions' components, and `offset`.
fn serialise(fitted: &Fitted) -> Vec<u8> {
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

/// Reads a directory, as far as that goes without its models.
pub fn read(directory: &Path) -> Result<Opened, LoadError> {
    let json = description(directory)?;
    let described: Description =
        serde_json::from_slice(&json).map_err(|error| unusable(directory, &error.to_string()))?;
    if described.format != FORMAT {
        let reason = format!(
            "it has format version {}, this program reads version {FORMAT}",
            described.format
        );
        return Err(unusable(directory, &reason));
    }
    if !(described.span.low.is_finite() && described.span.high > described.span.low) {
        return Err(unusable(directory, "its span of scores is empty"));
    }
    let reference = |text: &str| {
        text.parse::<ModelRef>()
            .map_err(|error| unusable(directory, &error.to_string()))
    };
    // Both models' revisions are in the description.
    let mut hasher = blake3::Hasher::new();
    hasher.update(&json);
    let (inputs, outputs) = (
        described.text_model.dimension,
        described.image_model.space.dimension,
    );
    let projection = projection(&directory.join(PROJECTION), [outputs, inputs], &mut hasher)?;
    Ok(Opened {
        text_model: reference(&described.text_model.reference)?,
        image_model: reference(&described.image_model.reference)?,
        span: described.span,
        revision: hasher.finalize().to_hex()[..16].to_owned(),
        projection,
        described,
    })
}

/// The models must be those that the projection was fitted between: others give other vectors.
pub fn same_models(
    directory: &Path,
    opened: &Opened,
    texts: &dyn TextModel,
    pictures: &dyn Encoder,
) -> Result<(), LoadError> {
    let (text, image) = (&opened.described.text_model, &opened.described.image_model);
    let changed = |name: &str| {
        let reason = format!("{name} has changed since the projection was fitted; run eidetic align again");
        Err(unusable(directory, &reason))
    };
    if (texts.revision(), texts.dimension()) != (text.revision.as_str(), text.dimension) {
        return changed(&text.name);
    }
    let found = pictures.space();
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

pub fn unusable(directory: &Path, reason: &str) -> LoadError {
    LoadError::Aligned {
        place: directory.display().to_string(),
        reason: reason.to_owned(),
    }
}

fn description(directory: &Path) -> Result<Vec<u8>, LoadError> {
    let path = directory.join(DESCRIPTION);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LARGEST_DESCRIPTION + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > LARGEST_DESCRIPTION => {
            Err(unusable(directory, "its description is too long"))
        }
        Ok(_) => Ok(bytes),
        Err(source) => Err(LoadError::Hub(HubError::Read { path, source })),
    }
}

fn projection(
    path: &Path,
    [outputs, inputs]: [usize; 2],
    hasher: &mut blake3::Hasher,
) -> Result<Projection, LoadError> {
    let mut file = open(path)?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut weights = Weights::new(Names::default());
    weights.read_file(&mut file, length, hasher, &|_, data| data.into_f32())?;
    if inputs == 0 {
        return Err(LoadError::Weights("the projection has no inputs".into()));
    }
    Ok(Projection {
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
