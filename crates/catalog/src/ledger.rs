//! The commit sequence file: the number of batches that the store must contain.
//!
//! sled treats a log that ends early as one that was being written when the power failed, and continues
//! without the rest. Batches that were reported as durable would be lost silently that way, so their number
//! is kept here and written after each batch. The file also carries the lock that makes one process the
//! owner of the catalog. Its name is `ledger`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"EIDLEDGR";
/// Two slots, written alternately, each in its own disk sector: a torn write leaves the other one valid.
const SLOT_BYTES: usize = 512;
const ENTRY_BYTES: usize = 20;

/// The open commit sequence file, locked until it is dropped.
pub struct Ledger {
    file: File,
}

/// The content of a commit sequence file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerEntry {
    /// The file is empty: the catalog is new.
    New,
    /// At least this many batches are durable.
    Sequence(u64),
    /// Neither slot is valid.
    Damaged,
}

/// Why a commit sequence file could not be opened.
pub enum LedgerError {
    Locked,
    Io(io::Error),
}

impl Ledger {
    /// Opens or creates the file at `path` and takes its lock.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(LedgerError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked),
            Err(TryLockError::Error(error)) => Err(LedgerError::Io(error)),
        }
    }

    /// Opens the file at `path` for reading, beside other readers; `None` where it does not exist. A file
    /// system without locks for readers is read without one.
    pub fn open_for_reading(path: &Path) -> Result<Option<Self>, LedgerError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(LedgerError::Io)?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Self { file })),
        }
    }

    /// The number of durable batches that the file at `path` has now, while its owner may be writing it; `None` where it is
    /// missing, new or damaged.
    pub fn durable(path: &Path) -> io::Result<Option<u64>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match (Self { file }).read()? {
            LedgerEntry::Sequence(sequence) => Ok(Some(sequence)),
            LedgerEntry::New | LedgerEntry::Damaged => Ok(None),
        }
    }

    /// The greatest number in a valid slot.
    pub fn read(&self) -> io::Result<LedgerEntry> {
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            return Ok(LedgerEntry::New);
        }
        let sequence = bytes.chunks(SLOT_BYTES).filter_map(parse_slot).max();
        Ok(sequence.map_or(LedgerEntry::Damaged, LedgerEntry::Sequence))
    }

    /// Whether the file is not as it was written: a slot is damaged or cut off, or the bytes between them are no
    /// zeros. The number may be known from the other slot.
    pub fn is_damaged(&self) -> io::Result<bool> {
        let bytes = self.bytes()?;
        let (first, second) = bytes.split_at(bytes.len().min(SLOT_BYTES));
        if second.is_empty() {
            // A new file has one entry until the first batch.
            return Ok(!bytes.is_empty() && bytes != encode_slot(0));
        }
        let is_whole = |slot: &[u8]| {
            let entry = &slot[..slot.len().min(ENTRY_BYTES)];
            // After a creation that was interrupted, the first batch leaves the first slot empty.
            let is_written = parse_slot(slot).is_some() || entry.iter().all(|&byte| byte == 0);
            is_written && slot[entry.len()..].iter().all(|&byte| byte == 0)
        };
        Ok(!is_whole(first) || !is_whole(second) || second.len() < ENTRY_BYTES)
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))?;
        file.take(2 * SLOT_BYTES as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Replaces the whole content, durably: `sequence` batches are durable.
    pub fn reset(&self, sequence: u64) -> io::Result<()> {
        self.file.set_len(0)?;
        if let Some(before) = sequence.checked_sub(1) {
            self.write(before)?;
        }
        self.write(sequence)
    }

    /// Records, durably, that `sequence` batches are durable.
    pub fn write(&self, sequence: u64) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start((sequence % 2) * SLOT_BYTES as u64))?;
        file.write_all(&encode_slot(sequence))?;
        self.file.sync_all()
    }
}

fn encode_slot(sequence: u64) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn parse_slot(slot: &[u8]) -> Option<u64> {
    let sequence = u64::from_le_bytes(slot.get(8..16)?.try_into().ok()?);
    (slot.get(..ENTRY_BYTES)? == encode_slot(sequence)).then_some(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Ledger {
        Ledger::open(path).unwrap_or_else(|_| panic!("the file opens"))
    }

    #[test]
    fn torn_entry_falls_back_to_previous() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let ledger = open(&path);
        assert_eq!(ledger.read().unwrap(), LedgerEntry::New);
        for sequence in 0..5 {
            ledger.write(sequence).unwrap();
            assert_eq!(ledger.read().unwrap(), LedgerEntry::Sequence(sequence));
        }
        drop(ledger);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(open(&path).read().unwrap(), LedgerEntry::Sequence(3));
        std::fs::write(&path, b"something else").unwrap();
        assert_eq!(open(&path).read().unwrap(), LedgerEntry::Damaged);
    }

    #[test]
    fn any_changed_or_cut_byte_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let ledger = open(&path);
        for sequence in 0..3 {
            ledger.write(sequence).unwrap();
            assert!(!ledger.is_damaged().unwrap(), "sequence {sequence}");
        }
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            assert!(ledger.is_damaged().unwrap(), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(ledger.is_damaged().unwrap(), at > 0, "{at} bytes");
        }
        for sequence in [0, 1, 2, 7] {
            ledger.reset(sequence).unwrap();
            assert!(!ledger.is_damaged().unwrap());
            assert_eq!(ledger.read().unwrap(), LedgerEntry::Sequence(sequence));
        }
    }

    #[test]
    fn second_owner_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let first = open(&path);
        assert!(matches!(Ledger::open(&path), Err(LedgerError::Locked)));
        drop(first);
        open(&path);
    }
}
