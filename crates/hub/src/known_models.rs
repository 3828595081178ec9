//! The models that are known by name: `data/models/catalogue.toml`, built in.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const CATALOGUE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/models/catalogue.toml"
));

/// What is known of a model. What no source tells is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// What it is loaded by: a hub name or `builtin`.
    pub id: String,
    /// Such as `SigLIP 2`.
    pub family: String,
    /// What its vectors are of.
    #[serde(default)]
    pub reads: Modality,
    /// Languages of its texts, such as `English`.
    pub languages: String,
    /// Components of a vector.
    pub dimension: usize,
    /// Side of the pictures that it sees; absent where pictures keep their proportions, or where it sees none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<u32>,
    /// In millions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_millions: Option<f64>,
    /// As its makers name it.
    pub licence: String,
    /// What the licence forbids, if that is more than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<String>,
    /// Bytes of all files that it needs, in millions; roughly, as the hub shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_megabytes: Option<u32>,
    /// Where its weights are as safetensors, if not in `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// How well it finds pictures by texts, as published.
    #[serde(default)]
    pub retrieval: Vec<Retrieval>,
    /// Where dimension, pixels, parameters, licence and size are from.
    pub source: String,
    /// What else to know before choosing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a model embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Modality {
    /// Texts and images, into one space.
    #[default]
    #[serde(rename = "texts_and_pictures")]
    ImageText,
    /// Texts only: of use after `eidetic align`.
    #[serde(rename = "texts")]
    Text,
}

/// One published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// What was searched, and how success was counted, such as `COCO text→image R@1`.
    pub benchmark: String,
    /// In percent.
    pub percent: f64,
    /// Who published it.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    model: Vec<KnownModel>,
}

/// All known models, by family and size.
pub fn known_models() -> &'static [KnownModel] {
    static MODELS: OnceLock<Vec<KnownModel>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let catalogue: Catalogue = toml::from_str(CATALOGUE).expect("the built-in catalogue is tested");
        catalogue.model
    })
}

/// What is known of the model with this id.
pub fn known_model(id: &str) -> Option<&'static KnownModel> {
    known_models().iter().find(|model| model.id == id)
}

/// The revision whose weights can be read, for models whose `main` has none.
pub fn revision_of(id: &str) -> Option<&'static str> {
    known_model(id)?.revision.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_ref::is_repo_id;

    #[test]
    fn every_entry_is_whole() {
        let models = known_models();
        assert!(models.len() > 30, "{}", models.len());
        for (place, model) in models.iter().enumerate() {
            let named = model.id == "builtin" || is_repo_id(&model.id, model.revision.as_deref());
            assert!(named, "{}", model.id);
            assert!(
                models[..place].iter().all(|other| other.id != model.id),
                "{} twice",
                model.id
            );
            assert!(model.dimension > 0 && !model.source.is_empty(), "{}", model.id);
            for figure in &model.retrieval {
                assert!((0.0..=100.0).contains(&figure.percent), "{}", model.id);
                assert!(
                    !figure.source.is_empty() && !figure.benchmark.is_empty(),
                    "{}",
                    model.id
                );
            }
        }
    }

    #[test]
    fn every_family_of_the_field_is_there() {
        for family in [
            "built-in",
            "OpenAI CLIP",
            "OpenCLIP",
            "MetaCLIP",
            "TinyCLIP",
            "SigLIP",
            "SigLIP 2",
            "Chinese-CLIP",
            "MobileCLIP",
            "GME-Qwen2-VL",
            "Qwen3-VL-Embedding",
            "Qwen2.5",
        ] {
            assert!(
                known_models().iter().any(|model| model.family == family),
                "{family}"
            );
        }
    }

    #[test]
    fn a_licence_for_research_only_is_said() {
        let mut apples = known_models().iter().filter(|model| model.family == "MobileCLIP");
        assert!(apples.all(|model| {
            model
                .restriction
                .as_deref()
                .is_some_and(|said| said.contains("research"))
        }));
    }
}
