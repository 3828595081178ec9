//! The names of the files of a snapshot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a catalog keeps its snapshot.
pub const FOLDER: &str = "snapshot";

const TABLE: &str = "table-";
const CHANGES: &str = "changes-";

/// The sequence numbers in the names of the files in a folder, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub tables: Vec<u64>,
    pub changes: Vec<u64>,
    /// Files with other names, such as unfinished ones.
    pub others: Vec<PathBuf>,
}

impl Files {
    /// Lists a folder, which may be missing.
    pub fn list(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match (number(&name, TABLE), number(&name, CHANGES)) {
                (Some(table), _) => files.tables.push(table),
                (_, Some(changes)) => files.changes.push(changes),
                (None, None) => files.others.push(path),
            }
        }
        files.tables.sort_unstable();
        files.changes.sort_unstable();
        Ok(files)
    }

    /// Removes the files that a snapshot from the table of commit `table` to commit `end` does not use.
    pub fn remove_unused(self, folder: &Path, table: u64, end: u64) {
        let tables = self.tables.iter().filter(|number| **number != table);
        let tables = tables.map(|number| table_path(folder, *number));
        let changes = self
            .changes
            .iter()
            .filter(|number| !(table..=end).contains(number));
        let changes = changes.map(|number| changes_path(folder, *number));
        for path in tables.chain(changes).chain(self.others) {
            // What stays is not read, and is removed another time.
            let _ = fs::remove_file(path);
        }
    }
}

pub fn table_path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{TABLE}{sequence:020}"))
}

pub fn changes_path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{CHANGES}{sequence:020}"))
}

/// Removes the snapshot of the catalog in `dir`, of which the store was replaced.
pub fn remove(dir: &Path) -> io::Result<()> {
    crate::rebuild::remove(&dir.join(FOLDER))
}

fn number(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix).filter(|digits| digits.len() == 20)?;
    digits.parse().ok()
}
