//! Files that are replaced as a whole and survive power loss.
//!
//! A file is written beside its place, synced, and renamed into its place; then its directory is synced. A
//! crash at any moment leaves the old content or the new content, never a mixture. The temporary file has
//! the name of the file with `.new` appended: a process that replaces one file in two threads at once must
//! serialize them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the content of the file at `path`, or creates it. When this returns, the new content survives
/// power loss.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with(path, |file| file.write_all(content))
}

/// Like [`write`](fn@write), for content that `fill` writes piece by piece.
///
/// If `fill` or any later step fails, the temporary file is removed and the old content stays.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    try_write_with(path, fill)?
}

/// Like [`write_with`], for a `fill` with errors and a result of its own. The outer error is that of another step.
pub fn try_write_with<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let mut name = path.file_name().unwrap_or(OsStr::new("")).to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let filled = create_synced(&temporary, fill).and_then(|filled| {
        if filled.is_ok() {
            fs::rename(&temporary, path)?;
        }
        Ok(filled)
    });
    if !matches!(filled, Ok(Ok(_))) {
        // The error that matters is the first one; a leftover file is overwritten by the next attempt.
        let _ = fs::remove_file(&temporary);
        return filled;
    }
    sync_directory(
        path.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )?;
    filled
}

/// Makes creations, renames and removals in `directory` survive power loss.
///
/// Does nothing on systems other than Unix, where directories cannot be opened and renames are journaled.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Whether an operation failed because nothing can be written: the disk is full or cannot be written, or the user may
/// not. What is there can still be read.
pub fn is_unwritable(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let kinds = [
        PermissionDenied,
        ReadOnlyFilesystem,
        StorageFull,
        QuotaExceeded,
        FileTooLarge,
    ];
    kinds.contains(&error.kind())
}

/// Whether an operation failed because there is no space left, on the disk or of the user's share.
pub fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// What the system says, and what helps where that is known.
pub fn described(error: &io::Error) -> String {
    if is_full(error) {
        format!("{error}; free some space")
    } else {
        error.to_string()
    }
}

fn create_synced<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let mut file = File::create(path)?;
    let filled = fill(&mut file);
    if filled.is_ok() {
        file.sync_all()?;
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_creates_and_replaces_without_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        write(&path, b"first").unwrap();
        write(&path, b"2nd").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2nd");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn failed_write_keeps_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        write(&path, b"old").unwrap();
        let error = write_with(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn own_result_and_error_are_returned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        let written: Result<usize, &str> = try_write_with(&path, |_| Ok(3)).unwrap();
        assert_eq!((written, path.exists()), (Ok(3), true));
        let failed: Result<usize, &str> = try_write_with(&path, |_| Err("no")).unwrap();
        assert_eq!(failed, Err("no"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftover_of_crash_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        fs::write(dir.path().join("settings.json.new"), b"unfinished and longer").unwrap();
        write(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn full_disk_has_way_out() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(described(&full).ends_with("; free some space"));
        assert_eq!(described(&io::Error::other("no")), "no");
    }

    #[test]
    fn missing_directory_is_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write(&dir.path().join("none").join("file"), b"").is_err());
        assert!(write(Path::new("/"), b"").is_err());
    }
}
