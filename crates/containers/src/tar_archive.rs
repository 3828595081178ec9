//! Tar archives.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use eidetic_imaging::DecodeLimits;
use tar::{Archive, Entry};

use crate::bounds::MOST_MEMBERS;
use crate::members::{Members, Selection, part_name, read_one};
use crate::{ContainerError, EachPart, PartImage};

type TarFile = BufReader<File>;

pub fn for_each(path: &Path, limits: &DecodeLimits, each: EachPart<'_>) -> Result<(), ContainerError> {
    let (mut archive, size) = open(path)?;
    let mut members = Members::of_archive(size, limits);
    for entry in archive.entries_with_seek()?.take(MOST_MEMBERS) {
        let entry = entry.map_err(damaged)?;
        let part = match stored_name(&entry).and_then(|stored| members.select(&stored)) {
            None => None,
            Some(Selection::Found(part)) => Some(part),
            Some(Selection::Read(name)) => members.read(name, entry)?,
        };
        if part.is_some_and(|part| each(part).is_break()) {
            break;
        }
    }
    Ok(())
}

pub fn read(path: &Path, name: &str, limits: &DecodeLimits) -> Result<PartImage, ContainerError> {
    let (mut archive, _) = open(path)?;
    for entry in archive.entries_with_seek()?.take(MOST_MEMBERS) {
        let entry = entry.map_err(damaged)?;
        let found = stored_name(&entry).and_then(|stored| part_name(&stored));
        if found.as_deref() == Some(name) {
            return read_one(name, entry, limits);
        }
    }
    Err(ContainerError::NoSuchPart)
}

fn open(path: &Path) -> Result<(Archive<TarFile>, u64), ContainerError> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((Archive::new(BufReader::new(file)), size))
}

/// The name of a member that is a file.
fn stored_name(entry: &Entry<'_, TarFile>) -> Option<String> {
    let kind = entry.header().entry_type();
    let is_file = kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse();
    is_file.then(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned())
}

/// The reader reports damage as errors of input.
fn damaged(error: io::Error) -> ContainerError {
    match error.raw_os_error() {
        Some(_) => ContainerError::Io(error),
        None => ContainerError::Unreadable(format!("damaged tar archive: {error}")),
    }
}
