//! The records of a store, from its log alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Bound;
use std::path::Path;

use super::message::{Kind, Message, Next, Reader};
use super::page::{Link, Node};
use super::{Log, Position};
use crate::records::is_whole;

/// How far a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayMode {
    /// As sled reads it: to the first message at the end that it cannot read, and of a segment before that
    /// to the first such message. A batch that was being written when the power failed does not count.
    AsSled,
    /// Past messages that cannot be read, to the point at which sled stops.
    PastDamage,
    /// To the last message that can be read.
    PastEnd,
}

/// The records of a log.
#[derive(Debug, Default)]
pub struct Replay {
    /// Keys and values as sled would return them.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Number of places that could not be read, apart from the end of the log.
    pub damaged_places: u64,
}

/// Reads the log of the store in `store`. A store without a log has no records.
///
/// Every message is applied to the whole range of keys in the order in which it was written, so that neither
/// the tree nor a table of pages is needed.
pub fn replay(store: &Path, mode: ReplayMode) -> io::Result<Replay> {
    let Some(log) = Log::open(store)? else {
        return Ok(Replay::default());
    };
    let found = log.end(0)?;
    let mut pages = Pages::default();
    pages.replay.damaged_places =
        log.beheaded.len() as u64 + u64::from(found.is_none() && !log.segments.is_empty());
    let end = match (mode, found) {
        // sled finds no end, and takes the log for empty.
        (ReplayMode::AsSled, None) => return Ok(pages.replay),
        (ReplayMode::PastEnd, _) | (_, None) => Position::MAX,
        (_, Some(end)) => end,
    };
    for (position, offset) in segments(&log, mode)? {
        let bytes = log.segment(offset)?;
        let mut reader = Reader::new(&bytes, position);
        let goes_on = match mode {
            ReplayMode::AsSled => pages.apply_strictly(&log, &mut reader, end),
            ReplayMode::PastDamage | ReplayMode::PastEnd => {
                pages.apply_leniently(&log, &mut reader, [end, found.unwrap_or(end)])
            }
        };
        if !goes_on {
            break;
        }
    }
    Ok(pages.replay)
}

/// Offsets of segments by position; unless as sled reads it, also of those that lost their header.
fn segments(log: &Log, mode: ReplayMode) -> io::Result<BTreeMap<Position, u64>> {
    let mut segments = log.segments.clone();
    if mode != ReplayMode::AsSled {
        for &offset in &log.beheaded {
            if let Some(position) = Reader::any_number(&log.segment(offset)?) {
                segments.entry(position).or_insert(offset);
            }
        }
    }
    Ok(segments)
}

/// The state of a replay.
#[derive(Default)]
struct Pages {
    replay: Replay,
    /// What the keys of each page begin with.
    prefixes: HashMap<u64, Vec<u8>>,
}

impl Pages {
    /// Applies the messages of a segment before `end`. Returns false at the end of the log.
    fn apply_strictly(&mut self, log: &Log, reader: &mut Reader<'_>, end: Position) -> bool {
        loop {
            match reader.next() {
                Next::End => return true,
                Next::Torn(position) => {
                    self.replay.damaged_places += u64::from(position < end);
                    return true;
                }
                Next::Message(message) if message.position >= end || is_torn_batch(&message, end) => {
                    return false;
                }
                Next::Message(message) => self.apply(log, &message),
            }
        }
    }

    /// Applies the messages of a segment before `end`, also past damage. Beyond `found`, where sled stops, what
    /// was never written is no damage. Returns false at the end of the log.
    fn apply_leniently(&mut self, log: &Log, reader: &mut Reader<'_>, [end, found]: [Position; 2]) -> bool {
        loop {
            let message = match reader.next() {
                Next::End => return true,
                Next::Message(message) => message,
                Next::Torn(position) => {
                    if position >= end || (position >= found && reader.is_blank_after(position)) {
                        return true;
                    }
                    self.replay.damaged_places += 1;
                    match reader.next_lenient() {
                        Some(message) => message,
                        None => return true,
                    }
                }
            };
            if message.position >= end || is_torn_batch(&message, end) {
                return false;
            }
            self.apply(log, &message);
        }
    }

    fn apply(&mut self, log: &Log, message: &Message<'_>) {
        match message.kind {
            Kind::Skip | Kind::Cap | Kind::Batch => {}
            Kind::Free => drop(self.prefixes.remove(&message.page)),
            Kind::Node | Kind::Link => match content(log, message) {
                Some(body) if message.kind == Kind::Node => self.replace(message, &body),
                Some(body) => self.change(message.page, &body),
                None => self.replay.damaged_places += 1,
            },
        }
    }

    /// Of a damaged page only records whose own checksum matches count, and it removes none.
    fn replace(&mut self, message: &Message<'_>, body: &[u8]) {
        let Some(node) = Node::parse(body) else {
            return;
        };
        self.prefixes.insert(message.page, node.prefix().to_vec());
        if !node.is_leaf {
            return;
        }
        if message.is_whole {
            self.remove_range(node.low, node.high);
        }
        for (key, value) in node.records() {
            if message.is_whole || is_whole(&key, value) {
                self.replay.records.insert(key, value.to_vec());
            }
        }
    }

    fn change(&mut self, page: u64, body: &[u8]) {
        let Some(prefix) = self.prefixes.get(&page) else {
            return;
        };
        match Link::parse(body) {
            Some(Link::Set(key, value)) => {
                let key = [prefix.as_slice(), key].concat();
                // A page may have been written again since, with another beginning of its keys, in a segment that is
                // gone: such a link is of the past, and its key is none.
                if is_whole(&key, value) {
                    self.replay.records.insert(key, value.to_vec());
                }
            }
            Some(Link::Delete(key)) => drop(self.replay.records.remove(&[prefix.as_slice(), key].concat())),
            Some(Link::Other) | None => {}
        }
    }

    /// `high` is excluded; empty means no bound.
    fn remove_range(&mut self, low: &[u8], high: &[u8]) {
        let to = if high.is_empty() {
            Bound::Unbounded
        } else if high <= low {
            return;
        } else {
            Bound::Excluded(high)
        };
        let range = self.replay.records.range::<[u8], _>((Bound::Included(low), to));
        let keys: Vec<Vec<u8>> = range.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.replay.records.remove(&key);
        }
    }
}

/// Whether the message announces a batch that the log does not hold to its end.
pub(super) fn is_torn_batch(message: &Message<'_>, end: Position) -> bool {
    let last = message.body.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    message.kind == Kind::Batch && last.is_none_or(|last| last >= end)
}

fn content<'a>(log: &Log, message: &Message<'a>) -> Option<Cow<'a, [u8]>> {
    if !message.is_blob {
        return Some(Cow::Borrowed(message.body));
    }
    let id = message
        .body
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))?;
    log.blob(id).map(Cow::Owned)
}
