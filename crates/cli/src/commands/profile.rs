//! Loads the profiles that arguments name.

use std::fs;
use std::path::Path;

use eidetic_confidence::profile::{NamedProfile, Pattern, ProfileError, Profiles, parse_patterns};

use crate::failure::Failure;

/// Limit for files of profiles or patterns.
const MAX_BYTES: u64 = 16 << 20;

/// The profile `name` of `file`, or a bundled one.
pub(crate) fn named(name: &str, file: Option<&Path>) -> Result<NamedProfile, Failure> {
    let profiles = all(file)?;
    let names: Vec<String> = profiles.iter().map(|profile| profile.name.clone()).collect();
    let found = profiles.into_iter().find(|profile| profile.name == name);
    if let Some(found) = &found {
        found
            .check_patterns()
            .map_err(|error| Failure::arguments(error.to_string()))?;
    }
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
    let patterns_of = |file: &str| patterns(&folder.join(file));
    NamedProfile::all(Profiles::builtin().with(more), patterns_of)
}

/// Patterns of a file, in place of the profile's own.
pub(crate) fn patterns(path: &Path) -> Result<Vec<Pattern>, Failure> {
    parse_patterns(&text(path)?).map_err(|error| Failure::in_file(path, error))
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
