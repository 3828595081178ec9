//! The sources of a run, in a form in which each file belongs to exactly one.

use std::path::{Path, PathBuf, absolute};

use crate::IndexerOptions;
use crate::scope::Scope;

/// One source and what lies in it without being part of it.
pub struct SourceRoot {
    pub path: PathBuf,
    /// Other sources, and folders that are never walked.
    pub excluded: Vec<PathBuf>,
    /// The paths in it that are looked at.
    pub scope: Scope,
}

/// The sources, sorted and without duplicates, each without the sources within it.
pub fn source_roots(sources: &[PathBuf], options: &IndexerOptions) -> Vec<SourceRoot> {
    let mut paths: Vec<PathBuf> = sources.iter().map(|source| normalize(source)).collect();
    paths.sort();
    paths.dedup();
    let never_walked: Vec<PathBuf> = options.excluded.iter().map(|path| normalize(path)).collect();
    let root = |path: &PathBuf| SourceRoot {
        path: path.clone(),
        excluded: [nested(path, &paths), never_walked.clone()].concat(),
        scope: options.scope.below(path),
    };
    paths.iter().map(root).collect()
}

/// Those of `paths` that lie within `source`.
fn nested(source: &Path, paths: &[PathBuf]) -> Vec<PathBuf> {
    let is_inner = |path: &&PathBuf| path.as_path() != source && path.starts_with(source);
    paths.iter().filter(is_inner).cloned().collect()
}

/// Absolute where the current folder is known, without `.` and without doubled or trailing separators.
pub fn normalize(path: &Path) -> PathBuf {
    absolute(path)
        .unwrap_or_else(|_| path.into())
        .components()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_sources_are_excluded_from_outer() {
        let sources = ["/p/b/".into(), "/p/./b".into(), "/p".into(), "/pq".into()];
        let roots = source_roots(&sources, &IndexerOptions::default());
        assert!(
            roots
                .iter()
                .map(|root| &root.path)
                .eq(["/p", "/p/b", "/pq"].map(Path::new))
        );
        assert_eq!(roots[0].excluded, [PathBuf::from("/p/b")]);
        assert!(roots[1].excluded.is_empty());
    }
}
