//! Whether a file of the cache is what the hub announced.
//!
//! The cache names contents by the hub's `ETag`, which for large files (Git LFS) is their SHA-256. That of small ones is a
//! hash of git's own over other bytes too; their length is checked when they arrive, and their parsers check the rest.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// How far a file was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Its SHA-256 is the announced one.
    Sha256,
    /// The hub announced none.
    NothingAnnounced,
}

/// What a check found.
#[derive(Debug, Error)]
pub enum ChecksumError {
    #[error("its SHA-256 is {found} where the hub announced {announced}")]
    Sum { found: String, announced: String },
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

/// Compares the content behind a link of the cache with its name.
pub fn check(path: &Path) -> Result<Checked, ChecksumError> {
    let content = path.canonicalize()?;
    let name = content
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let Some(announced) = name.filter(|name| is_sha256(name)) else {
        return Ok(Checked::NothingAnnounced);
    };
    let found = sha256(&content)?;
    if found == announced {
        return Ok(Checked::Sha256);
    }
    Err(ChecksumError::Sum { found, announced })
}

/// Takes a link of the cache and the content behind it away.
pub fn discard(path: &Path) {
    let content = path.canonicalize();
    // The link first: hf-hub cannot replace one that leads nowhere.
    let _ = std::fs::remove_file(path);
    if let Ok(content) = content {
        let _ = std::fs::remove_file(content);
    }
}

/// Makes a content that was cut short the part again that the next download goes on from.
pub fn set_back(path: &Path) {
    let content = path.canonicalize();
    let _ = std::fs::remove_file(path);
    if let Ok(content) = content {
        let _ = std::fs::rename(&content, content.with_extension("part"));
    }
}

/// In small hexadecimal digits.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let mut digits = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing into a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}

fn is_sha256(name: &str) -> bool {
    name.len() == 64
        && name
            .chars()
            .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `abc`, from FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_content_is_compared_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path(ABC), "abc").unwrap();
        assert_eq!(check(&path(ABC)).unwrap(), Checked::Sha256);
        std::fs::write(path(ABC), "abd").unwrap();
        let wrong = check(&path(ABC)).unwrap_err().to_string();
        assert!(wrong.contains(ABC) && wrong.contains("announced"), "{wrong}");
        std::fs::write(path(&ABC[..40]), "abc").unwrap();
        assert_eq!(check(&path(&ABC[..40])).unwrap(), Checked::NothingAnnounced);
        assert!(matches!(check(&path("gone")), Err(ChecksumError::Unreadable(_))));
        discard(&path(ABC));
        assert!(!path(ABC).exists());
    }
}
