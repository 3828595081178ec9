//! A small file beside the store that says how many batches the store must hold.
//!
//! sled takes a log that ends early for one that was being written when the power failed, and carries on without the
//! rest. Batches that were reported durable must not go missing that way without a word, so their number is kept
//! here, written after each. The file also carries the lock that makes one process the catalog's owner.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"EIDLEDGR";
/// Two slots, written in turn, each in a disk sector of its own: a torn write leaves the other whole.
const SLOT_BYTES: usize = 512;
const ENTRY_BYTES: usize = 20;

/// The open ledger, locked for as long as it lives.
pub struct Ledger {
    file: File,
}

/// What a ledger says.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing was ever written: the catalog is new.
    New,
    /// At least this many batches were durable.
    Sequence(u64),
    /// Something stands there that no ledger wrote.
    Damaged,
}

/// Why a ledger could not be opened.
pub enum OpenError {
    Locked,
    Io(io::Error),
}

impl Ledger {
    /// Opens or makes the ledger at `path` and takes its lock.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(OpenError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked),
            Err(TryLockError::Error(error)) => Err(OpenError::Io(error)),
        }
    }

    /// The greatest number that was written.
    pub fn read(&self) -> io::Result<Entry> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.take(2 * SLOT_BYTES as u64).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(Entry::New);
        }
        let sequence = bytes.chunks(SLOT_BYTES).filter_map(sequence_in).max();
        Ok(sequence.map_or(Entry::Damaged, Entry::Sequence))
    }

    /// Durably notes that `sequence` batches are durable.
    pub fn write(&self, sequence: u64) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start((sequence % 2) * SLOT_BYTES as u64))?;
        file.write_all(&entry(sequence))?;
        self.file.sync_all()
    }
}

fn entry(sequence: u64) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn sequence_in(slot: &[u8]) -> Option<u64> {
    let sequence = u64::from_le_bytes(slot.get(8..16)?.try_into().ok()?);
    (slot.get(..ENTRY_BYTES)? == entry(sequence)).then_some(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Ledger {
        Ledger::open(path).unwrap_or_else(|_| panic!("the ledger opens"))
    }

    #[test]
    fn the_last_number_is_read_back_and_a_torn_one_falls_back_to_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let ledger = open(&path);
        assert_eq!(ledger.read().unwrap(), Entry::New);
        for sequence in 0..5 {
            ledger.write(sequence).unwrap();
            assert_eq!(ledger.read().unwrap(), Entry::Sequence(sequence));
        }
        drop(ledger);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(open(&path).read().unwrap(), Entry::Sequence(3));
        std::fs::write(&path, b"something else").unwrap();
        assert_eq!(open(&path).read().unwrap(), Entry::Damaged);
    }

    #[test]
    fn a_second_owner_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let first = open(&path);
        assert!(matches!(Ledger::open(&path), Err(OpenError::Locked)));
        drop(first);
        open(&path);
    }
}
