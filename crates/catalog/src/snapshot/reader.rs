//! Reads a snapshot.

use std::io;
use std::ops::Bound;
use std::path::Path;

use super::changes_file::for_each_frame;
use super::files::{Files, changes_path, table_path};
use super::table::Table;
use crate::keys::Range;
use crate::store::Changes;

/// Attempts to open a snapshot whose files are replaced meanwhile.
const TRIALS: u32 = 10;

/// The records as of one commit. What is committed later is not in it.
pub struct Snapshot {
    table: Table,
    changes: Changes,
    state: End,
}

/// Where a snapshot ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The sequence number of its last commit.
    pub sequence: u64,
    /// When that was made, in milliseconds since 1970.
    pub at_ms: i64,
    /// The number of its table.
    pub table: u64,
    /// The changes file that its last frame is in, or that comes after its table, and where the frame ends there.
    pub last_file: Option<(u64, u64)>,
}

impl Snapshot {
    /// Opens the snapshot in `folder` as of the commit `durable`, or of the last one before that it has. `None` where there
    /// is no whole table.
    pub fn open(folder: &Path, durable: u64) -> io::Result<Option<Self>> {
        for _ in 1..TRIALS {
            match Self::try_open(folder, durable) {
                // The owner has replaced a file that was there a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => return other,
            }
        }
        Self::try_open(folder, durable)
    }

    fn try_open(folder: &Path, durable: u64) -> io::Result<Option<Self>> {
        let files = Files::list(folder)?;
        for &number in files.tables.iter().rev().filter(|number| **number <= durable) {
            let table = match Table::open(&table_path(folder, number), number) {
                Err(error) if is_damage(&error) => continue,
                table => table?,
            };
            let mut snapshot = Self {
                changes: Changes::default(),
                state: End {
                    sequence: number,
                    at_ms: table.at_ms(),
                    table: number,
                    last_file: None,
                },
                table,
            };
            let later = files.changes.iter().filter(|changes| **changes >= number);
            for &changes in later {
                snapshot.apply(folder, changes, durable)?;
            }
            return Ok(Some(snapshot));
        }
        Ok(None)
    }

    /// Applies the frames of a changes file that follow what is known, up to the commit `durable`.
    fn apply(&mut self, folder: &Path, number: u64, durable: u64) -> io::Result<()> {
        if number != self.state.sequence {
            return Ok(());
        }
        let Self { changes, state, .. } = self;
        let begins_right = for_each_frame(&changes_path(folder, number), number, |frame, end| {
            if frame.commit.previous != state.sequence || frame.commit.sequence > durable {
                return false;
            }
            changes.extend(frame.changes);
            state.sequence = frame.commit.sequence;
            state.at_ms = frame.commit.at_ms;
            state.last_file = Some((number, end));
            true
        })?;
        if begins_right && state.last_file.is_none_or(|(file, _)| file != number) {
            state.last_file = Some((number, super::changes_file::FIRST_FRAME));
        }
        Ok(())
    }

    /// Where it ends.
    pub const fn end(&self) -> End {
        self.state
    }

    /// Size of its table's file.
    pub const fn table_bytes(&self) -> u64 {
        self.table.bytes()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.changes.value_after(key, || self.table.get(key))
    }

    /// Passes the records of a range to `each`, in order, until it returns false.
    pub fn for_each_in(
        &self,
        range: &Range,
        mut each: impl FnMut(&[u8], &[u8]) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut changes = self.changes.range(range.clone()).peekable();
        let mut goes_on = true;
        self.table.for_each_in(range, |key, value| {
            while let Some((changed, new)) = changes.next_if(|(changed, _)| *changed < key) {
                goes_on = new.map_or(Ok(true), |new| each(changed, new))?;
                if !goes_on {
                    return Ok(false);
                }
            }
            let current = match changes.next_if(|(changed, _)| *changed == key) {
                Some((_, new)) => new,
                None => Some(value),
            };
            goes_on = current.map_or(Ok(true), |current| each(key, current))?;
            Ok(goes_on)
        })?;
        for (key, new) in changes {
            if !goes_on {
                return Ok(());
            }
            goes_on = new.map_or(Ok(true), |new| each(key, new))?;
        }
        Ok(())
    }
}

/// What is wrong with the snapshot in `folder` where `durable` batches are durable, in words; `None` where nothing is, or there
/// is none. Reads all of it.
pub fn damage(folder: &Path, durable: u64) -> io::Result<Option<&'static str>> {
    let has_table = !Files::list(folder)?.tables.is_empty();
    let Some(snapshot) = Snapshot::open(folder, durable)? else {
        return Ok(has_table.then_some("it cannot be read"));
    };
    let everything = (Bound::Unbounded, Bound::Unbounded);
    match snapshot.for_each_in(&everything, |_, _| Ok(true)) {
        Err(error) if is_damage(&error) => Ok(Some("its checksum does not match")),
        Err(error) => Err(error),
        Ok(()) if snapshot.end().sequence < durable => Ok(Some("it lacks the last changes")),
        Ok(()) => Ok(None),
    }
}

/// Whether a file is not as it was written.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}
