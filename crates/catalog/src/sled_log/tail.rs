//! What sled would do to a log when it opens the store.

use std::io;
use std::path::Path;

use super::message::{Next, Reader};
use super::replay::is_torn_batch;
use super::{Log, Position, SEGMENT};

/// Whether sled may leave something out of the log of the store in `store`, or overwrite it, when it reads on
/// from `from`: a message cannot be read, or the log ends otherwise than after a message. Usually that is what
/// a crash left; whether anything that counts is missing, only the records show.
pub fn is_suspicious(store: &Path, from: Position) -> io::Result<bool> {
    let Some(log) = Log::open(store)? else {
        return Ok(false);
    };
    let first = floor(from);
    let mut segments = log.segments.range(first..).peekable();
    if !log.beheaded.is_empty() {
        return Ok(true);
    }
    let Some(end) = log.end(from)? else {
        // sled would take all of them for torn.
        return Ok(segments.peek().is_some());
    };
    for (&position, &offset) in segments {
        let bytes = log.segment(offset)?;
        let mut reader = Reader::new(&bytes, position);
        if let Some(stop) = stop(&mut reader, end)
            && (stop < end || !reader.is_blank_after(stop))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The position at which sled stops to read a segment, unless it is complete.
fn stop(reader: &mut Reader<'_>, end: Position) -> Option<Position> {
    loop {
        match reader.next() {
            Next::End => return None,
            Next::Torn(position) => return Some(position),
            Next::Message(message) if message.position >= end || is_torn_batch(&message, end) => {
                return Some(message.position);
            }
            Next::Message(_) => {}
        }
    }
}

/// The position of the segment that holds `position`.
const fn floor(position: Position) -> Position {
    position / SEGMENT as u64 * SEGMENT as u64
}

impl Log {
    /// The position after the last message that sled accepts when it reads on from `from`: segments that may
    /// not have been on the disk before must follow each other without a gap. `None` where it finds no end,
    /// because the first of them is missing.
    pub(super) fn end(&self, from: Position) -> io::Result<Option<Position>> {
        let mut expected = floor(self.stable.max(from));
        if !self.segments.contains_key(&expected) {
            return Ok(None);
        }
        while let Some(&offset) = self.segments.get(&expected) {
            let bytes = self.segment(offset)?;
            if let Some(position) = stop(&mut Reader::new(&bytes, expected), Position::MAX) {
                return Ok(Some(position));
            }
            expected += SEGMENT as u64;
        }
        Ok(Some(expected))
    }
}
