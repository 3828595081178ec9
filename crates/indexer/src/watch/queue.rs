//! Changed paths, kept until nothing was heard of them for a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whether something was at a path when a change of it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Something is there.
    Present,
    /// Nothing is there any more.
    Gone,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    presence: Presence,
    first: Instant,
    last: Instant,
}

/// Longest time for which paths that vanish one after the other are kept.
const LONGEST_LOSS: Duration = Duration::from_secs(10);

/// Changed paths that are not handed out yet.
///
/// A path rests when nothing was heard of it for `rest`. All that rests is handed out together once everything rests, or
/// once something has waited for the rest for `patience`: so what belongs together, such as both ends of a move, comes
/// together, and a long copy does not hold up its first files. Paths that vanished come only when no further one vanished
/// for `rest`, so that the loss of a disk is seen as a whole.
#[derive(Debug)]
pub struct ChangeQueue {
    rest: Duration,
    patience: Duration,
    pending: BTreeMap<PathBuf, Pending>,
}

impl ChangeQueue {
    /// An empty queue.
    pub fn new(rest: Duration, patience: Duration) -> Self {
        Self {
            rest,
            patience,
            pending: BTreeMap::new(),
        }
    }

    /// Notes that something happened at a path.
    pub fn note(&mut self, path: PathBuf, presence: Presence, now: Instant) {
        let first = self.pending.get(&path).map_or(now, |pending| pending.first);
        self.pending.insert(
            path,
            Pending {
                presence,
                first,
                last: now,
            },
        );
    }

    /// Drops all paths at or below `folder`, which nobody asks for any more.
    pub fn drop_below(&mut self, folder: &Path) {
        self.pending.retain(|path, _| !path.starts_with(folder));
    }

    /// Drops the paths that `is_covered` selects and of which nothing was heard since `time`: they were looked at after that.
    pub fn drop_looked_at(&mut self, time: Instant, is_covered: impl Fn(&Path) -> bool) {
        self.pending
            .retain(|path, pending| pending.last > time || !is_covered(path));
    }

    /// When the next paths are handed out; `None` if there are none.
    pub fn ready_at(&self) -> Option<Instant> {
        let loss_due = self.loss_due();
        let due = || self.pending.values().map(|pending| self.due(*pending, loss_due));
        let (first, last) = (due().min()?, due().max()?);
        Some(last.min(first + self.patience))
    }

    /// The paths that rest, in order, if it is time to hand them out.
    pub fn take(&mut self, now: Instant) -> Vec<PathBuf> {
        if self.ready_at().is_none_or(|ready| ready > now) {
            return Vec::new();
        }
        let loss_due = self.loss_due();
        let (rest, pending) = (self.rest, std::mem::take(&mut self.pending));
        let mut taken = Vec::new();
        for (path, pending) in pending {
            if due(pending, rest, loss_due) <= now {
                taken.push(path);
            } else {
                self.pending.insert(path, pending);
            }
        }
        taken
    }

    fn due(&self, pending: Pending, loss_due: Option<Instant>) -> Instant {
        due(pending, self.rest, loss_due)
    }

    /// When all paths that vanished are due.
    fn loss_due(&self) -> Option<Instant> {
        let gone = || {
            let pending = self.pending.values();
            pending.filter(|pending| pending.presence == Presence::Gone)
        };
        let first = gone().map(|pending| pending.first).min()?;
        let last = gone().map(|pending| pending.last).max()?;
        Some((last + self.rest).min(first + LONGEST_LOSS))
    }
}

fn due(pending: Pending, rest: Duration, loss_due: Option<Instant>) -> Instant {
    match (pending.presence, loss_due) {
        (Presence::Gone, Some(due)) => due,
        _ => pending.last + rest,
    }
}
