//! The files of one model, from wherever they come.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::error::LoadError;

/// One model's files: the small ones read, the weights ready to be.
pub struct ModelFiles {
    pub config: Vec<u8>,
    pub preprocessor: Vec<u8>,
    pub tokenizer: TokenizerFiles,
    /// What its makers know of its scores; most models come without.
    pub scores: Option<Vec<u8>>,
    pub weights: Box<dyn Read>,
    /// Bytes that `weights` holds.
    pub weights_length: u64,
}

pub enum TokenizerFiles {
    Json(Vec<u8>),
    Vocabulary { vocabulary: Vec<u8>, merges: Vec<u8> },
}

impl ModelFiles {
    /// The files in one directory, which errors call `place`.
    pub fn in_directory(directory: &Path, place: &str) -> Result<Self, LoadError> {
        let required = |file| need(read(&directory.join(file))?, file, place);
        let config = required("config.json")?;
        let weights_path = directory.join("model.safetensors");
        let weights = need(open(&weights_path)?, "model.safetensors", place)?;
        let weights_length = weights
            .metadata()
            .map_err(|source| LoadError::Read {
                path: weights_path,
                source,
            })?
            .len();
        // Transformers 5 may write the second.
        let preprocessor = match read(&directory.join("preprocessor_config.json"))? {
            Some(json) => json,
            None => required("processor_config.json")?,
        };
        Ok(Self {
            config,
            preprocessor,
            tokenizer: TokenizerFiles::in_directory(directory, place)?,
            scores: read(&directory.join("scores.json"))?,
            weights: Box::new(weights),
            weights_length,
        })
    }

    /// A hash of everything that decides the vectors but the weights, which are added to it as they are read.
    pub fn hasher(&self) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        let tokenizer: [&[u8]; 2] = match &self.tokenizer {
            TokenizerFiles::Json(json) => [json, &[]],
            TokenizerFiles::Vocabulary { vocabulary, merges } => [vocabulary, merges],
        };
        for part in [&self.config[..], &self.preprocessor, tokenizer[0], tokenizer[1]] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher
    }
}

impl TokenizerFiles {
    fn in_directory(directory: &Path, place: &str) -> Result<Self, LoadError> {
        if let Some(json) = read(&directory.join("tokenizer.json"))? {
            return Ok(Self::Json(json));
        }
        let vocabulary = read(&directory.join("vocab.json"))?;
        let merges = read(&directory.join("merges.txt"))?;
        let (vocabulary, merges) = need(
            vocabulary.zip(merges),
            "tokenizer.json (nor vocab.json with merges.txt)",
            place,
        )?;
        Ok(Self::Vocabulary { vocabulary, merges })
    }
}

fn need<T>(found: Option<T>, file: &'static str, place: &str) -> Result<T, LoadError> {
    found.ok_or_else(|| LoadError::FileMissing {
        file,
        place: place.to_owned(),
    })
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    let Some(mut file) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    match file.read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(source) => Err(LoadError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn open(path: &Path) -> Result<Option<File>, LoadError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LoadError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
