use std::path::PathBuf;

/// The library used when none is named: `eidetic` in the platform's directory for a user's data.
///
/// `None` where the system names no home directory.
pub fn default_directory() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "eidetic").map(|dirs| dirs.data_dir().to_owned())
}
