//! The log of sled 0.34, read without sled: nothing is written, and damage costs what it hit.
//!
//! sled cuts its log at the first message that it cannot read, overwrites what follows, and takes a derived
//! file that is damaged for the end of the store. So its log is examined before sled opens it
//! ([`is_suspicious`]), and its records can be read from the log alone ([`replay`]): on a medium that cannot be
//! written, and where the log is damaged.
//!
//! The file `db` consists of segments of [`SEGMENT`] bytes. A segment is a header and messages, in order of
//! a sequence number that is the segment's own plus the offset in it. A message replaces a page of the tree
//! (a *node*: up to some twenty records with the range of keys that it covers), changes one record of a page
//! (a *link*), frees a page, or announces a batch that counts only as a whole. Segments of which no page is
//! in use are written again, with a higher number.

mod message;
mod page;
mod replay;
mod tail;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use message::Reader;
pub use replay::{ReplayMode, replay};
pub use tail::is_suspicious;

/// Size of a segment: sled's default, which this program never changed.
pub const SEGMENT: usize = 512 << 10;
const SEGMENT_HEADER: usize = 20;

/// A position in the log: grows with every message, unlike the offset in the file.
type Position = u64;

/// The segments of a log.
struct Log {
    store: PathBuf,
    file: File,
    /// Offsets in the file by position, as the segments' headers have it.
    segments: BTreeMap<Position, u64>,
    /// Offsets of segments without a valid header that hold a valid message all the same.
    beheaded: Vec<u64>,
    /// Positions below this were on the disk when one of the segments was begun.
    stable: Position,
}

impl Log {
    /// Reads the headers of all segments. An absent file counts as an empty log.
    fn open(store: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(store.join("db")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        let mut log = Self {
            store: store.to_owned(),
            file,
            segments: BTreeMap::new(),
            beheaded: Vec::new(),
            stable: 0,
        };
        for offset in (0..length).step_by(SEGMENT) {
            log.add_segment(offset)?;
        }
        Ok(Some(log))
    }

    fn add_segment(&mut self, offset: u64) -> io::Result<()> {
        let header = self.read(offset, SEGMENT_HEADER)?;
        if let Some(Header { position, stable }) = Header::parse(&header) {
            self.stable = self.stable.max(stable);
            let other = self.segments.insert(position, offset);
            // sled never writes one twice: a copy that something else made.
            self.beheaded.extend(other);
            return Ok(());
        }
        let bytes = self.read(offset, SEGMENT)?;
        if Reader::any_number(&bytes).is_some() {
            self.beheaded.push(offset);
        }
        Ok(())
    }

    /// Up to `length` bytes of the file; fewer at its end.
    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn segment(&self, offset: u64) -> io::Result<Vec<u8>> {
        self.read(offset, SEGMENT)
    }

    /// The content of a value that was too large for the log.
    fn blob(&self, id: u64) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.store.join("blobs").join(id.to_string())).ok()?;
        let (crc, content) = bytes.split_first_chunk::<4>()?;
        let (_kind, value) = content.split_first()?;
        (crc32fast::hash(content) == u32::from_le_bytes(*crc)).then(|| value.to_vec())
    }
}

/// The header of a segment.
struct Header {
    position: Position,
    stable: Position,
}

impl Header {
    /// `None` where the checksum does not match, as in a segment that was never written.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SEGMENT_HEADER] = bytes.get(..SEGMENT_HEADER)?.try_into().ok()?;
        let number = |at: usize| {
            let bytes: [u8; 8] = bytes[at..at + 8].try_into().ok()?;
            u64::try_from(i64::from_le_bytes(bytes) ^ i64::MAX).ok()
        };
        let crc = u32::from_le_bytes(bytes[..4].try_into().ok()?) ^ u32::MAX;
        let position = number(4)?;
        let is_valid = crc32fast::hash(&bytes[4..]) == crc && position.is_multiple_of(SEGMENT as u64);
        is_valid.then_some(Self {
            position,
            // Negative where nothing was stable.
            stable: number(12).unwrap_or(0),
        })
    }
}
