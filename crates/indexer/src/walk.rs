//! Walks the files of a source in order of their paths.
//!
//! This is a walk of our own that uses the `ignore` crate only to match rules. It costs one `statx` per file,
//! relative to the open folder, and allocates neither a second path nor a sort key.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use eidetic_catalog::FileStamp;
use eidetic_imaging::{FileKind, classify};

use crate::stamp::stamp;

mod excluded;
mod rules;
#[cfg(test)]
mod tests;

use excluded::ExcludedPaths;
use rules::{AncestorRules, IgnoreRules, RuleMatch};

/// What a walk reads of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkMode {
    /// Its name, size and modification time.
    Stat,
    /// Its name.
    NamesOnly,
}

/// A regular file: no folder, pipe or device.
#[derive(Debug, PartialEq, Eq)]
pub struct WalkedFile {
    /// Below the source.
    pub path: PathBuf,
    /// When its folder was listed; `None` in [`WalkMode::NamesOnly`] and where the file could not be read.
    pub stamp: Option<FileStamp>,
}

/// A path that the walk could not read.
#[derive(Debug, PartialEq, Eq)]
pub struct WalkError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's error.
    pub reason: String,
}

/// Walks `source` without the paths `excluded`, sorted component by component.
///
/// Skips hidden files and folders below the source, and what an ignore file names. The ignore files of the
/// folders above the source apply too, so that a source and a folder within it agree. Symbolic links are
/// followed, except those to a folder that contains the link. Only the names in the open folders are in
/// memory.
pub fn walk(source: &Path, excluded: Vec<PathBuf>, mode: WalkMode) -> Walk {
    Walk {
        mode,
        excluded: ExcludedPaths::new(excluded),
        ancestor_rules: AncestorRules::new(source),
        source: source.to_owned(),
        started: false,
        open: Vec::new(),
    }
}

/// See [`walk`].
pub struct Walk {
    mode: WalkMode,
    excluded: ExcludedPaths,
    ancestor_rules: AncestorRules,
    source: PathBuf,
    started: bool,
    /// The folders from the source to the current one.
    open: Vec<OpenFolder>,
}

struct OpenFolder {
    path: PathBuf,
    rules: Option<Arc<IgnoreRules>>,
    entries: vec::IntoIter<WalkEntry>,
}

struct WalkEntry {
    name: OsString,
    kind: EntryKind,
}

enum EntryKind {
    File(Option<FileStamp>),
    Folder,
    LinkedFolder,
    Unreadable(String),
}

impl Iterator for Walk {
    type Item = Result<WalkedFile, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            if let Some(first) = self.start() {
                return Some(first);
            }
        }
        loop {
            let folder = self.open.last_mut()?;
            let Some(WalkEntry { name, kind }) = folder.entries.next() else {
                self.open.pop();
                continue;
            };
            let path = folder.path.join(name);
            match kind {
                EntryKind::File(stamp) => return Some(Ok(WalkedFile { path, stamp })),
                EntryKind::Unreadable(reason) => return Some(Err(WalkError { path, reason })),
                EntryKind::LinkedFolder if self.is_loop(&path) => {}
                EntryKind::Folder | EntryKind::LinkedFolder => {
                    if let Err(error) = self.enter(path) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

impl Walk {
    /// The source itself, to which no rule applies; `None` for a folder that was entered.
    fn start(&mut self) -> Option<Result<WalkedFile, WalkError>> {
        let path = self.source.clone();
        match fs::metadata(&path) {
            Err(error) => Some(Err(walk_error(path, &error))),
            Ok(metadata) if metadata.is_dir() => self.enter(path).err().map(Err),
            Ok(metadata) if metadata.is_file() => Some(Ok(WalkedFile {
                path,
                stamp: Some(stamp(&metadata)),
            })),
            Ok(_) => None,
        }
    }

    fn enter(&mut self, path: PathBuf) -> Result<(), WalkError> {
        let listed: io::Result<Vec<DirEntry>> = fs::read_dir(&path).and_then(Iterator::collect);
        let listed = listed.map_err(|error| walk_error(path.clone(), &error))?;
        let rules = IgnoreRules::of(
            &path,
            &listed,
            self.open.last().and_then(|folder| folder.rules.clone()),
        );
        let mut entries: Vec<WalkEntry> = listed
            .iter()
            .filter_map(|entry| self.entry(entry, &path, rules.as_deref()))
            .collect();
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        self.open.push(OpenFolder {
            path,
            rules,
            entries: entries.into_iter(),
        });
        Ok(())
    }

    /// The entry; `None` where it is skipped.
    fn entry(&self, entry: &DirEntry, folder: &Path, rules: Option<&IgnoreRules>) -> Option<WalkEntry> {
        let name = entry.file_name();
        let kind = entry.file_type().ok()?;
        if kind.is_symlink() {
            return self.link(name, folder, rules);
        }
        let is_folder = kind.is_dir();
        if !(is_folder || kind.is_file()) || self.is_ignored(&name, folder, is_folder, rules) {
            return None;
        }
        if self.excluded.contains(folder, &name, is_folder) {
            return None;
        }
        let kind = match self.mode {
            _ if is_folder => EntryKind::Folder,
            WalkMode::NamesOnly => EntryKind::File(None),
            WalkMode::Stat => EntryKind::File(entry.metadata().ok().map(|metadata| stamp(&metadata))),
        };
        Some(WalkEntry { name, kind })
    }

    /// A broken link is an error even where it is hidden, since its target may come back.
    fn link(&self, name: OsString, folder: &Path, rules: Option<&IgnoreRules>) -> Option<WalkEntry> {
        let kind = match fs::metadata(folder.join(&name)) {
            Err(error) => EntryKind::Unreadable(reason(&error)),
            Ok(metadata) => {
                let is_folder = metadata.is_dir();
                if self.is_ignored(&name, folder, is_folder, rules)
                    || self.excluded.contains_target(folder, &name, is_folder)
                {
                    return None;
                }
                match is_folder {
                    true => EntryKind::LinkedFolder,
                    false if metadata.is_file() => EntryKind::File(Some(stamp(&metadata))),
                    false => return None,
                }
            }
        };
        Some(WalkEntry { name, kind })
    }

    /// Whether a rule matches the entry or, where none does, it is hidden. A rule can include a hidden file.
    fn is_ignored(&self, name: &OsStr, folder: &Path, is_folder: bool, rules: Option<&IgnoreRules>) -> bool {
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if rules.is_none() && self.ancestor_rules.is_empty() {
            return hidden;
        }
        let path = folder.join(name);
        let own = rules.and_then(|rules| rules.innermost_match(&path, is_folder));
        own.or_else(|| self.ancestor_rules.innermost_match(&path, is_folder))
            .map_or(hidden, |rule| rule == RuleMatch::Ignore)
    }

    /// Whether the target of a link is a folder that contains the link.
    fn is_loop(&self, link: &Path) -> bool {
        let Ok(target) = link.canonicalize() else {
            return false;
        };
        let is_target = |folder: &OpenFolder| folder.path.canonicalize().is_ok_and(|real| real == target);
        self.open.iter().any(is_target)
    }
}

fn walk_error(path: PathBuf, error: &io::Error) -> WalkError {
    WalkError {
        path,
        reason: reason(error),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder, or a broken symbolic link".into(),
        _ => error.to_string(),
    }
}

/// Whether to report an unreadable path: a broken link only where its name is that of a visible image or
/// folder.
pub fn is_worth_reporting(path: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let other = path.extension().is_some() && classify(&[], path) == FileKind::NotImage;
    !(is_link && (hidden || other))
}
