//! Weights in one file, or in several that an index names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::HubError;
use crate::model_files::{self, SHARD_INDEX};

/// The file of weights that are not sharded.
pub const WHOLE: &str = "model.safetensors";

/// The files of a model's weights, ordered by name.
#[derive(Debug)]
pub struct Shards(Vec<PathBuf>);

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    /// The single file in `directory`, or all files that its index names. Errors name the directory `place`.
    pub fn in_directory(directory: &Path, place: &str) -> Result<Self, HubError> {
        let whole = directory.join(WHOLE);
        if whole.exists() {
            return Ok(Self(vec![whole]));
        }
        let index = model_files::read_file(&directory.join(SHARD_INDEX))?;
        let index = model_files::require_file(index, "model.safetensors (nor its index)", place)?;
        let names = names(&index)?;
        let paths: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
        match names.iter().zip(&paths).find(|(_, path)| !path.exists()) {
            Some((name, _)) => Err(HubError::ShardMissing {
                file: name.clone(),
                place: place.to_owned(),
            }),
            None => Ok(Self(paths)),
        }
    }

    /// Opens the files; yields each with its length in bytes.
    pub fn open(&self) -> impl Iterator<Item = Result<(File, u64), HubError>> {
        self.0.iter().map(|path| {
            let failed = |source| HubError::Read {
                path: path.clone(),
                source,
            };
            let file = File::open(path).map_err(failed)?;
            let length = file.metadata().map_err(failed)?.len();
            Ok((file, length))
        })
    }
}

/// The files that an index names. Errors: a name is not that of a safetensors file in the same folder, or there is none.
pub fn names(index: &[u8]) -> Result<BTreeSet<String>, HubError> {
    let damaged = |reason: String| HubError::ShardIndex(format!("{SHARD_INDEX}: {reason}"));
    let index: Index = serde_json::from_slice(index).map_err(|error| damaged(error.to_string()))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    let plain = |name: &String| {
        !name.starts_with('.') && !name.contains(['/', '\\', ':']) && name.ends_with(".safetensors")
    };
    if let Some(name) = names.iter().find(|name| !plain(name)) {
        return Err(damaged(format!("{name:?} is not a file name")));
    }
    if names.is_empty() {
        return Err(damaged("the index names no file".into()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_each_file_once() {
        let index = br#"{"metadata":{},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-2.safetensors"}}"#;
        let found: Vec<String> = names(index).unwrap().into_iter().collect();
        assert_eq!(found, ["m-1.safetensors", "m-2.safetensors"]);
    }

    #[test]
    fn index_with_invalid_names_is_refused() {
        for index in [
            r#"{"weight_map":{"a":"../m.safetensors"}}"#,
            r#"{"weight_map":{"a":"/etc/m.safetensors"}}"#,
            r#"{"weight_map":{"a":"pytorch_model.bin"}}"#,
            r#"{"weight_map":{}}"#,
            r#"{"weight_map":[]}"#,
            "",
        ] {
            let error = names(index.as_bytes()).unwrap_err();
            assert!(matches!(error, HubError::ShardIndex(_)), "{index}: {error}");
        }
    }
}
