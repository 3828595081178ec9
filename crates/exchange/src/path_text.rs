//! Paths as text and as bytes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The path as text: exact where it is UTF-8.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The bytes of a path that is not UTF-8.
pub fn exact_bytes(path: &Path) -> Option<&[u8]> {
    let is_text = path.to_str().is_some();
    (!is_text).then_some(path.as_os_str().as_encoded_bytes())
}

/// The path of these bytes; where the system's paths are text, only those of a text.
#[cfg(unix)]
pub fn from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    (!bytes.is_empty() && !bytes.contains(&0)).then(|| PathBuf::from(OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
pub fn from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!bytes.is_empty() && !bytes.contains(&0)).then(|| PathBuf::from(OsStr::new(text)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_no_text_stay() {
        let path = from_bytes(b"/a/caf\xe9.jpg").unwrap();
        assert_eq!(exact_bytes(&path), Some(b"/a/caf\xe9.jpg".as_slice()));
        assert_eq!(exact_bytes(Path::new("/a/café.jpg")), None);
        assert_eq!((from_bytes(b""), from_bytes(b"/a\0b")), (None, None));
    }
}
