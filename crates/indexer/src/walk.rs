//! The files of a source, in order of path.
//!
//! A walk of our own over the file system, with the `ignore` crate's matching of rules: per file it makes one look (`statx`
//! from the open folder), no second path and no sort key.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use eidetic_catalog::FileStamp;
use eidetic_imaging::{FileKind, classify};

use crate::stamp::stamp;

mod left_out;
mod rules;
#[cfg(test)]
mod tests;

use left_out::LeftOut;
use rules::Rules;

/// What a walk asks of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Its stamp.
    Stamps,
    /// That it is there.
    Names,
}

/// An ordinary file: neither folder nor pipe nor device.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    /// As its folder was listed; `None` where it is gone or shut since, or nobody asked.
    pub stamp: Option<FileStamp>,
}

/// Something that the walk could not look at.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Walks `source` without the folders `left_out`, sorted component by component.
///
/// Hidden files and folders below the source and whatever an ignore file names are passed over; ignore files of the
/// folders above the source count too, so that a source and a folder within it agree. Links are followed; one that leads
/// back to a folder it lies in is passed over, which loses nothing. Per folder the names it holds are in memory, nothing
/// else.
pub fn walk(source: &Path, left_out: Vec<PathBuf>, look: Look) -> Walk {
    Walk {
        look,
        left_out: LeftOut::new(left_out),
        above: Rules::above(source),
        source: source.to_owned(),
        started: false,
        open: Vec::new(),
    }
}

/// See [`walk`].
pub struct Walk {
    look: Look,
    left_out: LeftOut,
    /// Rules of the folders above.
    above: rules::Above,
    source: PathBuf,
    started: bool,
    /// The folders from the source to where the walk is.
    open: Vec<Folder>,
}

struct Folder {
    path: PathBuf,
    rules: Option<Arc<Rules>>,
    entries: vec::IntoIter<Entry>,
}

struct Entry {
    name: OsString,
    kind: Kind,
}

enum Kind {
    File(Option<FileStamp>),
    Folder,
    LinkedFolder,
    Obstacle(String),
}

impl Iterator for Walk {
    type Item = Result<File, Obstacle>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            if let Some(met) = self.start() {
                return Some(met);
            }
        }
        loop {
            let folder = self.open.last_mut()?;
            let Some(Entry { name, kind }) = folder.entries.next() else {
                self.open.pop();
                continue;
            };
            let path = folder.path.join(name);
            match kind {
                Kind::File(stamp) => return Some(Ok(File { path, stamp })),
                Kind::Obstacle(reason) => return Some(Err(Obstacle { path, reason })),
                Kind::LinkedFolder if self.leads_back(&path) => {}
                Kind::Folder | Kind::LinkedFolder => {
                    if let Err(obstacle) = self.enter(path) {
                        return Some(Err(obstacle));
                    }
                }
            }
        }
    }
}

impl Walk {
    /// The source itself, which no rule keeps out; `None` for a folder that was entered.
    fn start(&mut self) -> Option<Result<File, Obstacle>> {
        let path = self.source.clone();
        match fs::metadata(&path) {
            Err(error) => Some(Err(obstacle(path, &error))),
            Ok(metadata) if metadata.is_dir() => self.enter(path).err().map(Err),
            Ok(metadata) if metadata.is_file() => Some(Ok(File {
                path,
                stamp: Some(stamp(&metadata)),
            })),
            Ok(_) => None,
        }
    }

    fn enter(&mut self, path: PathBuf) -> Result<(), Obstacle> {
        let listed: io::Result<Vec<DirEntry>> = fs::read_dir(&path).and_then(Iterator::collect);
        let listed = listed.map_err(|error| obstacle(path.clone(), &error))?;
        let rules = Rules::of(
            &path,
            &listed,
            self.open.last().and_then(|folder| folder.rules.clone()),
        );
        let mut entries: Vec<Entry> = listed
            .iter()
            .filter_map(|entry| self.entry(entry, &path, rules.as_deref()))
            .collect();
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        self.open.push(Folder {
            path,
            rules,
            entries: entries.into_iter(),
        });
        Ok(())
    }

    /// What an entry is; `None` for what is passed over.
    fn entry(&self, entry: &DirEntry, folder: &Path, rules: Option<&Rules>) -> Option<Entry> {
        let name = entry.file_name();
        let kind = entry.file_type().ok()?;
        if kind.is_symlink() {
            return self.link(name, folder, rules);
        }
        let is_folder = kind.is_dir();
        if !(is_folder || kind.is_file()) || self.is_passed_over(&name, folder, is_folder, rules) {
            return None;
        }
        if self.left_out.contains(folder, &name, is_folder) {
            return None;
        }
        let kind = match self.look {
            _ if is_folder => Kind::Folder,
            Look::Names => Kind::File(None),
            Look::Stamps => Kind::File(entry.metadata().ok().map(|metadata| stamp(&metadata))),
        };
        Some(Entry { name, kind })
    }

    /// A link that leads nowhere is an obstacle even where it is hidden: what was behind it may come back.
    fn link(&self, name: OsString, folder: &Path, rules: Option<&Rules>) -> Option<Entry> {
        let kind = match fs::metadata(folder.join(&name)) {
            Err(error) => Kind::Obstacle(reason(&error)),
            Ok(metadata) => {
                let is_folder = metadata.is_dir();
                if self.is_passed_over(&name, folder, is_folder, rules)
                    || self.left_out.contains_target(folder, &name, is_folder)
                {
                    return None;
                }
                match is_folder {
                    true => Kind::LinkedFolder,
                    false if metadata.is_file() => Kind::File(Some(stamp(&metadata))),
                    false => return None,
                }
            }
        };
        Some(Entry { name, kind })
    }

    /// Whether rules name it, or else it is hidden. A rule can let a hidden file in.
    fn is_passed_over(&self, name: &OsStr, folder: &Path, is_folder: bool, rules: Option<&Rules>) -> bool {
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if rules.is_none() && self.above.is_empty() {
            return hidden;
        }
        let path = folder.join(name);
        let own = rules.and_then(|rules| rules.verdict(&path, is_folder));
        own.or_else(|| self.above.verdict(&path, is_folder))
            .map_or(hidden, |verdict| verdict == rules::Verdict::PassOver)
    }

    /// Whether a link leads to a folder that it lies in.
    fn leads_back(&self, link: &Path) -> bool {
        let Ok(target) = link.canonicalize() else {
            return false;
        };
        let is_target = |folder: &Folder| folder.path.canonicalize().is_ok_and(|real| real == target);
        self.open.iter().any(is_target)
    }
}

fn obstacle(path: PathBuf, error: &io::Error) -> Obstacle {
    Obstacle {
        path,
        reason: reason(error),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is nothing at this path, or a link that leads to nothing".into(),
        _ => error.to_string(),
    }
}

/// Whether an obstacle is worth a line: broken links count only where they are named like visible pictures or folders.
pub fn is_worth_reporting(path: &Path) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let other = path.extension().is_some() && classify(&[], path) == FileKind::NotImage;
    !(is_link && (hidden || other))
}
