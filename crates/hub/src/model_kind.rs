//! Models that read texts only are told apart by their description, before anything large is fetched or read.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::HubError;

/// `model_type`s of transformers whose models have no picture side.
const FAMILIES: [&str; 14] = [
    "bert",
    "distilbert",
    "gemma2",
    "gemma3_text",
    "llama",
    "mistral",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "qwen2",
    "qwen3",
    "roberta",
    "t5",
    "xlm-roberta",
];

#[derive(Deserialize)]
struct Description {
    model_type: Option<String>,
}

/// An error that names the way out, if the description is that of a model of texts only.
pub fn refuse(config: &Path, model: &str) -> Result<(), HubError> {
    match family(config) {
        Some(family) => Err(HubError::TextOnly {
            model: model.to_owned(),
            family,
        }),
        None => Ok(()),
    }
}

/// The family of a model of texts only; whatever else is wrong with a description is said by whoever reads it whole.
pub fn family(config: &Path) -> Option<String> {
    let bytes = fs::read(config).ok()?;
    let description: Description = serde_json::from_slice(&bytes).ok()?;
    description
        .model_type
        .filter(|family| FAMILIES.contains(&family.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_model_is_told_by_its_family() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        for (json, known) in [
            (r#"{"model_type":"qwen2","hidden_size":3584}"#, true),
            (r#"{"model_type":"qwen2_vl"}"#, false),
            (r#"{"model_type":"clip"}"#, false),
            ("{}", false),
            ("no json", false),
        ] {
            fs::write(&config, json).unwrap();
            assert_eq!(refuse(&config, "a/b").is_err(), known, "{json}");
        }
        assert!(refuse(&folder.path().join("gone"), "a/b").is_ok());
    }

    #[test]
    fn the_refusal_names_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        fs::write(&config, r#"{"model_type":"qwen2"}"#).unwrap();
        let error = refuse(&config, "Qwen/Qwen2.5-7B-Instruct")
            .unwrap_err()
            .to_string();
        for part in [
            "reads texts only",
            "eidetic align --text-model Qwen/Qwen2.5-7B-Instruct",
            "--pairs CAPTIONS.tsv",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
