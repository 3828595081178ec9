//! Which files a model consists of, and which are alternatives to each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::HubError;
use crate::model_files::{
    CONFIGS, Layout, PROCESSORS, RequiredFiles, SHARD_INDEX, TOKENIZER_CONFIG, TOKENIZER_JSON,
    TOKENIZER_NAME, WEIGHTS,
};
use crate::model_kind::is_sentence_encoder;
use crate::sentence_modules::{MODULES, PROMPTS, SENTENCE_CONFIG, SentenceModule, sentence_modules};
use crate::shards;

/// The name of the weights in errors.
pub const WEIGHTS_NAME: &str = "model.safetensors (nor its index of shards, nor open_clip_model.safetensors)";

/// The name of the config in errors.
pub const CONFIG_NAME: &str = "config.json (nor open_clip_config.json)";

/// Files of OpenCLIP's layout that transformers' layout does not have.
const OPEN_CLIP: &[&str] = &["open_clip_config.json", "open_clip_model.safetensors"];

/// A source of files: a folder or the Hub.
pub trait FileSource {
    /// The file, if it is on disk.
    fn find(&self, file: &str) -> Option<PathBuf>;
    /// The file, downloaded if necessary; `None` if the model has no such file.
    fn get(&self, file: &str) -> Result<Option<PathBuf>, HubError>;
    /// The error for a required file that does not exist.
    fn missing(&self, file: &'static str) -> HubError;
}

/// The path of a model's config: that of transformers if it names a model type, else OpenCLIP's.
pub fn config(source: &dyn FileSource) -> Result<PathBuf, HubError> {
    Ok(layout_and_config(source)?.1)
}

fn layout_and_config(source: &dyn FileSource) -> Result<(Layout, PathBuf), HubError> {
    let config = first_of(source, &CONFIGS, CONFIG_NAME)?.swap_remove(0);
    if config.ends_with(CONFIGS[1][0]) {
        return Ok((Layout::OpenClip, config));
    }
    let needs = RequiredFiles::of(Layout::HuggingFace, &fs::read(&config).unwrap_or_default());
    if !needs.is_transformers
        && let Some(mut config) = all_of(source, CONFIGS[1].iter().copied())?
    {
        return Ok((Layout::OpenClip, config.swap_remove(0)));
    }
    Ok((Layout::HuggingFace, config))
}

/// All required files of a model, small ones first. Of alternatives, those on disk are preferred over downloads.
pub fn gather(source: &dyn FileSource) -> Result<Vec<PathBuf>, HubError> {
    let (layout, config) = layout_and_config(source)?;
    let needs = RequiredFiles::of(layout, &fs::read(&config).unwrap_or_default());
    let mut files = vec![config];
    if layout == Layout::HuggingFace {
        files.extend(first_of(source, &PROCESSORS, PROCESSORS[0][0])?);
    }
    files.extend(first_of(source, &needs.tokenizers(), TOKENIZER_NAME)?);
    if needs.tokenizer_config {
        files.extend(
            all_of(source, std::iter::once(TOKENIZER_CONFIG))?
                .into_iter()
                .flatten(),
        );
    }
    let weights: &[&[&str]] = match layout {
        Layout::HuggingFace => &[WEIGHTS[0], &[SHARD_INDEX], OPEN_CLIP],
        Layout::OpenClip => &[WEIGHTS[1]],
    };
    files.extend(with_shards(source, first_of(source, weights, WEIGHTS_NAME)?)?);
    Ok(files)
}

/// All required files of a text-only model of this family.
pub fn gather_text_model(source: &dyn FileSource, family: &str) -> Result<Vec<PathBuf>, HubError> {
    let config = config(source)?;
    let needs = RequiredFiles::of(Layout::HuggingFace, &fs::read(&config).unwrap_or_default());
    let mut files = vec![config];
    if is_sentence_encoder(family) {
        files.extend(first_of(source, &[&[TOKENIZER_JSON]], TOKENIZER_JSON)?);
        files.extend(sentence_files(source)?);
    } else {
        files.extend(first_of(source, &needs.tokenizers(), TOKENIZER_NAME)?);
    }
    let weights = first_of(source, &[WEIGHTS[0], &[SHARD_INDEX]], WEIGHTS_NAME)?;
    files.extend(with_shards(source, weights)?);
    Ok(files)
}

/// What sentence-transformers adds to an encoder: all optional, except the files of the modules that `modules.json` lists.
fn sentence_files(source: &dyn FileSource) -> Result<Vec<PathBuf>, HubError> {
    let mut files = Vec::new();
    for file in [TOKENIZER_CONFIG, SENTENCE_CONFIG, PROMPTS] {
        files.extend(source.get(file)?);
    }
    let Some(modules) = source.get(MODULES)? else {
        return Ok(files);
    };
    let json = fs::read(&modules).map_err(|source| HubError::Read {
        path: modules.clone(),
        source,
    })?;
    files.push(modules);
    for file in sentence_modules(&json)?.iter().flat_map(SentenceModule::files) {
        let found = source.get(&file)?;
        files.push(found.ok_or_else(|| source.missing("file of a module that its modules.json lists"))?);
    }
    Ok(files)
}

/// The folder of the first file; `None` unless it has all others too, in itself or in folders of its own.
pub fn one_folder(files: &[PathBuf]) -> Option<PathBuf> {
    let folder = files.first()?.parent()?;
    let together = files.iter().all(|file| file.starts_with(folder));
    together.then(|| folder.to_owned())
}

/// The files of the first alternative that is complete on disk, else of the first that the source has; errors name it `name`.
fn first_of(
    source: &dyn FileSource,
    alternatives: &[&[&str]],
    name: &'static str,
) -> Result<Vec<PathBuf>, HubError> {
    for files in alternatives {
        let here: Option<Vec<PathBuf>> = files.iter().map(|file| source.find(file)).collect();
        if let Some(paths) = here {
            return Ok(paths);
        }
    }
    for files in alternatives {
        if let Some(paths) = all_of(source, files.iter().copied())? {
            return Ok(paths);
        }
    }
    Err(source.missing(name))
}

fn all_of<'a>(
    source: &dyn FileSource,
    files: impl Iterator<Item = &'a str>,
) -> Result<Option<Vec<PathBuf>>, HubError> {
    let mut paths = Vec::new();
    for file in files {
        match source.get(file)? {
            Some(path) => paths.push(path),
            None => return Ok(None),
        }
    }
    Ok(Some(paths))
}

/// Adds the shards that an index names; without an index, returns `paths`.
fn with_shards(source: &dyn FileSource, mut paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, HubError> {
    let index = paths.iter().find(|path| path.ends_with(SHARD_INDEX));
    let Some(index) = index else {
        return Ok(paths);
    };
    let shards = shards_of(index)?;
    let shards = all_of(source, shards.iter().map(String::as_str))?;
    paths.extend(shards.ok_or_else(|| source.missing("shard that its model.safetensors.index.json names"))?);
    Ok(paths)
}

/// The files that an index of shards names, without folders.
pub fn shards_of(index: &Path) -> Result<BTreeSet<String>, HubError> {
    let bytes = fs::read(index).map_err(|source| HubError::Read {
        path: index.to_owned(),
        source,
    })?;
    shards::names(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source without downloads.
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

    impl FileSource for Folder {
        fn find(&self, file: &str) -> Option<PathBuf> {
            Some(self.0.path().join(file)).filter(|path| path.exists())
        }

        fn get(&self, file: &str) -> Result<Option<PathBuf>, HubError> {
            Ok(self.find(file))
        }

        fn missing(&self, file: &'static str) -> HubError {
            HubError::FileMissing {
                file,
                place: "the folder".into(),
            }
        }
    }

    const SHARDS: &str = r#"{"metadata":{"total_size":9},"weight_map":{"a":"model-2-of-2.safetensors","b":"model-1-of-2.safetensors","c":"model-1-of-2.safetensors"}}"#;

    #[test]
    fn gather_accepts_every_published_layout() {
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
            (SHARD_INDEX, SHARDS),
            ("model-1-of-2.safetensors", ""),
            ("model-2-of-2.safetensors", ""),
        ]);
        let names = sharded.names();
        assert_eq!(
            names[4..],
            [
                SHARD_INDEX,
                "model-1-of-2.safetensors",
                "model-2-of-2.safetensors"
            ]
        );
    }

    #[test]
    fn missing_file_is_named() {
        let files: [(&str, &str); 5] = [
            ("config.json", ""),
            ("preprocessor_config.json", ""),
            ("vocab.json", ""),
            (SHARD_INDEX, SHARDS),
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
    fn index_cannot_lead_out_of_folder() {
        for name in [
            "../../x.safetensors",
            "/x.safetensors",
            "a/b.safetensors",
            ".safetensors",
            "x.bin",
        ] {
            let index = format!(r#"{{"weight_map":{{"a":{name:?}}}}}"#);
            let folder = Folder::with(&[(SHARD_INDEX, &index)]);
            let error = shards_of(&folder.0.path().join(SHARD_INDEX))
                .unwrap_err()
                .to_string();
            assert!(error.contains("not a file name"), "{error}");
        }
        let folder = Folder::with(&[(SHARD_INDEX, r#"{"weight_map":{}}"#)]);
        assert!(shards_of(&folder.0.path().join(SHARD_INDEX)).is_err());
    }
}
