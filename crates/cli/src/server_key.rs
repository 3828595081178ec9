//! The key of a running server: lets commands of the same user through it without the token.
//!
//! A server that requires a token makes a key of its own each time it starts, and writes it into the library,
//! readable by its user alone. The token itself is never written anywhere.

use std::fmt::Write;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Its file in the library's directory.
const FILE: &str = "server.key";

/// The key of this process's server.
pub(crate) struct ServerKey {
    /// 64 hexadecimal digits.
    pub(crate) text: String,
}

/// The file with a key; removed when dropped.
pub(crate) struct ServerKeyFile(PathBuf);

impl ServerKey {
    /// A new key.
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self { text })
    }

    /// Writes the key into the library at `directory`.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<ServerKeyFile> {
        let path = directory.join(FILE);
        remove(directory)?;
        let mut file = create(&path)?;
        let written = ServerKeyFile(path);
        file.write_all(self.text.as_bytes())?;
        Ok(written)
    }
}

impl Drop for ServerKeyFile {
    fn drop(&mut self) {
        // A key that stays is worth nothing: the next server makes another one.
        let _ = fs::remove_file(&self.0);
    }
}

/// The key of the server that owns the library at `directory`, if there is one for this user.
pub(crate) fn read(directory: &Path) -> Option<String> {
    let text = fs::read_to_string(directory.join(FILE)).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// Removes a key that an earlier server left behind.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_for_its_user_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "left by a server that was killed").unwrap();
        assert_eq!(read(folder.path()), None);
        let key = ServerKey::random().unwrap();
        let file = key.write(folder.path()).unwrap();
        assert_eq!(read(folder.path()), Some(key.text.clone()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file.0).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(file);
        assert_eq!(read(folder.path()), None);
        assert_ne!(ServerKey::random().unwrap().text, key.text);
    }
}
