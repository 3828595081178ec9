//! A file of what commits changed, one frame a commit.
//!
//! A header, then frames: length and checksum of the content; the sequence number of the commit before, the number of this
//! one, and when it was made; each key, and its value or the mark that it is removed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::VERSION;
use super::bytes::{Reader, put_text};
use crate::store::Changes;

const MAGIC: &[u8; 8] = b"EIDCHNGS";
/// Where the first frame begins.
pub const FIRST_FRAME: u64 = 20;
const FRAME_HEAD: usize = 8;
/// The length that marks a removed key.
const REMOVED: u32 = u32::MAX;

/// A changes file that is appended to.
pub struct ChangesFile {
    file: File,
    /// Where the next frame goes.
    end: u64,
}

/// What one commit changed.
pub struct Frame {
    pub commit: Commit,
    pub changes: Changes,
}

/// Which commit a frame is of.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// The sequence number of the commit before.
    pub previous: u64,
    /// The commit's sequence number.
    pub sequence: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
}

impl ChangesFile {
    /// Creates an empty file for the commits after `base`.
    pub fn create(path: &Path, base: u64) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&base.to_le_bytes())?;
        Ok(Self {
            file,
            end: FIRST_FRAME,
        })
    }

    /// Opens a file of which the frames end at `end`, and cuts off what follows.
    pub fn resume(path: &Path, end: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Self { file, end })
    }

    /// Size of the file.
    pub const fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends a frame. After an error the file is as before.
    pub fn append(&mut self, commit: Commit, changes: &Changes) -> io::Result<()> {
        let bytes = encode(commit, changes)?;
        if let Err(error) = self.file.write_all(&bytes) {
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
            return Err(error);
        }
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Passes the whole frames of a file to `each`, with the place where each ends, until it returns false or a frame is not
/// whole. Returns whether the file begins as one for the commits after `base`.
pub fn for_each_frame(path: &Path, base: u64, mut each: impl FnMut(Frame, u64) -> bool) -> io::Result<bool> {
    let file = File::open(path)?;
    let mut rest = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; FIRST_FRAME as usize];
    if rest < FIRST_FRAME {
        return Ok(false);
    }
    file.read_exact(&mut header)?;
    let mut reader = Reader(&header);
    let begins_right =
        reader.bytes(8) == Some(MAGIC) && reader.u32() == Some(VERSION) && reader.u64() == Some(base);
    if !begins_right {
        return Ok(false);
    }
    rest -= FIRST_FRAME;
    let mut end = FIRST_FRAME;
    while let Some((frame, bytes)) = read_frame(&mut file, rest)? {
        end += bytes;
        rest -= bytes;
        if !each(frame, end) {
            break;
        }
    }
    Ok(true)
}

/// The next frame and its size; none where there is none that is whole.
fn read_frame(file: &mut impl Read, rest: u64) -> io::Result<Option<(Frame, u64)>> {
    if rest < FRAME_HEAD as u64 {
        return Ok(None);
    }
    let mut head = [0; FRAME_HEAD];
    file.read_exact(&mut head)?;
    let (length, checksum) = head.split_at(4);
    let length = u32::from_le_bytes(length.try_into().unwrap_or_default());
    if u64::from(length) > rest - FRAME_HEAD as u64 {
        return Ok(None);
    }
    let mut content = vec![0; length as usize];
    file.read_exact(&mut content)?;
    if crc32fast::hash(&content).to_le_bytes() != checksum {
        return Ok(None);
    }
    Ok(decode(&content).map(|frame| (frame, FRAME_HEAD as u64 + u64::from(length))))
}

fn encode(commit: Commit, changes: &Changes) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; FRAME_HEAD];
    bytes.extend_from_slice(&commit.previous.to_le_bytes());
    bytes.extend_from_slice(&commit.sequence.to_le_bytes());
    bytes.extend_from_slice(&commit.at_ms.to_le_bytes());
    for (key, value) in changes.iter() {
        put_text(key, &mut bytes)?;
        match value {
            Some(value) => put_text(value, &mut bytes)?,
            None => bytes.extend_from_slice(&REMOVED.to_le_bytes()),
        }
    }
    let length = u32::try_from(bytes.len() - FRAME_HEAD).map_err(io::Error::other)?;
    let checksum = crc32fast::hash(&bytes[FRAME_HEAD..]);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..FRAME_HEAD].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

fn decode(content: &[u8]) -> Option<Frame> {
    let mut reader = Reader(content);
    let (previous, sequence) = (reader.u64()?, reader.u64()?);
    let at_ms = i64::from_le_bytes(reader.bytes(8)?.try_into().ok()?);
    let mut changes = Changes::default();
    while !reader.0.is_empty() {
        let key = reader.text()?;
        match reader.u32()? {
            REMOVED => changes.remove(key),
            length => changes.insert(key, reader.bytes(length as usize)?.to_vec()),
        }
    }
    let commit = Commit {
        previous,
        sequence,
        at_ms,
    };
    Some(Frame { commit, changes })
}
