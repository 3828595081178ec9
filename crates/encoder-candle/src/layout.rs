//! Which files make a model, and which of them stand in for each other.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::LoadError;

/// How errors name the weights of a model.
pub const WEIGHTS_NAME: &str = "model.safetensors (nor its index of shards, nor open_clip_model.safetensors)";

/// How errors name the description of a model.
pub const CONFIG: &str = "config.json (nor open_clip_config.json)";

/// Files of which the first alternative that is there in full is taken.
struct Part {
    /// How errors name it.
    name: &'static str,
    alternatives: &'static [&'static [&'static str]],
}

const CONFIGS: Part = Part {
    name: CONFIG,
    alternatives: &[&["config.json"], &["open_clip_config.json"]],
};

/// `OpenCLIP` describes model and picture processor in one file.
const PROCESSORS: Part = Part {
    name: "preprocessor_config.json",
    alternatives: &[
        &["preprocessor_config.json"],
        &["processor_config.json"],
        &["open_clip_config.json"],
    ],
};

const TOKENIZERS: Part = Part {
    name: "tokenizer.json (nor vocab.json with merges.txt, nor vocab.txt)",
    alternatives: &[&["tokenizer.json"], &["vocab.json", "merges.txt"], &["vocab.txt"]],
};

const WEIGHTS: Part = Part {
    name: WEIGHTS_NAME,
    alternatives: &[&["model.safetensors"], &[INDEX], &["open_clip_model.safetensors"]],
};

const INDEX: &str = "model.safetensors.index.json";
/// Larger models than any have fewer.
const MOST_SHARDS: usize = 1000;

/// Where files come from.
pub trait Source {
    /// The file, if it can be had at once.
    fn find(&self, file: &str) -> Option<PathBuf>;
    /// The file, however long that takes; `None` where the model has no such file.
    fn get(&self, file: &str) -> Result<Option<PathBuf>, LoadError>;
    /// Why a model without this file is none.
    fn missing(&self, file: &'static str) -> LoadError;
}

/// A model's description.
pub fn config(source: &dyn Source) -> Result<PathBuf, LoadError> {
    Ok(CONFIGS.from(source)?.swap_remove(0))
}

/// All files of a model, what can be had at once preferred over what would have to be fetched; small ones first.
pub fn gather(source: &dyn Source) -> Result<Vec<PathBuf>, LoadError> {
    gather_parts(source, &[CONFIGS, PROCESSORS, TOKENIZERS, WEIGHTS])
}

/// The same of a model that reads texts only.
pub fn gather_text_model(source: &dyn Source) -> Result<Vec<PathBuf>, LoadError> {
    gather_parts(source, &[CONFIGS, TOKENIZERS, WEIGHTS])
}

fn gather_parts(source: &dyn Source, parts: &[Part]) -> Result<Vec<PathBuf>, LoadError> {
    let mut files = Vec::new();
    for part in parts {
        for file in part.from(source)? {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// The folder that all files lie in, if it is one.
pub fn one_folder(files: &[PathBuf]) -> Option<PathBuf> {
    let folder = files.first()?.parent();
    let together = files.iter().all(|file| file.parent() == folder);
    folder.filter(|_| together).map(Path::to_owned)
}

impl Part {
    fn from(&self, source: &dyn Source) -> Result<Vec<PathBuf>, LoadError> {
        for files in self.alternatives {
            let here: Option<Vec<PathBuf>> = files.iter().map(|file| source.find(file)).collect();
            if let Some(paths) = here {
                return with_shards(source, paths);
            }
        }
        for files in self.alternatives {
            if let Some(paths) = all_of(source, files.iter().copied())? {
                return with_shards(source, paths);
            }
        }
        Err(source.missing(self.name))
    }
}

fn all_of<'a>(
    source: &dyn Source,
    files: impl Iterator<Item = &'a str>,
) -> Result<Option<Vec<PathBuf>>, LoadError> {
    let mut paths = Vec::new();
    for file in files {
        match source.get(file)? {
            Some(path) => paths.push(path),
            None => return Ok(None),
        }
    }
    Ok(Some(paths))
}

/// An index of shards with the shards that it names; anything else as it is.
fn with_shards(source: &dyn Source, mut paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, LoadError> {
    let index = paths.iter().find(|path| path.ends_with(INDEX));
    let Some(index) = index else {
        return Ok(paths);
    };
    let shards = shards_of(index)?;
    let shards = all_of(source, shards.iter().map(String::as_str))?;
    paths.extend(shards.ok_or_else(|| source.missing("shard that its model.safetensors.index.json names"))?);
    Ok(paths)
}

#[derive(Deserialize)]
struct Index {
    /// Shard by tensor.
    weight_map: HashMap<String, String>,
}

/// The files that an index of shards names.
pub fn shards_of(index: &Path) -> Result<BTreeSet<String>, LoadError> {
    let bytes = fs::read(index).map_err(|source| LoadError::Read {
        path: index.to_owned(),
        source,
    })?;
    let damaged = |reason: String| LoadError::Weights(format!("{INDEX}: {reason}"));
    let index: Index = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    // A name with a path in it would lead out of the model's folder.
    if let Some(strange) = shards.iter().find(|name| !is_plain(name)) {
        return Err(damaged(format!("{strange:?} is no shard's name")));
    }
    if shards.is_empty() || shards.len() > MOST_SHARDS {
        return Err(damaged(format!("it names {} shards", shards.len())));
    }
    Ok(shards)
}

fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors")
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder; what it lacks cannot be had.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::write(folder.path().join(name), content).unwrap();
            }
            Self(folder)
        }

        fn names(&self) -> Vec<String> {
            let files = gather(self).unwrap();
            assert_eq!(one_folder(&files).as_deref(), Some(self.0.path()));
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            files.iter().map(name).collect()
        }
    }

    impl Source for Folder {
        fn find(&self, file: &str) -> Option<PathBuf> {
            Some(self.0.path().join(file)).filter(|path| path.exists())
        }

        fn get(&self, file: &str) -> Result<Option<PathBuf>, LoadError> {
            Ok(self.find(file))
        }

        fn missing(&self, file: &'static str) -> LoadError {
            LoadError::FileMissing {
                file,
                place: "the folder".into(),
            }
        }
    }

    const SHARDS: &str = r#"{"metadata":{"total_size":9},"weight_map":{"a":"model-2-of-2.safetensors","b":"model-1-of-2.safetensors","c":"model-1-of-2.safetensors"}}"#;

    #[test]
    fn every_published_layout_is_gathered() {
        let plain = Folder::with(&[
            ("config.json", ""),
            ("preprocessor_config.json", ""),
            ("vocab.txt", ""),
            ("model.safetensors", ""),
            ("README.md", ""),
        ]);
        assert_eq!(
            plain.names(),
            [
                "config.json",
                "preprocessor_config.json",
                "vocab.txt",
                "model.safetensors"
            ]
        );
        let open_clip = Folder::with(&[
            ("open_clip_config.json", ""),
            ("tokenizer.json", ""),
            ("open_clip_model.safetensors", ""),
        ]);
        assert_eq!(
            open_clip.names(),
            [
                "open_clip_config.json",
                "tokenizer.json",
                "open_clip_model.safetensors"
            ]
        );
        let sharded = Folder::with(&[
            ("config.json", ""),
            ("preprocessor_config.json", ""),
            ("vocab.json", ""),
            ("merges.txt", ""),
            (INDEX, SHARDS),
            ("model-1-of-2.safetensors", ""),
            ("model-2-of-2.safetensors", ""),
        ]);
        let names = sharded.names();
        assert_eq!(
            names[4..],
            [INDEX, "model-1-of-2.safetensors", "model-2-of-2.safetensors"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let files: [(&str, &str); 5] = [
            ("config.json", ""),
            ("preprocessor_config.json", ""),
            ("vocab.json", ""),
            (INDEX, SHARDS),
            ("model-1-of-2.safetensors", ""),
        ];
        for (count, said) in [(0, "config"), (1, "preprocessor"), (3, "tokenizer")] {
            let error = gather(&Folder::with(&files[..count])).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let mut all = files.to_vec();
        all.push(("merges.txt", ""));
        let error = gather(&Folder::with(&all)).unwrap_err().to_string();
        assert!(error.contains("no shard"), "{error}");
    }

    #[test]
    fn an_index_cannot_lead_out_of_the_folder() {
        for name in [
            "../../x.safetensors",
            "/x.safetensors",
            "a/b.safetensors",
            ".safetensors",
            "x.bin",
        ] {
            let index = format!(r#"{{"weight_map":{{"a":{name:?}}}}}"#);
            let folder = Folder::with(&[(INDEX, &index)]);
            let error = shards_of(&folder.0.path().join(INDEX)).unwrap_err().to_string();
            assert!(error.contains("no shard's name"), "{error}");
        }
        let folder = Folder::with(&[(INDEX, r#"{"weight_map":{}}"#)]);
        assert!(shards_of(&folder.0.path().join(INDEX)).is_err());
    }
}
