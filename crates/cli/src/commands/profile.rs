//! Profiles as the command line names them.

use std::fs;
use std::path::Path;

use eidetic_confidence::profile::{NamedProfile, ProfileError, Profiles, patterns};

use crate::failure::Failure;

/// Larger files of profiles or patterns are a mistake.
const MOST_BYTES: u64 = 16 << 20;

/// The profile `name`, from `file` or from those that come along.
pub(crate) fn named(name: &str, file: Option<&Path>) -> Result<NamedProfile, Failure> {
    let known = known(file)?;
    let names: Vec<String> = known.iter().map(|profile| profile.name.clone()).collect();
    let found = known.into_iter().find(|profile| profile.name == name);
    found.ok_or_else(|| {
        let error = ProfileError::Unknown {
            name: name.to_owned(),
            known: names.join(", "),
        };
        Failure::arguments(error.to_string())
    })
}

/// The profiles that come along, and those of `file`, whose patterns lie beside it.
pub(crate) fn known(file: Option<&Path>) -> Result<Vec<NamedProfile>, Failure> {
    let Some(path) = file else {
        return Ok(NamedProfile::builtin());
    };
    let refused = |error: ProfileError| Failure::arguments(format!("{}: {error}", path.display()));
    let more = Profiles::parse(&text(path)?).map_err(refused)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let of_file = |file: &str| {
        let path = folder.join(file);
        patterns(&text(&path)?).map_err(|error| Failure::arguments(format!("{}: {error}", path.display())))
    };
    NamedProfile::all(Profiles::builtin().with(more), of_file)
}

fn text(path: &Path) -> Result<String, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", path.display()));
    let length = fs::metadata(path)
        .map_err(|error| refused(error.to_string()))?
        .len();
    if length > MOST_BYTES {
        return Err(refused("the file is too large".into()));
    }
    fs::read_to_string(path).map_err(|error| refused(error.to_string()))
}
