//! The files of a source, without reading or changing anything else.

use std::path::{Path, PathBuf};

use crate::walk::{WalkMode, walk};

/// The files that a run of `source` would look at, in order, without the paths `excluded`. What cannot be
/// listed is left out.
pub fn files_of(source: &Path, excluded: Vec<PathBuf>) -> impl Iterator<Item = PathBuf> {
    let files = walk(source, excluded, WalkMode::NamesOnly);
    files.flatten().map(|file| file.path)
}
