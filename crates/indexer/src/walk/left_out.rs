//! Folders, and single files, that a walk keeps out of.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Paths that are not walked, whatever path leads to them.
pub struct LeftOut {
    paths: Vec<PathBuf>,
    /// Their last components: most files are told from them by name alone.
    names: Vec<OsString>,
}

impl LeftOut {
    pub fn new(mut paths: Vec<PathBuf>) -> Self {
        let real: Vec<PathBuf> = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
        paths.extend(real);
        paths.sort();
        paths.dedup();
        let names = paths
            .iter()
            .filter_map(|path| path.file_name().map(OsStr::to_owned));
        Self {
            names: names.collect(),
            paths,
        }
    }

    /// Whether `name` in `folder`, no link, is left out.
    ///
    /// A folder of the right name may be one of them by another path. Asking the system about every folder would cost as
    /// much as the walk.
    pub fn contains(&self, folder: &Path, name: &OsStr, is_folder: bool) -> bool {
        if !self.names.iter().any(|left_out| left_out == name) {
            return false;
        }
        let path = folder.join(name);
        self.paths.contains(&path) || (is_folder && self.holds_real(&path))
    }

    /// Whether `name` in `folder`, a link, is left out or leads to a folder that is.
    pub fn contains_target(&self, folder: &Path, name: &OsStr, is_folder: bool) -> bool {
        let path = folder.join(name);
        !self.paths.is_empty() && (self.paths.contains(&path) || (is_folder && self.holds_real(&path)))
    }

    fn holds_real(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.paths.contains(&real))
    }
}
