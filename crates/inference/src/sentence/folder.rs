//! The folder of a model, and the hash of all that was read from it.

use std::path::{Path, PathBuf};

use eidetic_hub::Shards;

use super::json_file::{self, JsonFile};
use crate::error::LoadError;
use crate::layers::checkpoint::read_checkpoint;
use crate::layers::packing::{PackOptions, PackedTensor};
use crate::layers::weights::Weights;
use crate::tensor_names::Names;

/// Reads the files of a model. Whatever is read counts into [`revision`](Self::revision).
pub struct ModelFolder<'a> {
    path: &'a Path,
    /// What errors call the model.
    place: &'a str,
    hasher: blake3::Hasher,
}

impl<'a> ModelFolder<'a> {
    pub fn new(path: &'a Path, place: &'a str) -> Self {
        Self {
            path,
            place,
            hasher: blake3::Hasher::new(),
        }
    }

    /// A file by its path in the folder; `None` if it does not exist.
    pub fn find(&mut self, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let content = eidetic_hub::read_file(&self.path.join(file))?;
        if let Some(content) = &content {
            self.add(file, content);
        }
        Ok(content)
    }

    /// A file that must exist.
    pub fn read(&mut self, file: &str) -> Result<Vec<u8>, LoadError> {
        self.find(file)?
            .ok_or_else(|| json_file::invalid(file, format!("{} has no such file", self.place)))
    }

    /// A JSON file; one without fields if it does not exist.
    pub fn json(&mut self, file: &str) -> Result<JsonFile, LoadError> {
        match self.find(file)? {
            Some(json) => JsonFile::parse(file, &json),
            None => Ok(JsonFile::empty(file)),
        }
    }

    /// All weights in a folder of the model; an empty name is its own.
    pub fn weights(
        &mut self,
        folder: &str,
        options: &PackOptions,
    ) -> Result<Weights<PackedTensor>, LoadError> {
        let path: PathBuf = self.path.join(folder);
        let place = match folder {
            "" => self.place.to_owned(),
            folder => format!("{}/{folder}", self.place),
        };
        let shards = Shards::in_directory(&path, &place)?;
        read_checkpoint(&shards, Names::Sentence, options, &mut self.hasher)
    }

    /// Counts another setting into the revision.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        for part in [name.as_bytes(), content] {
            self.hasher
                .update(&(part.len() as u64).to_le_bytes())
                .update(part);
        }
    }

    /// A hash of all that was read.
    pub fn revision(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }
}
