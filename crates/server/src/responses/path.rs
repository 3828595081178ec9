//! Paths in JSON, which is text, while a path is bytes.
//!
//! A path that is not UTF-8 is written twice: `path` with replacement characters, for people, and
//! `path_bytes` as it is, in base64.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_domain::{PartPath, PartPosition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The paths of an image in JSON, as a part of something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathTexts {
    /// The paths.
    pub paths: Vec<String>,
    /// Their bytes in base64, only where one is not UTF-8; null for those that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths_bytes: Option<Vec<Option<String>>>,
}

/// Where in another file a picture is: a member of an archive, a page, or a frame of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FilePart {
    /// The archive, document or video.
    pub file: String,
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Seconds since the start of the video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<f64>,
}

impl FilePart {
    /// For the picture at a path; none where it is a file.
    pub fn at(path: &Path) -> Option<Self> {
        let part = PartPath::parse(path)?;
        let (page, second) = match part.position() {
            PartPosition::Member => (None, None),
            PartPosition::Page(page) => (Some(page), None),
            PartPosition::Moment(moment) => (None, Some(moment.seconds())),
        };
        Some(Self {
            file: path_text(&part.file),
            page,
            second,
        })
    }
}

impl From<&[PathBuf]> for PathTexts {
    fn from(paths: &[PathBuf]) -> Self {
        Self {
            paths: path_texts(paths),
            paths_bytes: all_path_bytes(paths),
        }
    }
}

/// A path as text; what is not UTF-8 is replaced.
pub(super) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The bytes of a path in base64, if the text is not the whole of it.
pub(super) fn path_bytes(path: &Path) -> Option<String> {
    match path.to_str() {
        Some(_) => None,
        None => Some(STANDARD.encode(path.as_os_str().as_encoded_bytes())),
    }
}

/// [`path_text`] of each path.
pub(super) fn path_texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path_text(path)).collect()
}

/// [`path_bytes`] of each path, if any has some.
pub(super) fn all_path_bytes(paths: &[PathBuf]) -> Option<Vec<Option<String>>> {
    let bytes: Vec<Option<String>> = paths.iter().map(|path| path_bytes(path)).collect();
    bytes.iter().any(Option::is_some).then_some(bytes)
}

/// The path that `text` and `bytes` stand for.
pub(super) fn original_path(text: &str, bytes: Option<&str>) -> PathBuf {
    let decoded = bytes.and_then(|bytes| STANDARD.decode(bytes).ok());
    decoded.and_then(path_of_bytes).unwrap_or_else(|| text.into())
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "other systems have no paths of any bytes"
)]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(_: Vec<u8>) -> Option<PathBuf> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn path_outside_unicode_survives_json() {
        let strange = Path::new(std::ffi::OsStr::from_bytes(b"/p/caf\xe9.jpg"));
        let text = path_text(strange);
        assert_eq!(text, "/p/caf\u{fffd}.jpg");
        let bytes = path_bytes(strange);
        assert_eq!(bytes.as_deref(), Some("L3AvY2Fm6S5qcGc="));
        assert_eq!(original_path(&text, bytes.as_deref()), strange);
        let paths = [PathBuf::from("/p/a.jpg"), strange.to_owned()];
        assert_eq!(all_path_bytes(&paths), Some(vec![None, bytes]));
    }

    #[test]
    fn unicode_path_needs_no_bytes() {
        let path = PathBuf::from("/p/Grüße\n\u{1b}.jpg");
        assert_eq!(path_bytes(&path), None);
        assert_eq!(all_path_bytes(std::slice::from_ref(&path)), None);
        assert_eq!(original_path(&path_text(&path), None), path);
    }
}
