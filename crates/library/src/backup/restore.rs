//! A library from a backup.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use eidetic_catalog::{CatalogError, SledCatalog};
use eidetic_indexer::RunContext;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{BackupError, BackupReport, CHUNK, FORMAT, INFO, Info, RECORDS, SPACE_FILES, TEXTS, THUMBNAILS};
use crate::lock::Lock;
use crate::manifest::{FILE_NAME, Manifest};
use crate::{LibraryError, Owner};

/// Where files are unpacked before they are moved into place.
const RESTORING: &str = "restoring";
/// Most bytes of `backup.json`.
const MOST_INFO: u64 = 1 << 20;

type Archive = ZipArchive<BufReader<File>>;

/// Makes the library at `directory`, where there is none, from the backup in `file`. The library appears once it is complete and survives
/// power loss; what a crash leaves is replaced by the next attempt. The observer counts bytes.
pub fn restore(
    file: &Path,
    directory: &Path,
    owner: &Owner,
    context: &RunContext<'_>,
) -> Result<BackupReport, LibraryError> {
    let mut archive = open(file)?;
    let info = read_info(file, &mut archive)?;
    let failed = LibraryError::io(directory);
    let staging = directory.join(RESTORING);
    let is_interrupted = staging.exists();
    if directory.join(FILE_NAME).exists() || (!is_interrupted && Manifest::find(directory)?.is_some()) {
        return Err(BackupError::HasLibrary {
            path: directory.to_owned(),
        }
        .into());
    }
    fs::create_dir_all(directory).map_err(&failed)?;
    if !is_interrupted && !others(directory).map_err(&failed)?.is_empty() {
        return Err(LibraryError::NotALibrary {
            path: directory.to_owned(),
        });
    }
    let _lock = Lock::take(directory, owner)?;
    for leftover in others(directory).map_err(&failed)? {
        remove(&leftover).map_err(&failed)?;
    }
    remove(&staging)
        .and_then(|()| fs::create_dir(&staging))
        .map_err(&failed)?;
    let unpacked = unpack(file, &mut archive, &staging, context);
    if unpacked.is_err() {
        // The error that matters is the first one.
        let _ = remove(&staging);
    }
    unpacked?;
    publish(&staging, directory).map_err(&failed)?;
    if let Some(found) = Manifest::find(directory)? {
        found.manifest.refresh_copy(directory);
    }
    Ok(info.report(file, directory))
}

/// Moves everything from `staging` into place, the manifest last, since it makes the directory a library.
fn publish(staging: &Path, directory: &Path) -> io::Result<()> {
    for path in others(staging)? {
        let name = path.file_name().unwrap_or_default();
        if name != FILE_NAME {
            fs::rename(&path, directory.join(name))?;
        }
    }
    eidetic_atomic_file::sync_directory(directory)?;
    fs::rename(staging.join(FILE_NAME), directory.join(FILE_NAME))?;
    eidetic_atomic_file::sync_directory(directory)?;
    remove(staging)
}

/// What is in a directory beside the lock and what is being restored.
fn others(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut others = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !["lock", RESTORING].iter().any(|name| entry.file_name() == *name) {
            others.push(entry.path());
        }
    }
    Ok(others)
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open(file: &Path) -> Result<Archive, LibraryError> {
    let opened = File::open(file).map_err(LibraryError::io(file))?;
    ZipArchive::new(BufReader::with_capacity(CHUNK, opened)).map_err(|error| match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => LibraryError::io(file)(error),
        _ => unreadable(file, "it is no backup of Eidetic, or it is cut off"),
    })
}

fn read_info(file: &Path, archive: &mut Archive) -> Result<Info, LibraryError> {
    let member = archive.by_name(INFO);
    let mut text = Vec::new();
    member
        .ok()
        .and_then(|member| member.take(MOST_INFO).read_to_end(&mut text).ok())
        .ok_or_else(|| unreadable(file, "it is no backup of Eidetic"))?;
    let info: Info = serde_json::from_slice(&text)
        .map_err(|error| unreadable(file, &format!("its {INFO} is damaged ({error})")))?;
    if info.format > FORMAT {
        let found = info.format;
        return Err(unreadable(
            file,
            &format!(
                "it has format version {found}, but this program reads up to version {FORMAT}; use the version of Eidetic that wrote it"
            ),
        ));
    }
    Ok(info)
}

/// Reads members of the archive, counts their bytes, and ends with an error once restoring is cancelled.
struct Members<'a> {
    context: &'a RunContext<'a>,
    done: u64,
}

/// A member of the archive that is being read.
struct Member<'m, 'a, R> {
    content: R,
    members: &'m mut Members<'a>,
}

impl<R: Read> Read for Member<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Members { context, done } = &mut *self.members;
        if context.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let count = self.content.read(buffer)?;
        *done += count as u64;
        context.observer.done(*done);
        Ok(count)
    }
}

/// Writes every file.
fn unpack(
    file: &Path,
    archive: &mut Archive,
    directory: &Path,
    context: &RunContext<'_>,
) -> Result<(), LibraryError> {
    let mut names = Vec::new();
    let mut total = 0;
    for number in 0..archive.len() {
        let member = archive
            .by_index_raw(number)
            .map_err(|error| unreadable(file, &error.to_string()))?;
        total += member.size();
        let name = member
            .name()
            .map_err(|error| unreadable(file, &error.to_string()))?;
        names.push(name.into_owned());
    }
    if !names.iter().any(|name| name == FILE_NAME) || !names.iter().any(|name| name == RECORDS) {
        return Err(unreadable(file, "it lacks files that every backup has"));
    }
    context.observer.total(total);
    let mut members = Members { context, done: 0 };
    for name in names {
        let unpacked = match name.as_str() {
            INFO => Ok(()),
            RECORDS => restore_catalog(file, archive, directory, &mut members),
            name => unpack_member(file, (archive, name), directory, &mut members),
        };
        if context.is_cancelled() {
            return Err(BackupError::Stopped.into());
        }
        unpacked?;
    }
    Ok(())
}

fn restore_catalog(
    file: &Path,
    archive: &mut Archive,
    directory: &Path,
    members: &mut Members<'_>,
) -> Result<(), LibraryError> {
    let content = archive
        .by_name(RECORDS)
        .map_err(|error| unreadable(file, &error.to_string()))?;
    let mut records = BufReader::with_capacity(CHUNK, Member { content, members });
    let restored = SledCatalog::restore(&directory.join("catalog"), &mut records);
    restored.map_err(|error| match error {
        CatalogError::Damaged { what, .. } => unreadable(file, &format!("its catalog is damaged ({what})")),
        error => error.into(),
    })
}

/// Writes one file, durably. Its checksum in the archive is verified.
fn unpack_member(
    file: &Path,
    (archive, name): (&mut Archive, &str),
    directory: &Path,
    members: &mut Members<'_>,
) -> Result<(), LibraryError> {
    let Some(relative) = known_name(name) else {
        return Err(unreadable(
            file,
            &format!("it has a file that no backup has, {name:?}"),
        ));
    };
    let path = directory.join(relative);
    let content = archive
        .by_name(name)
        .map_err(|error| unreadable(file, &error.to_string()))?;
    let mut member = Member { content, members };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(LibraryError::io(folder))?;
    }
    let written = eidetic_atomic_file::try_write_with(&path, |out| {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = member
                .read(&mut chunk)
                .map_err(|error| unreadable(file, &format!("{name} in it is damaged ({error})")))?;
            if length == 0 {
                return Ok(());
            }
            out.write_all(&chunk[..length]).map_err(LibraryError::io(&path))?;
        }
    });
    written.map_err(LibraryError::io(&path))?
}

/// The path in the library of a file that a backup may have; none of any other, such as one that leads out of it.
fn known_name(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let in_space = match name.strip_prefix("spaces/") {
        Some(rest) => rest.split_once('/').map(|(_, name)| name),
        None => Some(name),
    };
    let is_of_space = in_space.is_some_and(|name| SPACE_FILES.contains(&name));
    let is_known =
        name == FILE_NAME || is_of_space || [TEXTS, THUMBNAILS].iter().any(|folder| path.starts_with(folder));
    (is_plain && is_known).then(|| path.to_owned())
}

fn unreadable(file: &Path, reason: &str) -> LibraryError {
    BackupError::Unreadable {
        path: file.to_owned(),
        reason: reason.to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_libraries_are_written() {
        for name in [
            "library.json",
            "calibration.json",
            "vectors/vectors.bin",
            "spaces/2/vectors/vectors.bin",
            "spaces/2/tagging.json",
            "texts/ab.set",
            "thumbnails/ab/cd.jpg",
        ] {
            assert!(known_name(name).is_some(), "{name}");
        }
        for name in [
            "../library.json",
            "/etc/passwd",
            "texts/../../a",
            "spaces/../vectors/vectors.bin",
            "spaces/vectors.bin",
            "server.key",
            "catalog/store/db",
            "library.json.copy",
        ] {
            assert!(known_name(name).is_none(), "{name}");
        }
    }
}
