//! The contents of a model's files, read from a directory or embedded in the program.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::HubError;

/// Alternatives for the tokenizer: the first of which all files exist is used.
const TOKENIZERS: [&[&str]; 4] = [
    &[TOKENIZER_JSON],
    &["vocab.json", "merges.txt"],
    &["vocab.txt"],
    SENTENCEPIECE,
];
/// The file of the tokenizers library.
pub const TOKENIZER_JSON: &str = "tokenizer.json";
const SENTENCEPIECE: &[&str] = &["spiece.model"];
/// Settings of the tokenizer.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Configs of transformers and OpenCLIP.
pub const CONFIGS: [&[&str]; 2] = [&["config.json"], &["open_clip_config.json"]];
/// Weights of transformers and OpenCLIP.
pub const WEIGHTS: [&[&str]; 2] = [&["model.safetensors"], &["open_clip_model.safetensors"]];
/// The index: for each tensor, the file that holds it.
pub const SHARD_INDEX: &str = "model.safetensors.index.json";
/// Configs of the image processor; transformers 5 may write the second name.
pub const PROCESSORS: [&[&str]; 2] = [&["preprocessor_config.json"], &["processor_config.json"]];

/// The files of a model: small ones as bytes, the weights as an open file.
pub struct ModelFiles {
    /// The layout of the files.
    pub layout: Layout,
    /// `config.json` or `open_clip_config.json`.
    pub config: Vec<u8>,
    /// Empty in OpenCLIP's layout, where it is part of the config.
    pub preprocessor: Vec<u8>,
    /// The tokenizer files that were found first.
    pub tokenizer: TokenizerFiles,
    /// `tokenizer_config.json`, for models that depend on it.
    pub tokenizer_config: Option<Vec<u8>>,
    /// `scores.json`: the calibration of its scores, which few models have.
    pub scores: Option<Vec<u8>>,
    /// The weight file, in safetensors format.
    pub weights: WeightFile,
}

/// A weight file, which is read once from its beginning.
#[derive(Debug)]
pub struct WeightFile(WeightBytes);

#[derive(Debug)]
enum WeightBytes {
    /// A file, with its path for errors.
    OnDisk(File, PathBuf),
    /// In the program; what of it was not read yet.
    Embedded(&'static [u8]),
}

impl WeightFile {
    /// A file within the program.
    pub const fn embedded(bytes: &'static [u8]) -> Self {
        Self(WeightBytes::Embedded(bytes))
    }

    /// Its length in bytes, before anything of it is read.
    pub fn length(&self) -> Result<u64, HubError> {
        match &self.0 {
            WeightBytes::OnDisk(file, path) => {
                let metadata = file.metadata().map_err(|source| read_error(path, source))?;
                Ok(metadata.len())
            }
            WeightBytes::Embedded(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// The open file, where it is on disk: for what is read of it later.
    pub fn on_disk(&self) -> Result<Option<File>, HubError> {
        match &self.0 {
            WeightBytes::OnDisk(file, path) => {
                let file = file.try_clone().map_err(|source| read_error(path, source))?;
                Ok(Some(file))
            }
            WeightBytes::Embedded(_) => Ok(None),
        }
    }
}

impl Read for WeightFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.0 {
            WeightBytes::OnDisk(file, _) => file.read(buffer),
            WeightBytes::Embedded(bytes) => bytes.read(buffer),
        }
    }
}

/// The layout of a model's files: their names and meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// That of transformers.
    HuggingFace,
    /// That of OpenCLIP.
    OpenClip,
}

/// The contents of a model's tokenizer files.
pub enum TokenizerFiles {
    /// `tokenizer.json` of the tokenizers library.
    Json(Vec<u8>),
    /// Byte-pair encoding.
    Bpe {
        /// `vocab.json`.
        vocabulary: Vec<u8>,
        /// `merges.txt`.
        merges: Vec<u8>,
    },
    /// `vocab.txt` of BERT.
    WordPiece(Vec<u8>),
    /// `spiece.model`.
    SentencePiece(Vec<u8>),
}

impl Layout {
    /// The layout of the files in a directory: that of transformers if they are complete.
    fn of_directory(directory: &Path) -> Result<Self, HubError> {
        let exists = |file: &str| directory.join(file).exists();
        if !exists(CONFIGS[1][0]) {
            return Ok(Self::HuggingFace);
        }
        let config = read_file(&directory.join(CONFIGS[0][0]))?.unwrap_or_default();
        let is_transformers = RequiredFiles::of(Self::HuggingFace, &config).is_transformers;
        Ok(
            if is_transformers && (exists(WEIGHTS[0][0]) || exists(SHARD_INDEX)) {
                Self::HuggingFace
            } else {
                Self::OpenClip
            },
        )
    }

    /// The file names of config and weights.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::HuggingFace => (CONFIGS[0][0], WEIGHTS[0][0]),
            Self::OpenClip => (CONFIGS[1][0], WEIGHTS[1][0]),
        }
    }
}

/// Which files a model requires, according to its config.
#[derive(Debug, Clone, Copy)]
pub struct RequiredFiles {
    /// Whether `tokenizer_config.json` is read; CLIP and OpenCLIP's own tokenizer do not depend on it.
    pub tokenizer_config: bool,
    /// Whether `spiece.model` is preferred over all others, as in SigLIP's reference implementation.
    sentencepiece: bool,
    /// Whether the config names a `model_type` of transformers; those of timm do not.
    pub is_transformers: bool,
}

impl RequiredFiles {
    /// The files that a config requires. A damaged config counts as empty: loading it reports that.
    pub fn of(layout: Layout, config: &[u8]) -> Self {
        let config = serde_json::from_slice::<Value>(config).unwrap_or_default();
        let family = config["model_type"].as_str().unwrap_or_default();
        let hf_tokenizer = config["model_cfg"]["text_cfg"]["hf_tokenizer_name"].as_str();
        let transformers = layout == Layout::HuggingFace;
        Self {
            tokenizer_config: match layout {
                Layout::HuggingFace => family != "clip",
                Layout::OpenClip => hf_tokenizer.is_some_and(|name| !name.is_empty()),
            },
            sentencepiece: transformers && family == "siglip",
            is_transformers: transformers && !family.is_empty(),
        }
    }

    /// Alternatives for the tokenizer, preferred ones first.
    pub fn tokenizers(self) -> Vec<&'static [&'static str]> {
        let first = self.sentencepiece.then_some(SENTENCEPIECE);
        first.into_iter().chain(TOKENIZERS).collect()
    }
}

impl ModelFiles {
    /// The files in one directory, which errors name `place`.
    pub fn in_directory(directory: &Path, place: &str) -> Result<Self, HubError> {
        let layout = Layout::of_directory(directory)?;
        let (config_name, weights_name) = layout.names();
        let required = |file| require_file(read_file(&directory.join(file))?, file, place);
        let config = required(config_name)?;
        let weights_path = directory.join(weights_name);
        let weights = require_file(open(&weights_path)?, weights_name, place)?;
        let preprocessor = match (layout, read_file(&directory.join(PROCESSORS[0][0]))?) {
            (Layout::OpenClip, _) => Vec::new(),
            (Layout::HuggingFace, Some(json)) => json,
            (Layout::HuggingFace, None) => required(PROCESSORS[1][0])?,
        };
        let needs = RequiredFiles::of(layout, &config);
        let tokenizer_config = if needs.tokenizer_config {
            read_file(&directory.join(TOKENIZER_CONFIG))?
        } else {
            None
        };
        Ok(Self {
            layout,
            config,
            preprocessor,
            tokenizer: TokenizerFiles::in_directory(directory, needs, place)?,
            tokenizer_config,
            scores: read_file(&directory.join("scores.json"))?,
            weights: WeightFile(WeightBytes::OnDisk(weights, weights_path)),
        })
    }

    /// A hash of all files that determine the embeddings, except the weights: loading adds those.
    pub fn hasher(&self) -> blake3::Hasher {
        let tokenizer: [&[u8]; 2] = match &self.tokenizer {
            TokenizerFiles::Json(file)
            | TokenizerFiles::WordPiece(file)
            | TokenizerFiles::SentencePiece(file) => [file, &[]],
            TokenizerFiles::Bpe { vocabulary, merges } => [vocabulary, merges],
        };
        let parts = [&self.config[..], &self.preprocessor, tokenizer[0], tokenizer[1]];
        file_hasher(parts.into_iter().chain(self.tokenizer_config.as_deref()))
    }
}

/// A hash of files. Lengths are part of it, so that bytes cannot move from one file to the next unnoticed.
pub fn file_hasher<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.len() as u64).to_le_bytes()).update(file);
    }
    hasher
}

impl TokenizerFiles {
    fn in_directory(directory: &Path, needs: RequiredFiles, place: &str) -> Result<Self, HubError> {
        for names in needs.tokenizers() {
            let files = names.iter().map(|name| read_file(&directory.join(name)));
            if let Some(files) = files.collect::<Result<Option<Vec<_>>, _>>()? {
                return require_file(Self::of(names, files), TOKENIZER_NAME, place);
            }
        }
        require_file(None, TOKENIZER_NAME, place)
    }

    /// The files of these names.
    fn of(names: &[&str], files: Vec<Vec<u8>>) -> Option<Self> {
        let mut files = files.into_iter();
        let first = files.next()?;
        match names {
            ["tokenizer.json"] => Some(Self::Json(first)),
            ["vocab.txt"] => Some(Self::WordPiece(first)),
            ["spiece.model"] => Some(Self::SentencePiece(first)),
            _ => Some(Self::Bpe {
                vocabulary: first,
                merges: files.next()?,
            }),
        }
    }
}

/// The name of the tokenizer in errors.
pub const TOKENIZER_NAME: &str =
    "tokenizer.json (nor vocab.json with merges.txt, nor vocab.txt, nor spiece.model)";

/// The file's content, or an error with `file` and `place` if it does not exist.
pub fn require_file<T>(found: Option<T>, file: &'static str, place: &str) -> Result<T, HubError> {
    found.ok_or_else(|| HubError::FileMissing {
        file,
        place: place.to_owned(),
    })
}

/// The file's content; `None` if it does not exist.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, HubError> {
    let Some(mut file) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    match file.read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(source) => Err(read_error(path, source)),
    }
}

fn read_error(path: &Path, source: std::io::Error) -> HubError {
    HubError::Read {
        path: path.to_owned(),
        source,
    }
}

fn open(path: &Path) -> Result<Option<File>, HubError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(read_error(path, source)),
    }
}
