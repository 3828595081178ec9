//! File stamps: size and modification time, by which a file is known to be unchanged.

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eidetic_catalog::FileStamp;

/// A time that no file has: a stamp with it makes the next run read the file again (git calls such entries
/// racy).
const RACY: i64 = i64::MIN;

/// The coarsest resolution of modification times in use (FAT's). A file modified less than this before it was
/// read may change again without a new time.
const COARSEST_RESOLUTION: Duration = Duration::from_secs(2);

/// The stamp as the file system reports it.
pub fn stamp(metadata: &Metadata) -> FileStamp {
    let modified_ns = metadata.modified().map_or(RACY, unix_nanoseconds);
    FileStamp {
        size: metadata.len(),
        modified_ns,
    }
}

/// The stamp to store for a file whose stamp was `before` when reading began at `read_at`, and `after` at its
/// end.
pub fn trusted_stamp(before: FileStamp, after: FileStamp, read_at: SystemTime) -> FileStamp {
    let age = unix_nanoseconds(read_at).abs_diff(before.modified_ns);
    if before == after && u128::from(age) >= COARSEST_RESOLUTION.as_nanos() {
        return before;
    }
    FileStamp {
        modified_ns: RACY,
        ..before
    }
}

fn unix_nanoseconds(time: SystemTime) -> i64 {
    let nanoseconds = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => -nanoseconds(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_steady_stamps_are_trusted() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let aged = |seconds: u64| FileStamp {
            size: 5,
            modified_ns: unix_nanoseconds(now - Duration::from_secs(seconds)),
        };
        assert_eq!(trusted_stamp(aged(3), aged(3), now), aged(3));
        assert_eq!(trusted_stamp(aged(1), aged(1), now).modified_ns, RACY);
        assert_eq!(trusted_stamp(aged(9), aged(3), now).modified_ns, RACY);
        let future = FileStamp {
            size: 5,
            modified_ns: unix_nanoseconds(now + Duration::from_secs(86_400)),
        };
        assert_eq!(trusted_stamp(future, future, now), future);
    }
}
