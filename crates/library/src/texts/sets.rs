//! The sets of a library: their names and files.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eidetic_domain::ImageId;
use serde_json::Value;

use super::reader::hash;
use super::set_file::{ENDING, TextSet, prefix};
use super::{SetMap, StoredText, TextsError};
use crate::LibraryError;

/// Most characters in the name of a set.
const MAX_NAME: usize = 200;

pub(super) fn texts_directory(library: &Path) -> PathBuf {
    library.join("texts")
}

/// Creates the folder; once this returns, it survives power loss.
pub(super) fn create_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    eidetic_atomic_file::sync_directory(directory.parent().unwrap_or(Path::new(".")))
}

/// The name of a set must be fit for a line of output and an address.
pub(super) fn check_name(name: &str) -> Result<(), TextsError> {
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.trim() != name {
        "it begins or ends with a space"
    } else if name.chars().any(char::is_control) {
        "it has control characters"
    } else if name.chars().count() > MAX_NAME {
        "it has more than 200 characters"
    } else {
        return Ok(());
    };
    Err(TextsError::Name {
        name: name.chars().take(80).collect(),
        reason,
    })
}

pub(super) fn find_set<'a>(sets: &'a SetMap, name: &str) -> Result<&'a Arc<TextSet>, LibraryError> {
    sets.get(name).ok_or_else(|| LibraryError::UnknownTextSet {
        name: name.to_owned(),
        known: sets
            .keys()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The files of sets in a directory, which need not exist, in order of name.
pub(super) fn set_files(directory: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LibraryError::io(directory)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(LibraryError::io(directory))?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A set of which not even the name can be read is left out; `eidetic check` names its file.
pub(super) fn open_sets(directory: &Path) -> Result<SetMap, LibraryError> {
    let mut sets = SetMap::new();
    for path in set_files(directory)? {
        let Some(set) = TextSet::open(&path)? else {
            tracing::warn!(
                "{}: it cannot be read, so its texts are missing; `eidetic check --repair` sets it aside",
                path.display()
            );
            continue;
        };
        if let Some(damage) = &set.damage {
            tracing::warn!(
                "{}: {damage}; the texts that are whole are used, and `eidetic check --repair` mends it",
                path.display()
            );
        }
        sets.insert(set.name.clone(), Arc::new(set));
    }
    Ok(sets)
}

pub(super) fn fingerprints(set: &TextSet) -> Result<HashMap<u128, u64>, LibraryError> {
    let texts = set.texts()?;
    Ok(texts.map(|text| (hash(&text.id), fingerprint(&text))).collect())
}

/// Of text and fields.
pub(super) fn fingerprint(text: &StoredText) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.text.as_bytes()).update(b"\0");
    hasher.update(Value::Object(text.fields.clone()).to_string().as_bytes());
    let hash = *hasher.finalize().as_bytes();
    prefix(&ImageId::from_bytes(hash))
}
