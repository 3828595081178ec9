//! Which of an image's paths to show.

use std::path::{Path, PathBuf};

use eidetic_containers::file_at;
use eidetic_domain::Filter;
use eidetic_search::SearchResults;

/// Puts the paths first that are in the filter's folders and exist, and drops those that do not exist. Returns whether
/// the first one exists; if none in the filter's folders does, these are kept.
pub(crate) fn arrange(paths: &mut Vec<PathBuf>, filter: &Filter) -> bool {
    let in_filter = |path: &Path| {
        let mut folders = filter.folders.iter();
        filter.folders.is_empty() || folders.any(|folder| path.starts_with(folder))
    };
    let is_first = |path: &PathBuf| in_filter(path) && exists(path);
    let reachable = paths.iter().any(is_first);
    if reachable {
        paths.retain(|path| exists(path));
    } else {
        paths.retain(|path| in_filter(path) || exists(path));
    }
    // Stable, so that each part stays sorted.
    paths.sort_by_key(|path| !in_filter(path));
    reachable
}

/// Whether the file is there, or the file that the picture is in.
fn exists(path: &Path) -> bool {
    file_at(path).exists()
}

/// Arranges the paths of every hit.
pub(crate) fn arrange_all(results: &mut SearchResults, filter: &Filter) {
    for found in &mut results.hits {
        found.reachable = arrange(&mut found.record.paths, filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_paths_in_filter_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "z"] {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("one.jpg"), "x").unwrap();
        }
        let all = || {
            ["a/one.jpg", "b/gone.jpg", "z/gone.jpg", "z/one.jpg"]
                .map(path)
                .to_vec()
        };
        let filter = |folders: &[&str]| Filter {
            folders: folders.iter().map(|name| path(name)).collect(),
            ..Filter::default()
        };
        for (folders, expected, reachable) in [
            (&[][..], &["a/one.jpg", "z/one.jpg"][..], true),
            (&["z"], &["z/one.jpg", "a/one.jpg"], true),
            (&["b"], &["b/gone.jpg", "a/one.jpg", "z/one.jpg"], false),
        ] {
            let mut paths = all();
            assert_eq!(arrange(&mut paths, &filter(folders)), reachable);
            assert_eq!(
                paths,
                expected.iter().map(|name| path(name)).collect::<Vec<_>>(),
                "{folders:?}"
            );
        }
        let mut gone = vec![path("b/gone.jpg"), path("z/gone.jpg")];
        assert!(!arrange(&mut gone, &Filter::default()));
        assert_eq!(gone.len(), 2);
    }
}
