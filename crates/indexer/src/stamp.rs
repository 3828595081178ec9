//! File stamps: size, times and inode, by which a file is known to be unchanged.

use std::collections::HashSet;
use std::fs::Metadata;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eidetic_catalog::FileStamp;

use crate::mounts::MountTable;

/// A time that no file has: a stamp with it makes the next run read the file again (git calls such entries
/// racy).
const RACY: i64 = i64::MIN;

/// The coarsest resolution of modification times in use (FAT's). A file modified less than this before it was
/// read may change again without a new time.
const COARSEST_RESOLUTION: Duration = Duration::from_secs(2);

/// Makes stamps of files.
#[derive(Debug, Clone, Default)]
pub struct Stamper {
    /// Devices whose inode numbers change with each mount.
    without_inodes: Arc<HashSet<u64>>,
}

impl Stamper {
    /// Knows the file systems that are mounted now.
    pub fn new(mounts: &MountTable) -> Self {
        Self {
            without_inodes: Arc::new(mounts.devices_without_inodes()),
        }
    }

    /// The stamp as the file system reports it.
    pub fn stamp(&self, metadata: &Metadata) -> FileStamp {
        FileStamp {
            size: metadata.len(),
            modified_ns: metadata.modified().map_or(RACY, unix_nanoseconds),
            changed_ns: changed_ns(metadata),
            inode: self.inode(metadata),
            side_cars: None,
        }
    }

    /// Only Linux tells which file systems have stable numbers.
    #[cfg(target_os = "linux")]
    fn inode(&self, metadata: &Metadata) -> Option<u64> {
        use std::os::unix::fs::MetadataExt;
        (!self.without_inodes.contains(&metadata.dev())).then(|| metadata.ino())
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "used on Linux")]
    fn inode(&self, _metadata: &Metadata) -> Option<u64> {
        None
    }
}

#[cfg(unix)]
fn changed_ns(metadata: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    let seconds = metadata.ctime().checked_mul(1_000_000_000)?;
    seconds.checked_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed_ns(_metadata: &Metadata) -> Option<i64> {
    None
}

/// The stamp to store for a file whose stamp was `before` when reading began at `read_at`, and `after` at its
/// end.
pub fn trusted_stamp(before: FileStamp, after: FileStamp, read_at: SystemTime) -> FileStamp {
    if before == after && is_settled(before, read_at) {
        return before;
    }
    untrusted(before)
}

/// A stamp that makes the next run read the file again.
pub fn untrusted(stamp: FileStamp) -> FileStamp {
    FileStamp {
        modified_ns: RACY,
        ..stamp
    }
}

/// Whether a file with this stamp was last changed long enough before `at` that its next change has another time.
pub fn is_settled(stamp: FileStamp, at: SystemTime) -> bool {
    let at = unix_nanoseconds(at);
    let is_old = |time: i64| u128::from(at.abs_diff(time)) >= COARSEST_RESOLUTION.as_nanos();
    is_old(stamp.modified_ns) && stamp.changed_ns.is_none_or(is_old)
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

    fn aged(now: SystemTime, modified: u64, changed: u64) -> FileStamp {
        let ago = |seconds: u64| unix_nanoseconds(now - Duration::from_secs(seconds));
        FileStamp {
            size: 5,
            modified_ns: ago(modified),
            changed_ns: Some(ago(changed)),
            ..FileStamp::default()
        }
    }

    #[test]
    fn only_old_steady_stamps_are_trusted() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let aged = |modified, changed| aged(now, modified, changed);
        assert_eq!(trusted_stamp(aged(3, 3), aged(3, 3), now), aged(3, 3));
        assert_eq!(trusted_stamp(aged(1, 3), aged(1, 3), now).modified_ns, RACY);
        assert_eq!(trusted_stamp(aged(9, 1), aged(9, 1), now).modified_ns, RACY);
        assert_eq!(trusted_stamp(aged(9, 9), aged(3, 9), now).modified_ns, RACY);
        assert_eq!(trusted_stamp(aged(9, 9), aged(9, 3), now).modified_ns, RACY);
        let future = FileStamp {
            size: 5,
            modified_ns: unix_nanoseconds(now + Duration::from_secs(86_400)),
            ..FileStamp::default()
        };
        assert_eq!(trusted_stamp(future, future, now), future);
    }

    #[test]
    fn clock_before_1970_is_no_error() {
        let now = UNIX_EPOCH - Duration::from_secs(1_000_000);
        assert_eq!(
            trusted_stamp(aged(now, 3, 3), aged(now, 3, 3), now),
            aged(now, 3, 3)
        );
        assert_eq!(
            trusted_stamp(aged(now, 1, 3), aged(now, 1, 3), now).modified_ns,
            RACY
        );
    }
}
