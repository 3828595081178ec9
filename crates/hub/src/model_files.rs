//! The files of one model, from wherever they come.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde_json::Value;

use crate::error::HubError;
use crate::shards;

/// Files of which the first that is there, with all its companions, is taken.
const TOKENIZERS: [&[&str]; 4] = [
    &["tokenizer.json"],
    &["vocab.json", "merges.txt"],
    &["vocab.txt"],
    SENTENCEPIECE,
];
const SENTENCEPIECE: &[&str] = &["spiece.model"];
/// What says how a tokenizer is to be used.
pub const TOKENIZER_SETTINGS: &str = "tokenizer_config.json";
/// Configs of transformers and of OpenCLIP.
pub const CONFIGS: [&[&str]; 2] = [&["config.json"], &["open_clip_config.json"]];
/// Weights of the same two.
pub const WEIGHTS: [&[&str]; 2] = [&["model.safetensors"], &["open_clip_model.safetensors"]];
/// Transformers 5 may write the second.
pub const PROCESSORS: [&[&str]; 2] = [&["preprocessor_config.json"], &["processor_config.json"]];

/// One model's files: the small ones read, the weights ready to be.
pub struct ModelFiles {
    /// How the files are named and what they mean.
    pub layout: Layout,
    /// `config.json` or `open_clip_config.json`.
    pub config: Vec<u8>,
    /// Empty in OpenCLIP's layout, whose config has it.
    pub preprocessor: Vec<u8>,
    /// Whichever tokenizer files were found first.
    pub tokenizer: TokenizerFiles,
    /// `tokenizer_config.json`, of models to which it makes a difference.
    pub tokenizer_settings: Option<Vec<u8>>,
    /// What its makers know of its scores; most models come without.
    pub scores: Option<Vec<u8>>,
    /// The weight file in safetensors format.
    pub weights: Box<dyn Read>,
    /// Bytes that `weights` holds.
    pub weights_length: u64,
}

/// How a model's files are named and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// transformers'.
    HuggingFace,
    /// OpenCLIP's.
    OpenClip,
}

/// Contents of a model's tokenizer files, by kind.
pub enum TokenizerFiles {
    /// `tokenizer.json` of the tokenizers library.
    Json(Vec<u8>),
    /// Byte-pair encoding.
    Vocabulary {
        /// `vocab.json`.
        vocabulary: Vec<u8>,
        /// `merges.txt`.
        merges: Vec<u8>,
    },
    /// `vocab.txt` of BERT.
    WordPieces(Vec<u8>),
    /// `spiece.model`.
    SentencePieces(Vec<u8>),
}

impl Layout {
    /// That of the files in a directory: transformers' wherever they are complete.
    fn of_directory(directory: &Path) -> Result<Self, HubError> {
        let there = |file: &str| directory.join(file).exists();
        if !there(CONFIGS[1][0]) {
            return Ok(Self::HuggingFace);
        }
        let config = read(&directory.join(CONFIGS[0][0]))?.unwrap_or_default();
        let is_transformers = RequiredFiles::of(Self::HuggingFace, &config).is_transformers;
        Ok(
            if is_transformers && (there(WEIGHTS[0][0]) || there(shards::INDEX)) {
                Self::HuggingFace
            } else {
                Self::OpenClip
            },
        )
    }

    /// The names of config and weights.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::HuggingFace => (CONFIGS[0][0], WEIGHTS[0][0]),
            Self::OpenClip => (CONFIGS[1][0], WEIGHTS[1][0]),
        }
    }
}

/// What a model's config says of the files beside it.
#[derive(Debug, Clone, Copy)]
pub struct RequiredFiles {
    /// Whether `tokenizer_config.json` makes a difference: not to CLIP, nor to OpenCLIP's own tokenizer.
    pub tokenizer_settings: bool,
    /// Whether the file of sentencepiece goes before all others: SigLIP's reference reads it, whatever else is there.
    sentencepiece: bool,
    /// Whether the config names a model of transformers; timm's do not.
    pub is_transformers: bool,
}

impl RequiredFiles {
    /// Those of a config, which may be damaged.
    pub fn of(layout: Layout, config: &[u8]) -> Self {
        let config = serde_json::from_slice::<Value>(config).unwrap_or_default();
        let family = config["model_type"].as_str().unwrap_or_default();
        let beside = config["model_cfg"]["text_cfg"]["hf_tokenizer_name"].as_str();
        let transformers = layout == Layout::HuggingFace;
        Self {
            tokenizer_settings: match layout {
                Layout::HuggingFace => family != "clip",
                Layout::OpenClip => beside.is_some_and(|name| !name.is_empty()),
            },
            sentencepiece: transformers && family == "siglip",
            is_transformers: transformers && !family.is_empty(),
        }
    }

    /// Files of which the first that is there, with all its companions, is the tokenizer.
    pub fn tokenizers(self) -> Vec<&'static [&'static str]> {
        let first = self.sentencepiece.then_some(SENTENCEPIECE);
        first.into_iter().chain(TOKENIZERS).collect()
    }
}

impl ModelFiles {
    /// The files in one directory, which errors call `place`.
    pub fn in_directory(directory: &Path, place: &str) -> Result<Self, HubError> {
        let layout = Layout::of_directory(directory)?;
        let (config_name, weights_name) = layout.names();
        let required = |file| need(read(&directory.join(file))?, file, place);
        let config = required(config_name)?;
        let weights_path = directory.join(weights_name);
        let weights = need(open(&weights_path)?, weights_name, place)?;
        let weights_length = weights
            .metadata()
            .map_err(|source| HubError::Read {
                path: weights_path,
                source,
            })?
            .len();
        let preprocessor = match (layout, read(&directory.join(PROCESSORS[0][0]))?) {
            (Layout::OpenClip, _) => Vec::new(),
            (Layout::HuggingFace, Some(json)) => json,
            (Layout::HuggingFace, None) => required(PROCESSORS[1][0])?,
        };
        let needs = RequiredFiles::of(layout, &config);
        let tokenizer_settings = if needs.tokenizer_settings {
            read(&directory.join(TOKENIZER_SETTINGS))?
        } else {
            None
        };
        Ok(Self {
            layout,
            config,
            preprocessor,
            tokenizer: TokenizerFiles::in_directory(directory, needs, place)?,
            tokenizer_settings,
            scores: read(&directory.join("scores.json"))?,
            weights: Box::new(weights),
            weights_length,
        })
    }

    /// A hash of everything that decides the vectors but the weights, which are added to it as they are read.
    pub fn hasher(&self) -> blake3::Hasher {
        let tokenizer: [&[u8]; 2] = match &self.tokenizer {
            TokenizerFiles::Json(file)
            | TokenizerFiles::WordPieces(file)
            | TokenizerFiles::SentencePieces(file) => [file, &[]],
            TokenizerFiles::Vocabulary { vocabulary, merges } => [vocabulary, merges],
        };
        let parts = [&self.config[..], &self.preprocessor, tokenizer[0], tokenizer[1]];
        hasher(parts.into_iter().chain(self.tokenizer_settings.as_deref()))
    }
}

/// A hash of files, each told from the next by its length.
pub fn hasher<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.len() as u64).to_le_bytes()).update(file);
    }
    hasher
}

impl TokenizerFiles {
    fn in_directory(directory: &Path, needs: RequiredFiles, place: &str) -> Result<Self, HubError> {
        for names in needs.tokenizers() {
            let files = names.iter().map(|name| read(&directory.join(name)));
            if let Some(files) = files.collect::<Result<Option<Vec<_>>, _>>()? {
                return need(Self::of(names, files), NO_TOKENIZER, place);
            }
        }
        need(None, NO_TOKENIZER, place)
    }

    /// The files of these names.
    fn of(names: &[&str], files: Vec<Vec<u8>>) -> Option<Self> {
        let mut files = files.into_iter();
        let first = files.next()?;
        match names {
            ["tokenizer.json"] => Some(Self::Json(first)),
            ["vocab.txt"] => Some(Self::WordPieces(first)),
            ["spiece.model"] => Some(Self::SentencePieces(first)),
            _ => Some(Self::Vocabulary {
                vocabulary: first,
                merges: files.next()?,
            }),
        }
    }
}

/// What is missing where there is no tokenizer.
pub const NO_TOKENIZER: &str =
    "tokenizer.json (nor vocab.json with merges.txt, nor vocab.txt, nor spiece.model)";

/// An error that names `file` and `place` where nothing was found.
pub fn need<T>(found: Option<T>, file: &'static str, place: &str) -> Result<T, HubError> {
    found.ok_or_else(|| HubError::FileMissing {
        file,
        place: place.to_owned(),
    })
}

/// The file's bytes; `None` where it does not exist.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, HubError> {
    let Some(mut file) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    match file.read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(source) => Err(HubError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn open(path: &Path) -> Result<Option<File>, HubError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HubError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
