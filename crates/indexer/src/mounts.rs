//! The file system that a folder is in, by which the loss of a mount is told from deleted files.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The mounted file systems, from Linux's `/proc/self/mountinfo`; empty on other systems.
#[derive(Debug, Default)]
pub struct MountTable(Vec<Mount>);

#[derive(Debug)]
struct Mount {
    device: u64,
    /// The part of the file system that is mounted.
    root: String,
    point: PathBuf,
    /// Type of the file system.
    kind: String,
    /// The partition, server or volume.
    source: String,
}

/// Identifies the file system that a folder is in, over restarts of the system as far as that can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountId {
    /// Where it is mounted, which part of it, and the partition's UUID or else the source's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mount: Option<[String; 3]>,
    /// The system's number of the device, compared only where there is no `mount`: it may change with a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
}

/// A folder that is a source, or in which another file system begins below a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownMount {
    /// The folder, as the walk names it.
    pub folder: PathBuf,
    /// The file system that it was in.
    pub mount: MountId,
}

impl MountTable {
    /// The mounts at this moment.
    pub fn read() -> Self {
        let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(Mount::parse).collect())
    }

    /// The devices whose inode numbers are made up anew with each mount.
    pub fn devices_without_inodes(&self) -> HashSet<u64> {
        let unstable = |mount: &&Mount| {
            let kinds = [
                "vfat", "msdos", "exfat", "9p", "cifs", "smb3", "smbfs", "ntfs", "ntfs3", "fuseblk",
            ];
            kinds.contains(&mount.kind.as_str()) || mount.kind.starts_with("fuse")
        };
        self.0.iter().filter(unstable).map(|mount| mount.device).collect()
    }

    /// What is mounted at and below `folder`, for comparison with what is mounted there later.
    pub fn mounted_below(&self, folder: &Path) -> Vec<(u64, &str, &Path)> {
        let below = self.0.iter().filter(|mount| mount.point.starts_with(folder));
        below
            .map(|mount| (mount.device, mount.root.as_str(), mount.point.as_path()))
            .collect()
    }

    /// The type of a file system of which other machines, or programs, change files without the system being told, and
    /// where it is mounted: that of `folder`, or one below it.
    pub fn remote_part(&self, folder: &Path) -> Option<(&str, &Path)> {
        let below = self.0.iter().filter(|mount| mount.point.starts_with(folder));
        let mut mounts = self.containing(folder).into_iter().chain(below);
        let remote = mounts.find(|mount| mount.is_remote())?;
        Some((remote.kind.as_str(), remote.point.as_path()))
    }

    /// Mount points below `folder`, which is free of links.
    pub fn points_below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a Path> {
        let points = self.0.iter().map(|mount| mount.point.as_path());
        points.filter(move |point| *point != folder && point.starts_with(folder))
    }

    /// The mount that a path without links is in: of several at one point the last, which hides the others.
    fn containing(&self, path: &Path) -> Option<&Mount> {
        let containing = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        containing.max_by_key(|mount| mount.point.components().count())
    }
}

impl MountId {
    /// The file system of `folder`; `None` if the folder cannot be reached.
    pub fn of(folder: &Path, mounts: &MountTable) -> Option<Self> {
        let real = folder.canonicalize().ok()?;
        let metadata = fs::metadata(&real).ok()?;
        let mount = mounts.containing(&real).map(|mount| {
            [
                mount.point.to_string_lossy().into_owned(),
                mount.root.clone(),
                mount.stable_source(),
            ]
        });
        Some(Self {
            mount,
            device: device(&metadata),
        })
    }

    /// Whether both are the same file system, as far as that can be told.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.mount, &other.mount) {
            (Some(mount), Some(other)) => mount == other,
            _ => match (self.device, other.device) {
                (Some(device), Some(other)) => device == other,
                _ => true,
            },
        }
    }
}

impl Mount {
    /// See `proc_pid_mountinfo(5)`: number, parent, device, root, point, options, …, `-`, type, source, options.
    fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let before: Vec<&str> = before.split(' ').collect();
        let mut after = after.split(' ');
        let (major, minor) = before.get(2)?.split_once(':')?;
        Some(Self {
            device: device_number(major.parse().ok()?, minor.parse().ok()?),
            root: unescape(before.get(3)?),
            point: unescape(before.get(4)?).into(),
            kind: after.next()?.to_owned(),
            source: unescape(after.next()?),
        })
    }

    /// Network file systems, shares of virtual machines, and file systems of programs, except those on a disk (`fuseblk`).
    fn is_remote(&self) -> bool {
        let kinds = [
            "9p",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "drvfs",
            "fuse",
            "gfs2",
            "glusterfs",
            "lustre",
            "ncpfs",
            "nfs",
            "nfs4",
            "ocfs2",
            "orangefs",
            "prl_fs",
            "pvfs2",
            "smb3",
            "smbfs",
            "vboxsf",
            "virtiofs",
            "vmhgfs",
        ];
        kinds.contains(&self.kind.as_str()) || self.kind.starts_with("fuse.")
    }

    /// The UUID of a partition, whose name may change; else the source's name.
    fn stable_source(&self) -> String {
        let uuid = self
            .source
            .starts_with("/dev/")
            .then(|| uuids().remove(&real_path(&self.source)));
        uuid.flatten().unwrap_or_else(|| self.source.clone())
    }
}

/// The UUIDs of partitions by the paths of their devices.
fn uuids() -> HashMap<PathBuf, String> {
    let entries = fs::read_dir("/dev/disk/by-uuid").into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let uuid = entry.file_name().to_string_lossy().into_owned();
            (real_path(entry.path()), uuid)
        })
        .collect()
}

fn real_path(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The number that `stat` gives for a device, as glibc's `makedev` computes it.
const fn device_number(major: u64, minor: u64) -> u64 {
    ((major & 0xffff_f000) << 32) | ((major & 0xfff) << 8) | ((minor & 0xffff_ff00) << 12) | (minor & 0xff)
}

/// Spaces, tabs, line ends and backslashes are octal numbers.
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    escapes.iter().fold(text.to_owned(), replace)
}

/// The device of a file; `None` where the system does not tell.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
pub fn device(metadata: &fs::Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.dev())
}

/// The device of a file; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn device(_metadata: &fs::Metadata) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
40 22 0:45 / /mnt/nas rw,relatime shared:2 - nfs4 nas:/photos rw,vers=4.2
41 22 8:33 /sub /mnt/my\\040card rw - vfat /dev/nowhere1 rw
";

    #[test]
    fn innermost_mount_contains_path() {
        let table = MountTable::parse(TABLE);
        let source = |path: &str| {
            table
                .containing(Path::new(path))
                .map(|mount| mount.source.as_str())
        };
        assert_eq!(source("/mnt/nas/2020"), Some("nas:/photos"));
        assert_eq!(source("/mnt/nas2"), Some("/dev/sda2"));
        assert_eq!(source("/mnt/my card/a"), Some("/dev/nowhere1"));
        let below: Vec<_> = table.points_below(Path::new("/mnt")).collect();
        assert_eq!(below, [Path::new("/mnt/nas"), Path::new("/mnt/my card")]);
        assert_eq!(
            table.devices_without_inodes(),
            HashSet::from([device_number(8, 33)])
        );
    }

    #[test]
    fn network_mounts_are_remote() {
        let table = MountTable::parse(TABLE);
        let remote = |path: &str| table.remote_part(Path::new(path)).map(|(kind, _)| kind);
        assert_eq!(remote("/mnt/nas/2020"), Some("nfs4"));
        assert_eq!(remote("/mnt"), Some("nfs4"), "below it");
        assert_eq!(remote("/mnt/my card"), None);
        assert_eq!(remote("/home"), None);
        let kinds = |kind: &str| {
            let line = format!("40 22 0:45 / /x rw - {kind} source rw");
            Mount::parse(&line).unwrap().is_remote()
        };
        assert!(kinds("fuse.sshfs") && kinds("9p") && !kinds("fuseblk") && !kinds("fusectl"));
        assert_eq!(table.mounted_below(Path::new("/mnt")).len(), 2);
    }

    #[test]
    fn lost_mount_is_another_file_system() {
        let id = |mount: Option<&str>, device| MountId {
            mount: mount.map(|source| ["/mnt/nas".into(), "/".into(), source.into()]),
            device,
        };
        assert!(id(Some("nas:/p"), Some(40)).is_same(&id(Some("nas:/p"), Some(41))));
        assert!(!id(Some("nas:/p"), Some(40)).is_same(&id(Some("nas:/q"), Some(40))));
        assert!(!id(None, Some(40)).is_same(&id(Some("nas:/p"), Some(41))));
        assert!(id(None, None).is_same(&id(Some("nas:/p"), Some(41))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn device_of_root_is_in_table() {
        let table = MountTable::read();
        let id = MountId::of(Path::new("/proc"), &table).unwrap();
        assert!(id.mount.is_some_and(|[point, ..]| point == "/proc"));
        assert!(MountId::of(Path::new("/no/such/folder"), &table).is_none());
    }
}
