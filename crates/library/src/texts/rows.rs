//! Which row of a space's vector file has the vector of which text: a log that grows, and is replaced as a whole when
//! texts are removed.
//!
//! ```text
//! head   "EIDTXROW", format version u32
//! entry  row u64 (all ones: the model reads nothing in this text), key 32 bytes, checksum 8 bytes
//! ```
//!
//! An entry is written after its vector is durable. It is small and can be made again from the vector file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, RowId};

use crate::LibraryError;

const MAGIC: &[u8; 8] = b"EIDTXROW";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 12;
const ENTRY_BYTES: usize = 48;
const NO_ROW: u64 = u64::MAX;

/// A text's key, and the row of its vector; `None` where the model reads nothing in the text.
pub(super) type RowEntry = (ImageId, Option<RowId>);

/// The log of one space.
#[derive(Debug)]
pub(super) struct RowLog {
    path: PathBuf,
}

/// What a log says.
#[derive(Debug, Default)]
pub(super) struct ReadLog {
    /// In the order in which they were written: of two entries of one text the later one counts.
    pub(super) entries: Vec<RowEntry>,
    /// What is wrong with the file, where anything is.
    pub(super) damage: Option<String>,
}

impl RowLog {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join("rows.bin"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Reads the whole log; a missing one is empty.
    pub(super) fn read(&self) -> Result<ReadLog, LibraryError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ReadLog::default()),
            Err(error) => return Err(LibraryError::io(&self.path)(error)),
        };
        let mut read = ReadLog::default();
        let Some((head, entries)) = bytes.split_at_checked(HEAD_BYTES) else {
            read.damage = Some("its head is cut off".to_owned());
            return Ok(read);
        };
        let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if !head.starts_with(MAGIC) {
            read.damage = Some("its head cannot be read".to_owned());
        } else if version != VERSION {
            return Err(LibraryError::UnknownTextsVersion {
                path: self.path.clone(),
                found: version,
                supported: VERSION,
            });
        }
        let whole = entries.chunks_exact(ENTRY_BYTES);
        // What is left at the end is an entry whose writing was interrupted.
        let count = whole.len();
        read.entries = whole.filter_map(decode).collect();
        let lost = count - read.entries.len();
        if lost > 0 {
            read.damage = Some(format!("{lost} of its {count} entries cannot be read"));
        }
        Ok(read)
    }

    /// Adds entries; when this returns, they survive power loss.
    pub(super) fn append(&self, entries: &[RowEntry]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        if !self.path.exists() {
            return self.replace(entries);
        }
        let mut file = File::options().read(true).append(true).open(&self.path)?;
        let length = file.metadata()?.len();
        let torn = length.saturating_sub(HEAD_BYTES as u64) % ENTRY_BYTES as u64;
        if torn > 0 {
            file.set_len(length - torn)?;
        }
        file.write_all(&encode_all(entries))?;
        file.sync_all()
    }

    /// Replaces all entries in one step; when this returns, the new ones survive power loss.
    pub(super) fn replace(&self, entries: &[RowEntry]) -> io::Result<()> {
        eidetic_atomic_file::write_with(&self.path, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&VERSION.to_le_bytes())?;
            entries
                .chunks(4096)
                .try_for_each(|chunk| file.write_all(&encode_all(chunk)))
        })
    }
}

fn encode_all(entries: &[RowEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for (key, row) in entries {
        let start = bytes.len();
        bytes.extend_from_slice(&row.map_or(NO_ROW, |row| row.0).to_le_bytes());
        bytes.extend_from_slice(key.as_bytes());
        let sum = checksum(&bytes[start..]);
        bytes.extend_from_slice(&sum);
    }
    bytes
}

fn decode(entry: &[u8]) -> Option<RowEntry> {
    let (content, sum) = entry.split_at_checked(ENTRY_BYTES - 8)?;
    if checksum(content) != *sum {
        return None;
    }
    let (row, key) = content.split_first_chunk::<8>()?;
    let row = u64::from_le_bytes(*row);
    let key = ImageId::from_bytes(key.try_into().ok()?);
    Some((key, (row != NO_ROW).then_some(RowId(row))))
}

fn checksum(content: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(content);
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str, row: Option<u64>) -> RowEntry {
        (ImageId::of(text.as_bytes()), row.map(RowId))
    }

    #[test]
    fn interrupted_entry_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let log = RowLog::new(folder.path());
        assert!(log.read().unwrap().entries.is_empty());
        let entries = [entry("a", Some(0)), entry("b", None), entry("c", Some(7))];
        log.append(&entries[..1]).unwrap();
        log.append(&entries[1..2]).unwrap();
        let whole = fs::read(&log.path).unwrap();
        for cut in 1..ENTRY_BYTES {
            fs::write(&log.path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(log.read().unwrap().entries, entries[..1]);
            log.append(&entries[2..]).unwrap();
            let read = log.read().unwrap();
            assert_eq!(read.entries, [entries[0], entries[2]]);
            assert_eq!(read.damage, None);
        }
        log.replace(&entries).unwrap();
        assert_eq!(log.read().unwrap().entries, entries);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let log = RowLog::new(folder.path());
        let entries = [entry("a", Some(0)), entry("b", None)];
        log.append(&entries).unwrap();
        let whole = fs::read(&log.path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&log.path, &flipped).unwrap();
            match log.read() {
                Ok(read) => {
                    assert!(read.damage.is_some(), "byte {at}");
                    assert!(read.entries.iter().all(|read| entries.contains(read)));
                }
                Err(LibraryError::UnknownTextsVersion { .. }) => assert!((8..12).contains(&at)),
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
}
