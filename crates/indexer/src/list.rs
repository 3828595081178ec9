//! The files of a source, without reading or changing anything else.

use std::path::{Path, PathBuf};

use crate::walk::{Links, WalkMode, WalkOptions, walk};

/// The files that a run of `source` would look at, in order, without the paths `excluded`. What cannot be
/// listed is left out.
pub fn files_of(source: &Path, excluded: Vec<PathBuf>, links: Links) -> impl Iterator<Item = PathBuf> {
    let options = WalkOptions {
        excluded,
        links,
        ..WalkOptions::new(WalkMode::NamesOnly)
    };
    walk(source, options).flatten().map(|file| file.path)
}
