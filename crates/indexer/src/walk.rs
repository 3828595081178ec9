//! Walks the files of a source in order of their paths.
//!
//! This is a walk of our own that uses the `ignore` crate only to match rules. It costs one `statx` per file,
//! relative to the open folder, and allocates neither a second path nor a sort key.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use eidetic_catalog::FileStamp;
use eidetic_imaging::{FileKind, classify};

use crate::mounts::device;
use crate::scope::{FolderScope, Scope};
use crate::side_cars::{FolderSideCars, SideCar, is_side_car};
use crate::stamp::Stamper;

mod excluded;
mod junk;
mod rules;
#[cfg(test)]
mod tests;

use excluded::ExcludedPaths;
pub use junk::is_junk;
pub use rules::IGNORE_FILE;
use rules::{AncestorRules, IgnoreRules, RuleMatch};

/// What a walk reads of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkMode {
    /// Its name, size and modification time.
    Stat,
    /// Its name.
    NamesOnly,
}

/// What a walk does with symbolic links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// It follows them, also out of the source.
    #[default]
    Follow,
    /// It skips them.
    Skip,
}

/// How to walk.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// Paths that are skipped.
    pub excluded: Vec<PathBuf>,
    /// What to read of each file.
    pub mode: WalkMode,
    /// What to do with links.
    pub links: Links,
    /// Makes the stamps of files.
    pub stamper: Stamper,
    /// The paths that are looked at.
    pub scope: Scope,
    /// Called with each folder before it is listed.
    pub on_folder: Option<FolderHook>,
}

/// Called with each folder that a walk enters, before it is listed, so that what is added later does not go unnoticed.
#[derive(Clone)]
pub struct FolderHook(Arc<dyn Fn(&Path) + Send + Sync>);

impl FolderHook {
    /// Calls `hook`.
    pub fn new(hook: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }
}

impl fmt::Debug for FolderHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FolderHook")
    }
}

/// What a walk found beside files.
#[derive(Debug, Default)]
pub struct WalkSummary {
    /// Folders that are in another file system than the folder around them; only in [`WalkMode::Stat`].
    pub mounts: Vec<PathBuf>,
    /// Number of folders that were skipped because of their names: trash, caches, previews.
    pub junk_folders: u64,
}

/// A regular file: no folder, pipe or device.
#[derive(Debug, PartialEq, Eq)]
pub struct WalkedFile {
    /// Below the source.
    pub path: PathBuf,
    /// When its folder was listed; `None` in [`WalkMode::NamesOnly`] and where the file could not be read.
    pub stamp: Option<FileStamp>,
    /// Its side-cars; none in [`WalkMode::NamesOnly`].
    pub side_cars: Vec<SideCar>,
}

/// A path that the walk could not read.
#[derive(Debug, PartialEq, Eq)]
pub struct WalkError {
    /// The file or folder.
    pub path: PathBuf,
    /// The system's error.
    pub reason: String,
    /// Its kind.
    pub kind: io::ErrorKind,
}

/// Walks `source` without the excluded paths, sorted component by component.
///
/// Skips hidden files and folders below the source, folders of programs that hold no originals (trash, caches,
/// previews), and what an ignore file names. The ignore files of the folders above the source apply too, so that
/// a source and a folder within it agree. Symbolic links to a folder that contains the link are never followed.
/// Only the names in the open folders are in memory.
pub fn walk(source: &Path, options: WalkOptions) -> Walk {
    Walk {
        mode: options.mode,
        links: options.links,
        stamper: options.stamper,
        scope: options.scope,
        on_folder: options.on_folder,
        excluded: ExcludedPaths::new(options.excluded),
        ancestor_rules: AncestorRules::new(source),
        source: source.to_owned(),
        started: false,
        open: Vec::new(),
        mounts: Vec::new(),
        junk_folders: Cell::new(0),
    }
}

impl WalkOptions {
    /// A walk that follows links and excludes nothing.
    pub fn new(mode: WalkMode) -> Self {
        Self {
            excluded: Vec::new(),
            mode,
            links: Links::default(),
            stamper: Stamper::default(),
            scope: Scope::Everything,
            on_folder: None,
        }
    }
}

/// See [`walk`].
pub struct Walk {
    mode: WalkMode,
    links: Links,
    stamper: Stamper,
    scope: Scope,
    on_folder: Option<FolderHook>,
    excluded: ExcludedPaths,
    ancestor_rules: AncestorRules,
    source: PathBuf,
    started: bool,
    /// The folders from the source to the current one.
    open: Vec<OpenFolder>,
    mounts: Vec<PathBuf>,
    junk_folders: Cell<u64>,
}

struct OpenFolder {
    path: PathBuf,
    /// The file system that it is in; `None` where that is unknown.
    device: Option<u64>,
    rules: Option<Arc<IgnoreRules>>,
    side_cars: FolderSideCars,
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
    Unreadable(io::Error),
}

impl WalkEntry {
    /// A file that has the name of a folder above what is looked at is not. A link there that leads nowhere is: what is
    /// below it is unknown.
    fn is_within(&self, scope: &FolderScope) -> bool {
        !matches!(self.kind, EntryKind::File(_)) || scope.contains(&self.name)
    }
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
            let path = folder.path.join(&name);
            match kind {
                EntryKind::File(stamp) => {
                    let side_cars = folder.side_cars.of_file(&folder.path, &name);
                    return Some(Ok(WalkedFile {
                        path,
                        stamp,
                        side_cars,
                    }));
                }
                EntryKind::Unreadable(error) => return Some(Err(walk_error(path, &error))),
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
    /// What was found beside files; complete at the end of the walk.
    pub fn summary(self) -> WalkSummary {
        WalkSummary {
            mounts: self.mounts,
            junk_folders: self.junk_folders.get(),
        }
    }

    /// The source itself, to which no rule applies; `None` for a folder that was entered.
    fn start(&mut self) -> Option<Result<WalkedFile, WalkError>> {
        let path = self.source.clone();
        match fs::metadata(&path) {
            Err(error) => Some(Err(walk_error(path, &error))),
            Ok(metadata) if metadata.is_dir() => self.enter(path).err().map(Err),
            Ok(metadata) if metadata.is_file() => Some(Ok(WalkedFile {
                side_cars: self.side_cars_of(&path),
                path,
                stamp: Some(self.stamper.stamp(&metadata)),
            })),
            Ok(_) => None,
        }
    }

    fn side_cars_of(&self, file: &Path) -> Vec<SideCar> {
        match (self.mode, file.parent(), file.file_name()) {
            (WalkMode::Stat, Some(folder), Some(name)) => {
                FolderSideCars::list(folder, &self.stamper).of_file(folder, name)
            }
            _ => Vec::new(),
        }
    }

    fn enter(&mut self, path: PathBuf) -> Result<(), WalkError> {
        if let Some(FolderHook(hook)) = &self.on_folder {
            hook(&path);
        }
        let listed: io::Result<Vec<DirEntry>> = fs::read_dir(&path).and_then(Iterator::collect);
        let listed = listed.map_err(|error| walk_error(path.clone(), &error))?;
        let rules = IgnoreRules::of(
            &path,
            &listed,
            self.open.last().and_then(|folder| folder.rules.clone()),
        );
        let scope = self.scope.within(&path);
        let mut entries: Vec<WalkEntry> = listed
            .iter()
            .filter(|entry| scope.includes(&entry.file_name()))
            .filter_map(|entry| self.entry(entry, &path, rules.as_deref()))
            .filter(|entry| entry.is_within(&scope))
            .collect();
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let side_cars = if entries
            .iter()
            .any(|entry| matches!(entry.kind, EntryKind::File(_)))
        {
            self.side_cars_among(&listed)
        } else {
            FolderSideCars::default()
        };
        let device = self.device_of(&path);
        if self.open.last().is_some_and(|outer| outer.device != device) {
            self.mounts.push(path.clone());
        }
        self.open.push(OpenFolder {
            path,
            device,
            rules,
            side_cars,
            entries: entries.into_iter(),
        });
        Ok(())
    }

    /// Hidden and ignored ones too.
    fn side_cars_among(&self, listed: &[DirEntry]) -> FolderSideCars {
        if self.mode == WalkMode::NamesOnly {
            return FolderSideCars::default();
        }
        let names = listed.iter().map(|entry| (entry, entry.file_name()));
        let stamped: Vec<(OsString, FileStamp)> = names
            .filter(|(_, name)| is_side_car(name))
            .filter_map(|(entry, name)| {
                let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((name, self.stamper.stamp(&metadata)))
            })
            .collect();
        FolderSideCars::among(stamped.iter().map(|(name, stamp)| (name.as_os_str(), *stamp)))
    }

    fn device_of(&self, folder: &Path) -> Option<u64> {
        match self.mode {
            WalkMode::Stat => device(&fs::metadata(folder).ok()?),
            WalkMode::NamesOnly => None,
        }
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
            WalkMode::Stat => EntryKind::File(
                entry
                    .metadata()
                    .ok()
                    .map(|metadata| self.stamper.stamp(&metadata)),
            ),
        };
        Some(WalkEntry { name, kind })
    }

    /// A broken link is an error even where it is hidden, since its target may come back.
    fn link(&self, name: OsString, folder: &Path, rules: Option<&IgnoreRules>) -> Option<WalkEntry> {
        if self.links == Links::Skip {
            return None;
        }
        let kind = match fs::metadata(folder.join(&name)) {
            Err(error) => EntryKind::Unreadable(error),
            Ok(metadata) => {
                let is_folder = metadata.is_dir();
                if self.is_ignored(&name, folder, is_folder, rules)
                    || self.excluded.contains_target(folder, &name, is_folder)
                {
                    return None;
                }
                match is_folder {
                    true => EntryKind::LinkedFolder,
                    false if metadata.is_file() => EntryKind::File(Some(self.stamper.stamp(&metadata))),
                    false => return None,
                }
            }
        };
        Some(WalkEntry { name, kind })
    }

    /// Whether a rule matches the entry or, where none does, it is hidden or junk. A rule can include such entries.
    fn is_ignored(&self, name: &OsStr, folder: &Path, is_folder: bool, rules: Option<&IgnoreRules>) -> bool {
        let junk = is_folder && is_junk(name);
        let rule = self.rule_match(name, folder, is_folder, rules);
        if junk && rule != Some(RuleMatch::Include) {
            self.junk_folders.set(self.junk_folders.get() + 1);
        }
        let hidden = name.as_encoded_bytes().starts_with(b".");
        rule.map_or(hidden || junk, |rule| rule == RuleMatch::Ignore)
    }

    fn rule_match(
        &self,
        name: &OsStr,
        folder: &Path,
        is_folder: bool,
        rules: Option<&IgnoreRules>,
    ) -> Option<RuleMatch> {
        if rules.is_none() && self.ancestor_rules.is_empty() {
            return None;
        }
        let path = folder.join(name);
        let own = rules.and_then(|rules| rules.innermost_match(&path, is_folder));
        own.or_else(|| self.ancestor_rules.innermost_match(&path, is_folder))
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
        kind: error.kind(),
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
