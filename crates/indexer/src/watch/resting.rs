//! Files that are still being written are told from those that rest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eidetic_catalog::FileStamp;

/// The time, by the clock that files are stamped with and by one that never jumps.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Never jumps.
    pub steady: Instant,
    /// Stamps files of local disks.
    pub system: SystemTime,
}

impl Clock {
    /// The present time.
    pub fn now() -> Self {
        Self {
            steady: Instant::now(),
            system: SystemTime::now(),
        }
    }
}

/// What was seen of files is forgotten after this time, of files that no run looks at any more.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Number of files from which on such are looked for.
const MANY: usize = 4096;

/// Remembers what runs saw of files that were written lately.
#[derive(Debug)]
pub struct RestingFiles {
    rest: Duration,
    seen: Mutex<HashMap<PathBuf, Sighting>>,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    stamp: FileStamp,
    /// When it was first seen so.
    since: Instant,
}

impl RestingFiles {
    /// A file rests if its size and times did not change for `rest`.
    pub fn new(rest: Duration) -> Self {
        Self {
            rest,
            seen: Mutex::default(),
        }
    }

    /// Whether a file with this stamp rests: its times are that old, or it was seen with the same stamp that long ago, which
    /// also holds where a server's clock is ahead of this one.
    pub fn is_at_rest(&self, path: &Path, stamp: &FileStamp, clock: Clock) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_old(stamp, clock.system) {
            seen.remove(path);
            return true;
        }
        let before = seen.get(path).filter(|before| before.stamp == *stamp);
        let since = before.map_or(clock.steady, |before| before.since);
        let rests = clock.steady.saturating_duration_since(since) >= self.rest;
        if rests {
            seen.remove(path);
        } else {
            if seen.len() >= MANY {
                let age = |sighting: &Sighting| clock.steady.saturating_duration_since(sighting.since);
                seen.retain(|_, sighting| age(sighting) < REMEMBERED);
            }
            let stamp = *stamp;
            seen.insert(path.to_owned(), Sighting { stamp, since });
        }
        rests
    }

    /// Whether both times are at least `rest` before `now`.
    fn is_old(&self, stamp: &FileStamp, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let newest = stamp
            .changed_ns
            .map_or(stamp.modified_ns, |changed| changed.max(stamp.modified_ns));
        let age = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX) - i128::from(newest);
        u128::try_from(age).is_ok_and(|age| age >= self.rest.as_nanos())
    }
}
