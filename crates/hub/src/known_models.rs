//! Models known by name: `data/models/catalogue.toml`, embedded in the program.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const CATALOGUE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/models/catalogue.toml"
));

/// A name that stands for one of the known models: the best by [`MEASURE`](crate::MEASURE) of those within its limits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Such as `small`.
    pub name: String,
    /// The most megabytes to download.
    #[serde(default)]
    pub(crate) max_megabytes: Option<f64>,
    /// The most billions of operations for an image.
    #[serde(default)]
    pub(crate) max_image_gflops: Option<f64>,
    /// The fewest images an hour.
    #[serde(default)]
    pub(crate) min_images_per_hour: Option<f64>,
}

/// A known model. Figures without a published source are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// The model reference: a Hub id or `builtin`.
    pub id: String,
    /// The model family, such as `SigLIP 2`.
    pub family: String,
    /// What it embeds.
    #[serde(default)]
    pub reads: Modality,
    /// Languages of texts, such as `English`.
    pub languages: String,
    /// Components of an embedding.
    pub dimension: usize,
    /// Side of its input images in pixels; `None` for dynamic resolution and for text-only models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<u32>,
    /// Parameters in millions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_millions: Option<f64>,
    /// Parameters of the table of tokens, in millions: they stay in their file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_table_millions: Option<f64>,
    /// Billions of floating-point operations for one image: twice the multiplications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gflops: Option<f64>,
    /// The license, as its authors name it.
    #[serde(rename = "licence")]
    pub license: String,
    /// An unusual restriction of the license, such as to research.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<String>,
    /// Approximate size of all required files, in megabytes, as shown on the Hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_megabytes: Option<u32>,
    /// The revision with safetensors, if that is not `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Published figures of text-to-image retrieval.
    #[serde(default)]
    pub retrieval: Vec<Retrieval>,
    /// The source of dimension, pixels, parameters, license and size.
    pub source: String,
    /// Further information for choosing a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl KnownModel {
    /// Such as `English`, or `109 languages`.
    pub fn languages_in_words(&self) -> String {
        match self.languages.as_str() {
            count if count.ends_with(|c: char| c.is_ascii_digit()) => format!("{count} languages"),
            "many" => "many languages".to_owned(),
            named => named.to_owned(),
        }
    }
}

/// What a model embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Modality {
    /// Texts and images, into one space.
    #[default]
    #[serde(rename = "texts_and_pictures")]
    ImageText,
    /// Texts only; `eidetic align` makes such a model usable.
    #[serde(rename = "texts")]
    Text,
}

/// A published figure of retrieval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// Data set and metric, such as `COCO text→image R@1`.
    pub benchmark: String,
    /// The figure in percent.
    pub percent: f64,
    /// Where it was published.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    choice: Vec<Choice>,
    model: Vec<KnownModel>,
}

/// All known models, ordered by family and size.
pub fn known_models() -> &'static [KnownModel] {
    &catalogue().model
}

/// The names that stand for one of the known models, by machine.
pub fn choices() -> &'static [Choice] {
    &catalogue().choice
}

fn catalogue() -> &'static Catalogue {
    static PARSED: OnceLock<Catalogue> = OnceLock::new();
    PARSED.get_or_init(|| toml::from_str(CATALOGUE).expect("the built-in catalogue is tested"))
}

/// The known model with this id.
pub fn known_model(id: &str) -> Option<&'static KnownModel> {
    known_models().iter().find(|model| model.id == id)
}

/// The revision with safetensors, for models whose `main` has none.
pub fn revision_of(id: &str) -> Option<&'static str> {
    known_model(id)?.revision.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_ref::is_repo_id;

    #[test]
    fn every_entry_is_valid() {
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
    fn every_supported_family_is_listed() {
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
    fn research_only_license_is_listed() {
        let mut apples = known_models().iter().filter(|model| model.family == "MobileCLIP");
        assert!(apples.all(|model| {
            model
                .restriction
                .as_deref()
                .is_some_and(|said| said.contains("research"))
        }));
    }
}
