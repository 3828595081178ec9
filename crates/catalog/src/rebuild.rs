//! A new store from the records of a damaged one, which is kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use eidetic_atomic_file::sync_directory;

use crate::CatalogError;
use crate::store::{damaged, failure};
use crate::store_files::{self, REBUILT, STORE};

/// The new store while it is written.
const REBUILDING: &str = "rebuilding";
/// Pages that stay in memory while records are written; nearly in order, they need few.
const CACHE_BYTES: u64 = 64 << 20;

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Writes `records` to a new store and puts it into the place of the old one. Returns where the old one is
/// kept; `None` where there was none. After a crash, [`finish`] ends what this began. Where the records cannot be read to the
/// end, the old store stays.
pub fn rebuild(
    dir: &Path,
    records: impl Iterator<Item = io::Result<Record>>,
) -> Result<Option<PathBuf>, CatalogError> {
    let failed = |error: io::Error| failure(dir, error);
    let building = dir.join(REBUILDING);
    remove(&building).map_err(failed)?;
    let written = write(&building, records);
    if written.is_err() {
        // The error that matters is the first one.
        let _ = remove(&building);
    }
    written.map_err(|error| match error {
        sled::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            damaged(dir, error.to_string())
        }
        sled::Error::Io(error) => failure(dir, error),
        other => damaged(dir, other.to_string()),
    })?;
    sync(&building).map_err(failed)?;
    fs::rename(&building, dir.join(REBUILT))
        .and_then(|()| sync_directory(dir))
        .and_then(|()| finish(dir))
        .map_err(failed)
}

/// Ends an interrupted [`rebuild`]: a finished store takes its place, an unfinished one is removed.
pub fn finish(dir: &Path) -> io::Result<Option<PathBuf>> {
    remove(&dir.join(REBUILDING))?;
    let (store, rebuilt) = (dir.join(STORE), dir.join(REBUILT));
    if !rebuilt.exists() {
        return Ok(None);
    }
    let old = if store.exists() {
        Some(store_files::set_aside(dir, &store)?)
    } else {
        None
    };
    // Its sequence numbers could be taken for those of the new store.
    crate::snapshot::remove(dir)?;
    fs::rename(rebuilt, store)?;
    sync_directory(dir)?;
    Ok(old)
}

/// Writes records one by one: sled frees what it replaced in memory as operations end, a few objects at each, so batches of
/// thousands of records keep gigabytes.
fn write(path: &Path, records: impl Iterator<Item = io::Result<Record>>) -> sled::Result<()> {
    let db = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .open()?;
    for record in records {
        let (key, value) = record?;
        db.insert(key, value)?;
    }
    db.flush()?;
    Ok(())
}

/// Makes the files in a folder, and the folders in it, survive power loss.
fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(path)?.sync_all()?;
        }
    }
    sync_directory(folder)
}

/// Removes a folder, if it is there.
pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
