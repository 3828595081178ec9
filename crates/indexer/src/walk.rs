//! The files of a source, in order of path.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use eidetic_imaging::{Kind, classify};
use ignore::{DirEntry, Error, Walk, WalkBuilder};

/// A file with rules like `.gitignore`'s that keep files out of the library.
const IGNORE_FILE: &str = ".eideticignore";

/// Walks `source` without the folders `left_out`, sorted component by component.
///
/// Hidden files and folders below the source and whatever an ignore file names are passed over; ignore files of the
/// folders above the source count too, so that a source and a folder within it agree. Links are followed. Per folder
/// the names it holds are in memory, nothing else.
pub fn walk(source: &Path, left_out: Vec<PathBuf>) -> Walk {
    let left_out = LeftOut::new(left_out);
    WalkBuilder::new(source)
        .standard_filters(false)
        .hidden(true)
        .parents(true)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .sort_by_file_name(OsStr::cmp)
        .filter_entry(move |entry| !left_out.contains(entry))
        .build()
}

/// Whether an entry is an ordinary file: neither folder nor pipe nor device.
pub fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

/// Something that the walk could not look at.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it was; `None` where the walk cannot say.
    pub path: Option<PathBuf>,
    /// Why.
    pub reason: String,
}

/// What an error of the walk means; `None` for a link that leads back to a folder it lies in, which loses nothing.
pub fn obstacle(error: &Error) -> Option<Obstacle> {
    match error {
        Error::Loop { .. } => None,
        Error::WithPath { path, err } => obstacle(err).map(|inner| Obstacle {
            path: Some(path.clone()),
            reason: inner.reason,
        }),
        Error::WithDepth { err, .. } | Error::WithLineNumber { err, .. } => obstacle(err),
        Error::Io(error) => Some(Obstacle {
            path: None,
            reason: match error.kind() {
                ErrorKind::NotFound => {
                    "there is nothing at this path, or a link that leads to nothing".into()
                }
                _ => error.to_string(),
            },
        }),
        other => Some(Obstacle {
            path: None,
            reason: other.to_string(),
        }),
    }
}

/// Whether an obstacle is worth a line: broken links count only where they are named like visible pictures or folders.
pub fn is_worth_reporting(path: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let other = path.extension().is_some() && classify(&[], path) == Kind::NotAPicture;
    !(is_link && (hidden || other))
}

/// Folders that are not walked, whatever path leads to them.
struct LeftOut {
    paths: HashSet<PathBuf>,
}

impl LeftOut {
    fn new(paths: Vec<PathBuf>) -> Self {
        let real: Vec<PathBuf> = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
        Self {
            paths: paths.into_iter().chain(real).collect(),
        }
    }

    fn contains(&self, entry: &DirEntry) -> bool {
        if self.paths.is_empty() || entry.depth() == 0 {
            return false;
        }
        self.paths.contains(entry.path()) || self.contains_target(entry)
    }

    /// Only a link or a folder of the right name can lead to a folder left out by another path: asking the system about
    /// every folder would cost as much as the walk.
    fn contains_target(&self, entry: &DirEntry) -> bool {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let same_name = || {
            self.paths
                .iter()
                .any(|path| path.file_name() == Some(entry.file_name()))
        };
        is_folder
            && (entry.path_is_symlink() || same_name())
            && entry
                .path()
                .canonicalize()
                .is_ok_and(|real| self.paths.contains(&real))
    }
}
