//! Paths that a walk skips.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Files and folders that are skipped, also where a link or another path leads to them.
pub struct ExcludedPaths {
    paths: Vec<PathBuf>,
    /// Their last components, since comparing names is enough for most files.
    names: Vec<OsString>,
}

impl ExcludedPaths {
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

    /// Whether `name` in `folder`, which is not a link, is excluded.
    ///
    /// A folder of the same name may be excluded by another path. Only then is its real path resolved: doing
    /// so for every folder would cost as much as the walk.
    pub fn contains(&self, folder: &Path, name: &OsStr, is_folder: bool) -> bool {
        if !self.names.iter().any(|excluded| excluded == name) {
            return false;
        }
        let path = folder.join(name);
        self.paths.contains(&path) || (is_folder && self.contains_real(&path))
    }

    /// Whether `name` in `folder`, which is a link, or the folder that it leads to is excluded.
    pub fn contains_target(&self, folder: &Path, name: &OsStr, is_folder: bool) -> bool {
        let path = folder.join(name);
        !self.paths.is_empty() && (self.paths.contains(&path) || (is_folder && self.contains_real(&path)))
    }

    fn contains_real(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.paths.contains(&real))
    }
}
