//! The files of sentence-transformers' models: `modules.json` lists what follows the encoder, each with a folder of its
//! own.

use serde::Deserialize;

use crate::error::HubError;

/// Lists the modules of a sentence encoder.
pub const MODULES: &str = "modules.json";
/// The settings of the encoder among them.
pub const SENTENCE_CONFIG: &str = "sentence_bert_config.json";
/// The prompts, which go before texts.
pub const PROMPTS: &str = "config_sentence_transformers.json";

/// A module that `modules.json` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentenceModule {
    /// Its class, without the Python package: such as `Pooling`.
    pub class: String,
    /// Its folder in that of the model; empty for the model's own.
    pub folder: String,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

/// The modules that `modules.json` lists, in order. Errors: a folder that is not one of the model's.
pub fn sentence_modules(json: &[u8]) -> Result<Vec<SentenceModule>, HubError> {
    let invalid = |reason: String| HubError::InvalidFile {
        file: MODULES.to_owned(),
        reason,
    };
    let entries: Vec<Entry> = serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
    entries
        .into_iter()
        .map(|Entry { path, class }| {
            if path.starts_with('.') || path.contains(['/', '\\', ':']) {
                return Err(invalid(format!("path {path:?} is not the name of a folder")));
            }
            Ok(SentenceModule {
                class: class.rsplit('.').next().unwrap_or_default().to_owned(),
                folder: path,
            })
        })
        .collect()
}

impl SentenceModule {
    /// Its files, with their paths in the folder of the model.
    pub fn files(&self) -> Vec<String> {
        let files: &[&str] = match self.class.as_str() {
            "Pooling" => &["config.json"],
            "Dense" => &["config.json", "model.safetensors"],
            _ => &[],
        };
        files.iter().map(|file| self.file(file)).collect()
    }

    /// The path of its file of this name, in the folder of the model.
    pub fn file(&self, name: &str) -> String {
        match self.folder.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_class_and_folder() {
        let json = br#"[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
            {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
            {"idx":2,"name":"2","path":"2_Dense","type":"sentence_transformers.base.modules.dense.Dense"}]"#;
        let modules = sentence_modules(json).unwrap();
        let classes: Vec<&str> = modules.iter().map(|module| module.class.as_str()).collect();
        assert_eq!(classes, ["Transformer", "Pooling", "Dense"]);
        let files: Vec<String> = modules.iter().flat_map(SentenceModule::files).collect();
        assert_eq!(
            files,
            [
                "1_Pooling/config.json",
                "2_Dense/config.json",
                "2_Dense/model.safetensors"
            ]
        );
    }

    #[test]
    fn modules_cannot_lead_out_of_folder() {
        for path in ["..", "/etc", "a/b", "a\\b", "c:x", ".hidden"] {
            let json = serde_json::json!([{"path": path, "type": "Pooling"}]).to_string();
            let error = sentence_modules(json.as_bytes()).unwrap_err().to_string();
            assert!(
                error.contains("modules.json") && error.contains("folder"),
                "{error}"
            );
        }
        assert!(sentence_modules(b"{}").is_err());
    }
}
