//! When a file may be taken for unchanged.

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eidetic_catalog::FileStamp;

/// No file has this modification time: a stamp with it makes the next run read the file again.
const UNSETTLED: i64 = i64::MIN;

/// The coarsest step of a file system's clock that is in use (FAT's). A file modified so shortly before it was read
/// may change again without a new time.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

/// The stamp of a file as the file system gives it.
pub fn stamp(metadata: &Metadata) -> FileStamp {
    let modified_ns = metadata.modified().map_or(UNSETTLED, since_1970);
    FileStamp {
        size: metadata.len(),
        modified_ns,
    }
}

/// The stamp to remember of a file that had stamp `before` when its reading began at `read_at`, and `after` at its end.
pub fn to_remember(before: FileStamp, after: FileStamp, read_at: SystemTime) -> FileStamp {
    let age = since_1970(read_at).abs_diff(before.modified_ns);
    if before == after && u128::from(age) >= COARSEST_CLOCK.as_nanos() {
        return before;
    }
    FileStamp {
        modified_ns: UNSETTLED,
        ..before
    }
}

fn since_1970(time: SystemTime) -> i64 {
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
    fn a_stamp_is_trusted_only_when_old_enough_and_equal_before_and_after() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let aged = |seconds: u64| FileStamp {
            size: 5,
            modified_ns: since_1970(now - Duration::from_secs(seconds)),
        };
        assert_eq!(to_remember(aged(3), aged(3), now), aged(3));
        assert_eq!(to_remember(aged(1), aged(1), now).modified_ns, UNSETTLED);
        assert_eq!(to_remember(aged(9), aged(3), now).modified_ns, UNSETTLED);
        let future = FileStamp {
            size: 5,
            modified_ns: since_1970(now + Duration::from_secs(86_400)),
        };
        assert_eq!(to_remember(future, future, now), future);
    }
}
