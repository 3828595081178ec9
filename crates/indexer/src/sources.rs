//! The sources of a run, in a form in which each file belongs to exactly one.

use std::path::{Path, PathBuf, absolute};

/// Absolute, sorted, without repetition.
pub struct Sources {
    paths: Vec<PathBuf>,
}

impl Sources {
    pub fn new(sources: &[PathBuf]) -> Self {
        let mut paths: Vec<PathBuf> = sources.iter().map(|source| tidy(source)).collect();
        paths.sort();
        paths.dedup();
        Self { paths }
    }

    pub fn iter(&self) -> impl Iterator<Item = &PathBuf> {
        self.paths.iter()
    }

    /// The sources that lie within `source`: their files are theirs, not its.
    pub fn within(&self, source: &Path) -> Vec<PathBuf> {
        let inner = |path: &&PathBuf| path.as_path() != source && path.starts_with(source);
        self.paths.iter().filter(inner).cloned().collect()
    }
}

/// Absolute where the current folder is known, without `.` and doubled or trailing separators.
pub fn tidy(path: &Path) -> PathBuf {
    absolute(path)
        .unwrap_or_else(|_| path.into())
        .components()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_tidied_and_nested_ones_known() {
        let sources = Sources::new(&["/p/b/".into(), "/p/./b".into(), "/p".into(), "/pq".into()]);
        assert!(sources.iter().eq(["/p", "/p/b", "/pq"].map(Path::new)));
        assert_eq!(sources.within(Path::new("/p")), [PathBuf::from("/p/b")]);
        assert!(sources.within(Path::new("/p/b")).is_empty());
    }
}
