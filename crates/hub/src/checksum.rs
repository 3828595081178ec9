//! Compares files of the cache with the checksums that the Hub published.
//!
//! The cache names contents by the Hub's `ETag`, which is the SHA-256 of large files (Git LFS). The `ETag` of a small file is
//! its Git hash, which covers a header too; small files are checked by length only, and by their parsers.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// How a file was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Its SHA-256 equals the one that the Hub published.
    Verified,
    /// The Hub published none; only the length was compared.
    NotPublished,
}

/// Why a file could not be verified.
#[derive(Debug, Error)]
pub enum ChecksumError {
    #[error("its SHA-256 is {found}, but the Hub published {published}")]
    Mismatch { found: String, published: String },
    #[error("{0}")]
    Unreadable(#[from] io::Error),
}

/// Compares the content that a link of the cache points to with the checksum in its name.
pub fn check(path: &Path) -> Result<Checksum, ChecksumError> {
    let content = path.canonicalize()?;
    let name = content
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let Some(published) = name.filter(|name| is_sha256(name)) else {
        return Ok(Checksum::NotPublished);
    };
    let found = sha256(&content)?;
    if found == published {
        return Ok(Checksum::Verified);
    }
    Err(ChecksumError::Mismatch { found, published })
}

/// Removes a link of the cache and its content.
pub fn remove(path: &Path) {
    let content = path.canonicalize();
    // The link first: hf-hub cannot replace a dangling link.
    let _ = std::fs::remove_file(path);
    if let Ok(content) = content {
        let _ = std::fs::remove_file(content);
    }
}

/// Turns a truncated file back into a `.part` file, which the next download resumes.
pub fn mark_partial(path: &Path) {
    let content = path.canonicalize();
    let _ = std::fs::remove_file(path);
    if let Ok(content) = content {
        let _ = std::fs::rename(&content, content.with_extension("part"));
    }
}

/// The SHA-256 of a file, in lowercase hexadecimal digits.
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
        // Writing to a string cannot fail.
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
    fn content_is_compared_with_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path(ABC), "abc").unwrap();
        assert_eq!(check(&path(ABC)).unwrap(), Checksum::Verified);
        std::fs::write(path(ABC), "abd").unwrap();
        let wrong = check(&path(ABC)).unwrap_err().to_string();
        assert!(wrong.contains(ABC) && wrong.contains("published"), "{wrong}");
        std::fs::write(path(&ABC[..40]), "abc").unwrap();
        assert_eq!(check(&path(&ABC[..40])).unwrap(), Checksum::NotPublished);
        assert!(matches!(check(&path("gone")), Err(ChecksumError::Unreadable(_))));
        remove(&path(ABC));
        assert!(!path(ABC).exists());
    }
}
