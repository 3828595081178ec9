//! What a watcher asks the file system: whether a source is there, the same as before, and on a local disk.

use std::fs;
use std::path::Path;

use crate::mounts::{MountTable, device};
use crate::stamp::Stamper;

/// What a watcher asks of the file system.
pub trait Disk {
    /// What tells a source, with what is mounted in it, from another one at its path; `None` where it cannot be reached.
    fn identity(&self, source: &Path) -> Option<String>;

    /// Why the system does not tell of all changes in a source, for display; `None` where it does.
    fn unnotified(&self, source: &Path) -> Option<String>;
}

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn identity(&self, source: &Path) -> Option<String> {
        let metadata = fs::metadata(source).ok()?;
        let mounts = MountTable::read();
        let inode = Stamper::new(&mounts).stamp(&metadata).inode;
        let below = mounts.mounted_below(source);
        Some(format!("{:?} {inode:?} {below:?}", device(&metadata)))
    }

    fn unnotified(&self, source: &Path) -> Option<String> {
        let mounts = MountTable::read();
        let (kind, folder) = mounts.remote_part(source)?;
        Some(format!("{} is on a file system of type {kind}", folder.display()))
    }
}
