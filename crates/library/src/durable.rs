//! Files of truth that are replaced as a whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Replaces the file `name` in `directory` in one step: a crash leaves the old or the new content, and once this returns
/// the new one survives power loss.
pub(crate) fn replace(directory: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let draft = directory.join(format!("{name}.new"));
    let mut file = File::create(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, directory.join(name))?;
    sync_directory(directory)
}

/// Makes a rename survive power loss; on systems where directories cannot be opened, renames are journalled.
pub(crate) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()
    } else {
        Ok(())
    }
}
