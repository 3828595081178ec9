//! Folders that systems and programs make beside images, and that hold no originals.

use std::ffi::OsStr;

/// Names of such folders, compared without regard to case.
const NAMES: &[&str] = &[
    // Synology and QNAP: thumbnails, trash.
    "@eaDir",
    "#recycle",
    "@Recycle",
    "@Recently-Snapshot",
    // Windows.
    "$RECYCLE.BIN",
    "System Volume Information",
    // Linux and macOS.
    "lost+found",
    ".thumbnails",
    ".Trash",
    ".Trashes",
    // Capture One: settings, previews and thumbnails beside the images.
    "CaptureOne",
];

/// Whether a folder of this name holds trash, thumbnails or previews.
pub fn is_junk(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    NAMES.iter().any(|junk| junk.eq_ignore_ascii_case(name))
        || name.starts_with(".Trash-")
        // Previews of Lightroom catalogs.
        || has_suffix(name, ".lrdata")
}

fn has_suffix(name: &str, suffix: &str) -> bool {
    name.len()
        .checked_sub(suffix.len())
        .and_then(|start| name.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_known_by_name() {
        for name in [
            "@eaDir",
            "#recycle",
            "$Recycle.Bin",
            ".Trash-1000",
            "My Catalog Previews.lrdata",
        ] {
            assert!(is_junk(OsStr::new(name)), "{name}");
        }
        for name in ["Holiday", "recycle", "lrdata", "Capture", "ä.lrdat", ""] {
            assert!(!is_junk(OsStr::new(name)), "{name}");
        }
    }
}
