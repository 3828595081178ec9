//! The files of a store beside the log: derived ones are set aside when they are damaged, so that none of
//! them costs the store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eidetic_atomic_file::sync_directory;

/// Where a catalog keeps its store.
pub const STORE: &str = "store";
/// A finished store that takes the place of [`STORE`].
pub const REBUILT: &str = "rebuilt";
/// Where damaged files are kept; nothing reads them.
const SET_ASIDE: &str = "set-aside";

/// The name of sled's settings.
const CONF: &str = "conf";

/// The derived files of a store.
#[derive(Debug, Default)]
pub struct DerivedFiles {
    /// Snapshots that sled did not finish.
    pub drafts: Vec<PathBuf>,
    /// Finished snapshots by the position in the log that they lead to, whether each is whole.
    pub snapshots: Vec<(u64, PathBuf, bool)>,
    /// The settings, if they are damaged.
    pub damaged_settings: Option<PathBuf>,
}

impl DerivedFiles {
    /// Lists and verifies the derived files of the store in `store`.
    pub fn list(store: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        let entries = match fs::read_dir(store) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match name.strip_prefix("snap.") {
                Some(position) => match u64::from_str_radix(position, 16) {
                    Ok(position) => {
                        let is_whole = is_whole_snapshot(&fs::read(&path)?);
                        files.snapshots.push((position, path, is_whole));
                    }
                    Err(_) => files.drafts.push(path),
                },
                None if name == CONF && !is_whole_conf(&fs::read(&path)?) => {
                    files.damaged_settings = Some(path);
                }
                None => {}
            }
        }
        files.snapshots.sort();
        Ok(files)
    }

    /// Removes drafts and sets damaged files aside, in the catalog at `catalog`. Returns the position that
    /// the remaining snapshot leads to.
    pub fn make_usable(self, catalog: &Path) -> io::Result<u64> {
        for draft in self.drafts {
            fs::remove_file(draft)?;
        }
        let damaged = self.snapshots.iter().filter(|(_, _, is_whole)| !is_whole);
        for path in damaged.map(|(_, path, _)| path).chain(&self.damaged_settings) {
            set_aside(catalog, path)?;
        }
        let whole = self.snapshots.iter().filter(|(_, _, is_whole)| *is_whole);
        // sled takes the last one.
        Ok(whole.map(|(position, _, _)| *position).max().unwrap_or(0))
    }
}

/// Sets every snapshot and the settings aside. Returns whether there was any.
pub fn set_all_aside(catalog: &Path) -> io::Result<bool> {
    let store = catalog.join(STORE);
    let files = DerivedFiles::list(&store)?;
    let conf = Some(store.join(CONF)).filter(|path| path.exists());
    let all: Vec<PathBuf> = files
        .snapshots
        .into_iter()
        .map(|(_, path, _)| path)
        .chain(conf)
        .collect();
    for path in &all {
        set_aside(catalog, path)?;
    }
    Ok(!all.is_empty())
}

/// Moves a file or folder of the catalog out of the way of sled, and keeps it.
pub fn set_aside(catalog: &Path, path: &Path) -> io::Result<PathBuf> {
    let folder = catalog.join(SET_ASIDE);
    fs::create_dir_all(&folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 1_u32;
    let free = loop {
        let candidate = folder.join(format!("{number:03}-{name}"));
        if !candidate.exists() {
            break candidate;
        }
        number += 1;
    };
    fs::rename(path, &free)?;
    tracing::warn!("{} is unusable; it is kept as {}", path.display(), free.display());
    for changed in [path.parent().unwrap_or(catalog), &folder, catalog] {
        sync_directory(changed)?;
    }
    Ok(free)
}

/// Makes the settings of a new store survive power loss: sled does not sync them.
pub fn sync_settings(store: &Path) -> io::Result<()> {
    fs::File::open(store.join(CONF))?.sync_all()
}

/// The last twelve bytes of a snapshot are the length and a CRC-32 of the rest.
fn is_whole_snapshot(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<12>().is_some_and(|(content, end)| {
        let length = (content.len() as u64).to_le_bytes();
        let crc = crc32fast::hash(content).to_le_bytes();
        !content.is_empty() && [&length[..], &crc].concat() == end
    })
}

fn is_whole_conf(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(content, crc)| !content.is_empty() && crc32fast::hash(content).to_le_bytes() == *crc)
}
