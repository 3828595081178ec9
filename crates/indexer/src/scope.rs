//! What a run looks at: everything, or some paths of its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use eidetic_catalog::FileStamp;
use eidetic_domain::{ContainerKind, PartPath};

use crate::side_cars::{FolderSideCars, is_side_car};

/// What a run looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// All files of its sources.
    #[default]
    Everything,
    /// These paths, with everything below them; none lies within another.
    Paths(Arc<BTreeSet<PathBuf>>),
}

impl Scope {
    /// Some paths, with everything below them, whether or not they exist. With a side-car come the pictures that it belongs
    /// to, for which its folder is listed.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut paths: BTreeSet<PathBuf> = paths.into_iter().collect();
        for (folder, side_cars) in side_cars_by_folder(&paths) {
            paths.extend(pictures_of(&folder, &side_cars));
        }
        Self::outermost(paths)
    }

    fn outermost(paths: BTreeSet<PathBuf>) -> Self {
        let mut outermost: BTreeSet<PathBuf> = BTreeSet::new();
        for path in paths {
            // A path follows directly behind those that it lies within.
            if outermost.last().is_none_or(|last| !path.starts_with(last)) {
                outermost.insert(path);
            }
        }
        Self::Paths(Arc::new(outermost))
    }

    /// Whether all files are looked at.
    pub fn is_everything(&self) -> bool {
        *self == Self::Everything
    }

    /// Whether a path, with everything below it, is looked at.
    pub fn covers(&self, path: &Path) -> bool {
        match self {
            Self::Everything => true,
            Self::Paths(paths) => path.ancestors().any(|ancestor| paths.contains(ancestor)),
        }
    }

    /// The part of the scope that is in `source`.
    pub(crate) fn below(&self, source: &Path) -> Self {
        match self {
            Self::Paths(paths) if !self.covers(source) => {
                Self::Paths(Arc::new(below(paths, source).cloned().collect()))
            }
            _ => Self::Everything,
        }
    }

    /// What is looked at in a folder that is entered.
    pub(crate) fn within(&self, folder: &Path) -> FolderScope {
        let paths = match self {
            Self::Paths(paths) if !self.covers(folder) => paths,
            _ => return FolderScope::All,
        };
        let mut names = BTreeMap::new();
        for path in below(paths, folder) {
            let mut rest = path.strip_prefix(folder).into_iter().flat_map(Path::components);
            if let Some(Component::Normal(name)) = rest.next() {
                *names.entry(name.to_owned()).or_default() |= rest.next().is_none();
            }
        }
        FolderScope::Names(names)
    }

    /// The paths below which the records of the scope in `source` are, in order: also those of pictures inside files.
    pub fn record_ranges(&self, source: &Path) -> Vec<PathBuf> {
        let Self::Paths(paths) = self.below(source) else {
            return vec![source.to_owned()];
        };
        let parts = paths.iter().filter(|path| ContainerKind::of(path).is_some());
        let parts: BTreeSet<PathBuf> = parts.map(|path| PartPath::folder_of(path)).collect();
        match Self::outermost(parts.into_iter().chain(paths.iter().cloned()).collect()) {
            Self::Paths(ranges) => ranges.iter().cloned().collect(),
            Self::Everything => Vec::new(),
        }
    }
}

/// The paths at or below `folder`, which follow it.
fn below<'a>(paths: &'a BTreeSet<PathBuf>, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
    let following = paths.range::<Path, _>((Bound::Included(folder), Bound::Unbounded));
    following.take_while(move |path| path.starts_with(folder))
}

/// What is looked at in one folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FolderScope {
    /// Everything.
    All,
    /// The entries of these names; true: also where it is a file, and with everything below it.
    Names(BTreeMap<OsString, bool>),
}

impl FolderScope {
    /// Whether an entry is looked at, or leads to what is.
    pub(crate) fn includes(&self, name: &OsStr) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains_key(name),
        }
    }

    /// Whether an entry is looked at.
    pub(crate) fn contains(&self, name: &OsStr) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.get(name) == Some(&true),
        }
    }
}

fn side_cars_by_folder(paths: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Vec<OsString>> {
    let mut folders: BTreeMap<PathBuf, Vec<OsString>> = BTreeMap::new();
    for path in paths {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
            && is_side_car(name)
        {
            folders
                .entry(folder.to_owned())
                .or_default()
                .push(name.to_owned());
        }
    }
    folders
}

/// The files of a folder that side-cars of these names belong to.
fn pictures_of(folder: &Path, side_cars: &[OsString]) -> Vec<PathBuf> {
    let named = side_cars
        .iter()
        .map(|name| (name.as_os_str(), FileStamp::default()));
    let side_cars = FolderSideCars::among(named);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    files
        .filter(|entry| !side_cars.of_file(folder, &entry.file_name()).is_empty())
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(paths: &[&str]) -> Scope {
        Scope::outermost(paths.iter().map(PathBuf::from).collect())
    }

    fn names(names: &[(&str, bool)]) -> FolderScope {
        let named = names
            .iter()
            .map(|(name, is_exact)| (OsString::from(name), *is_exact));
        FolderScope::Names(named.collect())
    }

    #[test]
    fn nested_paths_are_left_out() {
        assert_eq!(
            scope(&["/s/a", "/s/a/b", "/s/a b", "/s/a/b/c"]),
            scope(&["/s/a", "/s/a b"])
        );
    }

    #[test]
    fn folder_scope_names_way_to_paths() {
        let scope = scope(&["/s/a.jpg", "/s/trip/day/b.jpg", "/s/new"]);
        let within = |folder: &str| scope.within(Path::new(folder));
        assert_eq!(
            within("/s"),
            names(&[("a.jpg", true), ("trip", false), ("new", true)])
        );
        assert_eq!(within("/s/trip"), names(&[("day", false)]));
        assert_eq!(within("/s/new/below"), FolderScope::All);
        assert_eq!(within("/s/other"), names(&[]));
        assert_eq!(Scope::Everything.within(Path::new("/s")), FolderScope::All);
    }

    #[test]
    fn source_in_scope_is_looked_at_whole() {
        let scope = scope(&["/s", "/t/x"]);
        assert!(scope.below(Path::new("/s/inner")).is_everything());
        assert_eq!(scope.below(Path::new("/t")), Scope::of(["/t/x".into()]));
        assert!(scope.covers(Path::new("/t/x/y")) && !scope.covers(Path::new("/t")));
    }

    #[test]
    fn records_of_parts_are_in_order() {
        let scope = scope(&["/s/a.zip", "/s/a.zip b", "/s/b.jpg"]);
        let ranges = scope.record_ranges(Path::new("/s"));
        let expected = ["/s/a.zip", "/s/a.zip b", "/s/a.zip!", "/s/b.jpg"];
        assert!(ranges.iter().map(PathBuf::as_path).eq(expected.map(Path::new)));
        assert_eq!(
            Scope::Everything.record_ranges(Path::new("/s")),
            [PathBuf::from("/s")]
        );
    }

    #[test]
    fn side_cars_bring_their_pictures() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jpg", "a.xmp", "b.jpg", "b.jpg.json", "c.jpg"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let changed = ["a.xmp", "b.jpg.json"].map(|name| folder.path().join(name));
        let Scope::Paths(paths) = Scope::of(changed) else {
            panic!("a part")
        };
        let names: Vec<&str> = paths
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.jpg", "a.xmp", "b.jpg", "b.jpg.json"]);
    }
}
