//! Detects text-only models by their config, before anything large is downloaded or read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::HubError;
use crate::known_models::Modality;

/// `model_type` of Qwen2.5, the only family that is read from GGUF.
pub const QWEN: &str = "qwen2";

/// `model_type`s of the encoders that sentence-transformers' models are made of.
const SENTENCE_ENCODERS: [&str; 4] = ["bert", "mpnet", "roberta", "xlm-roberta"];

/// `model_type`s of transformers without an image tower.
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

/// Whether a text-only model of this `model_type` is read as one of sentence-transformers.
pub fn is_sentence_encoder(family: &str) -> bool {
    SENTENCE_ENCODERS.contains(&family)
}

#[derive(Deserialize)]
struct Description {
    model_type: Option<String>,
}

/// Rejects a text-only model where a model of images and texts is required.
pub fn require_images(model: &str, family: &str, wanted: Modality) -> Result<(), HubError> {
    match wanted {
        Modality::Text => Ok(()),
        Modality::ImageText => Err(HubError::TextOnly {
            model: model.to_owned(),
            family: family.to_owned(),
        }),
    }
}

/// The `model_type` of a text-only model; `None` for others, and for a config that cannot be parsed: loading reports that.
pub fn text_family(config: &Path) -> Option<String> {
    let bytes = fs::read(config).ok()?;
    let description: Description = serde_json::from_slice(&bytes).ok()?;
    description
        .model_type
        .filter(|family| FAMILIES.contains(&family.as_str()))
}

/// The GGUF file that `path` is, or the only one in a directory without `config.json`.
pub fn gguf_file(path: &Path) -> Result<Option<PathBuf>, HubError> {
    let is_gguf = |path: &Path| {
        path.extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
    };
    if !path.is_dir() {
        return Ok(is_gguf(path).then(|| path.to_owned()));
    }
    if path.join("config.json").exists() {
        return Ok(None);
    }
    let entries = fs::read_dir(path).map_err(|source| HubError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_gguf(path))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(_), false) => Err(HubError::SeveralGguf {
            place: path.display().to_string(),
        }),
        (file, _) => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_models_are_recognized_by_family() {
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
            assert_eq!(text_family(&config).is_some(), known, "{json}");
        }
        assert_eq!(text_family(&folder.path().join("missing")), None);
    }

    #[test]
    fn error_names_align_command() {
        let error = require_images("Qwen/Qwen2.5-7B-Instruct", "qwen2", Modality::ImageText)
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
