//! Ids of images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Identifies an image by its content: the BLAKE3 hash of the file's bytes; for a rendered part of a file, of the
/// file's hash and the part's name.
///
/// Displayed as 64 lower-case hexadecimal digits. Two files with equal bytes are one image at two paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ImageId([u8; 32]);

/// A text is not an image id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("invalid image id {0:?}; expected 64 hexadecimal digits")]
pub struct ParseImageIdError(pub String);

impl ImageId {
    /// The id of a file with the content `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The id of a picture that is rendered from a part of this file, such as a page.
    #[must_use]
    pub fn of_part(&self, part: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("eidetic 2026-11 part of a file");
        hasher.update(&self.0).update(part.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// An id from the 32 bytes of the hash, as stored on disk.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageId({self})")
    }
}

impl FromStr for ImageId {
    type Err = ParseImageIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| ParseImageIdError(text.to_owned()))
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ImageId {
    type Error = ParseImageIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_displayed_form_is_parsed() {
        let id = ImageId::of(b"picture");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 64);
        assert!("".parse::<ImageId>().is_err());
        assert!("../../etc/passwd".parse::<ImageId>().is_err());
        assert!(id.to_string()[1..].parse::<ImageId>().is_err());
    }
}
