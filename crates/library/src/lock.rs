use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::LibraryError;

/// The process that has a library open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub process: u32,
    /// What it does, such as `eidetic serve`.
    pub command: String,
    /// Where it answers HTTP, such as `http://127.0.0.1:7801`, if it serves.
    pub address: Option<String>,
}

impl Owner {
    /// This process, doing `command`.
    pub fn this_process(command: impl Into<String>) -> Self {
        Self {
            process: std::process::id(),
            command: command.into(),
            address: None,
        }
    }

    fn unknown() -> Self {
        Self {
            process: 0,
            command: "another process".into(),
            address: None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command)?;
        if self.process != 0 {
            write!(f, " (process {})", self.process)?;
        }
        self.address
            .as_ref()
            .map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

/// Ownership of a library, until dropped or until the process ends, however it ends.
///
/// The operating system's file lock decides who owns; the file's content only says so to others.
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    pub(crate) fn take(library: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        let path = library.join("lock");
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.map_err(LibraryError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LibraryError::InUse {
                    path: library.to_owned(),
                    owner: read_owner(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(LibraryError::Io { path, source }),
        }
        let lock = Self { file };
        lock.announce(owner).map_err(LibraryError::io(&path))?;
        Ok(lock)
    }

    /// Tells others who has the library.
    pub(crate) fn announce(&self, owner: &Owner) -> std::io::Result<()> {
        let text = serde_json::to_vec(owner)?;
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&text)
    }
}

/// A lock file can be read between another process's lock and its announcement: then the owner is not named.
fn read_owner(file: &mut File) -> Owner {
    let mut text = String::new();
    let read = file.take(4096).read_to_string(&mut text);
    read.ok()
        .and_then(|_| serde_json::from_str(&text).ok())
        .unwrap_or_else(Owner::unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is_and_gets_in_once_it_left() {
        let dir = tempfile::tempdir().unwrap();
        let first = Owner {
            process: 7,
            command: "eidetic serve".into(),
            address: Some("http://a:1".into()),
        };
        let lock = Lock::take(dir.path(), &first).unwrap();
        match Lock::take(dir.path(), &Owner::this_process("eidetic index")) {
            Err(LibraryError::InUse { owner, .. }) => assert_eq!(owner, first),
            other => panic!("expected InUse, got {:?}", other.map(|_| ())),
        }
        drop(lock);
        assert!(Lock::take(dir.path(), &first).is_ok());
    }
}
