//! Paths that the catalog knows and the walk no longer meets, kept until the end of the run.
//!
//! Stored folder by folder, the names of a folder's files end to end: about the length of a name each. All of ten
//! million files vanishing at once cost some 150 MB.

use std::path::{Path, PathBuf};

/// A list of absolute paths. Neighbours in one folder share it.
#[derive(Default)]
pub struct Vanished {
    folders: Vec<Folder>,
}

struct Folder {
    path: PathBuf,
    /// Each component is a file's name: no name can hold the separator.
    names: PathBuf,
}

impl Vanished {
    pub fn push(&mut self, path: &Path) {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        match self.folders.last_mut() {
            Some(folder) if folder.path == parent => folder.names.push(name),
            _ => self.folders.push(Folder {
                path: parent.into(),
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
            .flat_map(|folder| folder.names.iter().map(|name| folder.path.join(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_pushed_comes_back(names in prop::collection::vec("/[ab]/([cd]/)?[ef.]x[ é]{0,2}", 0..20)) {
            let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
            let mut vanished = Vanished::default();
            for path in &paths {
                vanished.push(path);
            }
            prop_assert_eq!(vanished.iter().collect::<Vec<_>>(), paths);
        }
    }
}
