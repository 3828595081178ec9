//! The messages of one segment.

use super::{Position, SEGMENT, SEGMENT_HEADER};

/// No message begins nearer to the end of a segment.
const MAX_HEADER: usize = 32;

/// What a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it was taken back, or belongs to sled alone.
    Skip,
    /// Ends the segment.
    Cap,
    /// Announces a batch.
    Batch,
    Free,
    Node,
    Link,
}

/// One message.
pub(super) struct Message<'a> {
    pub position: Position,
    pub kind: Kind,
    pub page: u64,
    pub body: &'a [u8],
    /// Whether the body is the name of a file that holds the content.
    pub is_blob: bool,
    /// Whether the checksum matches. Only [`Reader::next_lenient`] returns others.
    pub is_whole: bool,
    /// Where the next message begins in the segment.
    end: usize,
}

/// Reads the messages of a segment in order.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    first: Position,
    at: usize,
}

/// How a segment goes on.
pub(super) enum Next<'a> {
    Message(Message<'a>),
    /// The segment is complete.
    End,
    /// There is no valid message at this position.
    Torn(Position),
}

impl<'a> Reader<'a> {
    /// `first` is the position of the segment.
    pub fn new(bytes: &'a [u8], first: Position) -> Self {
        Self {
            bytes,
            first,
            at: SEGMENT_HEADER,
        }
    }

    /// The position of a segment without a header, by its first valid message.
    pub fn any_number(bytes: &[u8]) -> Option<Position> {
        let number = |at| {
            let (header, _) = RawHeader::parse(bytes.get(at..)?)?;
            let first = header.segment.checked_mul(SEGMENT as u64)?;
            let reader = Reader::new(bytes, first);
            reader.whole(at).map(|_| first)
        };
        (SEGMENT_HEADER..bytes.len().saturating_sub(MAX_HEADER)).find_map(number)
    }

    /// The next message, as sled reads it.
    pub fn next(&mut self) -> Next<'a> {
        if self.at > SEGMENT - MAX_HEADER {
            return Next::End;
        }
        match self.whole(self.at) {
            Some(message) if message.kind == Kind::Cap => Next::End,
            Some(message) => {
                self.at = message.end;
                Next::Message(message)
            }
            None => Next::Torn(self.first + self.at as u64),
        }
    }

    /// After [`Next::Torn`]: the message there with a damaged body, if its header can be read and something
    /// valid follows; else the next valid message in the segment.
    pub fn next_lenient(&mut self) -> Option<Message<'a>> {
        let damaged = self
            .parse(self.at)
            .filter(|message| self.whole(message.end).is_some() || self.is_blank(message.end));
        if let Some(message) = damaged {
            self.at = message.end;
            return Some(message);
        }
        let last = self.bytes.len().saturating_sub(MAX_HEADER);
        let message = (self.at + 1..=last).find_map(|at| self.whole(at))?;
        self.at = message.end;
        Some(message)
    }

    /// Whether nothing was written in the segment from `position` on.
    pub fn is_blank_after(&self, position: Position) -> bool {
        self.is_blank((position - self.first) as usize)
    }

    fn is_blank(&self, at: usize) -> bool {
        self.bytes
            .get(at..)
            .is_none_or(|rest| rest.iter().all(|&byte| byte == 0))
    }

    fn whole(&self, at: usize) -> Option<Message<'a>> {
        self.parse(at).filter(|message| message.is_whole)
    }

    fn parse(&self, at: usize) -> Option<Message<'a>> {
        if at > SEGMENT - MAX_HEADER {
            return None;
        }
        let (header, length) = RawHeader::parse(self.bytes.get(at..)?)?;
        if header.segment != self.first / SEGMENT as u64 {
            return None;
        }
        let start = at + length;
        let end = start.checked_add(usize::try_from(header.length).ok()?)?;
        let body = self.bytes.get(start..end)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(body);
        hasher.update(&self.bytes[at + 4..start]);
        let (kind, is_blob) = header.kind()?;
        Some(Message {
            position: self.first + at as u64,
            kind,
            page: header.page,
            body,
            is_blob,
            is_whole: hasher.finalize() ^ u32::MAX == header.crc,
            end,
        })
    }
}

struct RawHeader {
    crc: u32,
    kind: u8,
    length: u64,
    segment: u64,
    page: u64,
}

impl RawHeader {
    /// The header at the start of `bytes`, and its length.
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (crc, mut rest) = bytes.split_first_chunk::<4>()?;
        let crc = u32::from_le_bytes(*crc);
        let kind = read_byte(&mut rest)?;
        let header = Self {
            crc,
            kind,
            length: read_number(&mut rest)?,
            segment: read_number(&mut rest)?,
            page: read_number(&mut rest)?,
        };
        header.kind()?;
        Some((header, bytes.len() - rest.len()))
    }

    /// The kind, and whether the content is in a file of its own.
    const fn kind(&self) -> Option<(Kind, bool)> {
        Some(match self.kind {
            1 | 5 | 6 => (Kind::Skip, false),
            2 => (Kind::Cap, false),
            3 => (Kind::Batch, false),
            4 => (Kind::Free, false),
            7 => (Kind::Skip, true),
            8 => (Kind::Node, false),
            9 => (Kind::Node, true),
            10 => (Kind::Link, false),
            11 => (Kind::Link, true),
            _ => return None,
        })
    }
}

pub(super) fn read_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*byte)
}

/// A number in sled's variable-length form.
pub(super) fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let first = read_byte(bytes)?;
    Some(match first {
        0..=240 => u64::from(first),
        241..=248 => 240 + 256 * (u64::from(first) - 241) + u64::from(read_byte(bytes)?),
        249 => 2288 + 256 * u64::from(read_byte(bytes)?) + u64::from(read_byte(bytes)?),
        _ => {
            let (digits, rest) = bytes.split_at_checked(usize::from(first) - 247)?;
            *bytes = rest;
            let mut number = [0; 8];
            number[..digits.len()].copy_from_slice(digits);
            u64::from_le_bytes(number)
        }
    })
}

/// A byte string after its length.
pub(super) fn read_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    let (string, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(string)
}
