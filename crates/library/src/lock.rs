//! Which process owns a library.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use eidetic_atomic_file::is_unwritable;
use serde::{Deserialize, Serialize};

use crate::LibraryError;

/// The process that has a library open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub process: u32,
    /// Its command, such as `eidetic serve`.
    pub command: String,
    /// The address of its HTTP server, such as `http://127.0.0.1:7801`, if it has one.
    pub address: Option<String>,
}

impl Owner {
    /// This process, running `command`.
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

/// Ownership of a library until dropped, or until the process ends in any way.
///
/// The operating system's file lock is the ownership; the file's content only describes the owner to other processes.
#[derive(Debug)]
pub(crate) enum Lock {
    /// The only process.
    Owned(File),
    /// One of several that read a library which they cannot write.
    Shared {
        /// Keeps writers out, where the file system has locks.
        _file: Option<File>,
        /// Why it cannot be written.
        reason: io::Error,
    },
}

/// How long a lock that another process holds is tried: one that only asks who the owner is holds it for a moment.
const TRIALS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

impl Lock {
    /// Takes the lock: as the only process, or among readers where the file cannot be written.
    pub(crate) fn take(library: &Path, owner: &Owner) -> Result<Self, LibraryError> {
        let path = library.join("lock");
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = match open {
            Err(error) if is_unwritable(&error) => return Self::share(library, error),
            open => open.map_err(LibraryError::io(&path))?,
        };
        let mut trial = 1;
        let mut locked = file.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && trial < TRIALS {
            std::thread::sleep(PAUSE);
            trial += 1;
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(library, &mut file)),
            Err(TryLockError::Error(source)) => return Err(LibraryError::Io { path, source }),
        }
        let lock = Self::Owned(file);
        match lock.announce(owner) {
            // The name of the owner only helps others: the lock holds without it.
            Err(error) if is_unwritable(&error) => tracing::info!("{}: {error}", path.display()),
            announced => announced.map_err(LibraryError::io(&path))?,
        }
        Ok(lock)
    }

    /// The process that owns the library now, if any.
    pub(crate) fn owner(library: &Path) -> Option<Owner> {
        let mut file = File::open(library.join("lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read_owner(&mut file)),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    fn share(library: &Path, reason: io::Error) -> Result<Self, LibraryError> {
        let Ok(mut file) = File::open(library.join("lock")) else {
            return Ok(Self::Shared { _file: None, reason });
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(in_use(library, &mut file)),
            // A file system without such locks.
            Err(TryLockError::Error(_)) => Ok(Self::Shared { _file: None, reason }),
            Ok(()) => Ok(Self::Shared {
                _file: Some(file),
                reason,
            }),
        }
    }

    /// Writes the owner for other processes to read. Readers announce nothing: others can read beside them.
    pub(crate) fn announce(&self, owner: &Owner) -> io::Result<()> {
        let Self::Owned(file) = self else {
            return Ok(());
        };
        let text = serde_json::to_vec(owner)?;
        let mut file = file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&text)
    }
}

fn in_use(library: &Path, file: &mut File) -> LibraryError {
    LibraryError::InUse {
        path: library.to_owned(),
        owner: read_owner(file),
    }
}

/// The owner is unknown if the file is read after another process took the lock and before it wrote the owner.
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
    fn locked_library_reports_its_owner() {
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
