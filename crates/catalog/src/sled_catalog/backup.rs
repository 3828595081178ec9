//! All records of a catalog as one stream, for backups.
//!
//! The stream begins with eight bytes, then come the records in the order of their keys, each as the lengths of key and value (four
//! bytes each, little-endian), key, value. It ends with a length of `u32::MAX` in place of a key's, and the number of records (eight
//! bytes). The checksums of the records are in their values.

use std::io::{self, Read, Write};
use std::ops::Bound;
use std::path::Path;

use super::SledCatalog;
use crate::ledger::Ledger;
use crate::rebuild::{Record, rebuild};
use crate::records::{StoreState, decode_checked, is_whole};
use crate::store::{damaged, failure, ledger_error};
use crate::{CatalogError, keys};

const MAGIC: &[u8; 8] = b"EIDRECS1";
/// In place of the length of a key: there are no more.
const END: u32 = u32::MAX;

impl SledCatalog {
    /// Writes all records as of one moment to `out`, and returns their number. Commits of this process wait meanwhile.
    ///
    /// Errors: among others, `out` fails; that error is the source of a [`CatalogError::Store`].
    pub fn write_records(&self, out: &mut dyn Write) -> Result<u64, CatalogError> {
        let _no_writer = self.reading();
        let failed = |error| failure(self.directory(), error);
        out.write_all(MAGIC).map_err(failed)?;
        let mut count = 0;
        self.store
            .for_each_in((Bound::Unbounded, Bound::Unbounded), |key, value| {
                count += 1;
                write_record(out, key, value).map_err(failed)
            })?;
        write_end(out, count).map_err(failed)?;
        Ok(count)
    }

    /// Makes a catalog in `dir`, which has none, of what [`write_records`](Self::write_records) wrote.
    ///
    /// Errors: among others, [`CatalogError::Damaged`] where the stream is cut off or a record is damaged. Then there is no catalog.
    pub fn restore(dir: &Path, records: &mut dyn Read) -> Result<(), CatalogError> {
        let failed = |error| failure(dir, error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        let ledger = Ledger::open(&dir.join("ledger")).map_err(|error| ledger_error(dir, error))?;
        let mut stream = RecordStream::new(records);
        rebuild(dir, &mut stream)?;
        let state = stream
            .state
            .ok_or_else(|| damaged(dir, "the counters are missing".to_owned()))?;
        ledger.reset(state.sequence).map_err(failed)
    }
}

/// Reads the records of a stream, verified.
struct RecordStream<'a> {
    input: &'a mut dyn Read,
    count: u64,
    is_begun: bool,
    is_done: bool,
    /// The counters, once they were read.
    state: Option<StoreState>,
}

impl<'a> RecordStream<'a> {
    fn new(input: &'a mut dyn Read) -> Self {
        Self {
            input,
            count: 0,
            is_begun: false,
            is_done: false,
            state: None,
        }
    }

    /// The next record; none at the end.
    fn read(&mut self) -> io::Result<Option<Record>> {
        if !self.is_begun {
            if &self.bytes::<8>()? != MAGIC {
                return Err(invalid("it does not begin as the records of a catalog do"));
            }
            self.is_begun = true;
        }
        let key_length = u32::from_le_bytes(self.bytes()?);
        if key_length == END {
            if u64::from_le_bytes(self.bytes()?) == self.count {
                return Ok(None);
            }
            return Err(invalid("records are missing"));
        }
        let value_length = u32::from_le_bytes(self.bytes()?);
        let key = self.vector(key_length)?;
        let value = self.vector(value_length)?;
        if !is_whole(&key, &value) {
            return Err(invalid("a record is damaged"));
        }
        if key == keys::STATE {
            self.state = decode_checked(&key, &value);
        }
        self.count += 1;
        Ok(Some((key, value)))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(cut_off)?;
        Ok(bytes)
    }

    /// Grows with what is there, so that a false length allocates nothing.
    fn vector(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.take(length.into()).read_to_end(&mut bytes)?;
        if bytes.len() == length as usize {
            Ok(bytes)
        } else {
            Err(invalid("it ends early"))
        }
    }
}

impl Iterator for RecordStream<'_> {
    type Item = io::Result<Record>;

    /// Ends after the first error.
    fn next(&mut self) -> Option<io::Result<Record>> {
        if self.is_done {
            return None;
        }
        let read = self.read();
        self.is_done = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

fn write_record(out: &mut dyn Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    for part in [key, value] {
        let length = u32::try_from(part.len()).map_err(|_| invalid("a record has 4 GB"))?;
        out.write_all(&length.to_le_bytes())?;
    }
    out.write_all(key)?;
    out.write_all(value)
}

fn write_end(out: &mut dyn Write, count: u64) -> io::Result<()> {
    out.write_all(&END.to_le_bytes())?;
    out.write_all(&count.to_le_bytes())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid("it ends early"),
        _ => error,
    }
}
