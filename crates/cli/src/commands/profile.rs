//! Loads the profiles that arguments name.

use std::fs;
use std::path::Path;

use eidetic_confidence::profile::{NamedProfile, ProfileError, Profiles, parse_patterns};

use crate::failure::Failure;

/// Limit for files of profiles or patterns.
const MAX_BYTES: u64 = 16 << 20;

/// The profile `name` of `file`, or a bundled one.
pub(crate) fn named(name: &str, file: Option<&Path>) -> Result<NamedProfile, Failure> {
    let profiles = all(file)?;
    let names: Vec<String> = profiles.iter().map(|profile| profile.name.clone()).collect();
    let found = profiles.into_iter().find(|profile| profile.name == name);
    found.ok_or_else(|| {
        let error = ProfileError::Unknown {
            name: name.to_owned(),
            known: names.join(", "),
        };
        Failure::arguments(error.to_string())
    })
}

/// The bundled profiles and those of `file`, whose pattern files are relative to it.
pub(crate) fn all(file: Option<&Path>) -> Result<Vec<NamedProfile>, Failure> {
    let Some(path) = file else {
        return Ok(NamedProfile::builtin());
    };
    let more = Profiles::parse(&text(path)?).map_err(|error| Failure::in_file(path, error))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let patterns_of = |file: &str| {
        let path = folder.join(file);
        parse_patterns(&text(&path)?).map_err(|error| Failure::in_file(&path, error))
    };
    NamedProfile::all(Profiles::builtin().with(more), patterns_of)
}

fn text(path: &Path) -> Result<String, Failure> {
    let length = fs::metadata(path)
        .map_err(|error| Failure::in_file(path, error))?
        .len();
    if length > MAX_BYTES {
        return Err(Failure::in_file(path, "the file is too large"));
    }
    fs::read_to_string(path).map_err(|error| Failure::in_file(path, error))
}
