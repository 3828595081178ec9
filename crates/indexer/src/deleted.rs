//! Paths that the catalog knows and the walk did not find, kept until the end of the run.
//!
//! Stored folder by folder, with the names of a folder's files joined into one path: a path costs about the
//! length of its file name. A run in which all of ten million files are gone needs some 150 MB.

use std::path::{Path, PathBuf};

/// A list of absolute paths. Neighbors in one folder share it.
#[derive(Default)]
pub struct DeletedPaths {
    folders: Vec<DeletedNames>,
}

struct DeletedNames {
    folder: PathBuf,
    /// Each component is the name of a file, since no name contains the separator.
    names: PathBuf,
}

impl DeletedPaths {
    pub fn push(&mut self, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        match self.folders.last_mut() {
            Some(last) if last.folder == parent => last.names.push(name),
            _ => self.folders.push(DeletedNames {
                folder: parent.into(),
                names: name.into(),
            }),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = PathBuf> {
        self.folders
            .iter()
            .flat_map(|deleted| deleted.names.iter().map(|name| deleted.folder.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn iter_returns_pushed_paths(names in prop::collection::vec("/[ab]/([cd]/)?[ef.]x[ é]{0,2}", 0..20)) {
            let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            let mut deleted = DeletedPaths::default();
            for path in &paths {
                deleted.push(path);
            }
            prop_assert_eq!(deleted.iter().collect::<Vec<_>>(), paths);
        }
    }
}
