//! The memory available to this process, as Linux reports it. Other systems swap rather than kill processes, and have no
//! control groups.

use std::fs;
use std::path::{Path, PathBuf};

/// Available bytes; `None` if the system does not report them.
pub fn now() -> Option<u64> {
    under(Path::new("/"))
}

/// The minimum of the available memory of the machine and of every control group of the process.
fn under(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let machine = field(&meminfo, "MemAvailable:")? * 1024;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let available = groups.lines().flat_map(|line| available_in(root, line));
    Some(available.fold(machine, u64::min))
}

/// The available memory of the groups in one line of `/proc/self/cgroup`, from the innermost to the outermost.
fn available_in(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let tree = if controllers.is_empty() {
        V2
    } else if controllers.split(',').any(|controller| controller == "memory") {
        V1
    } else {
        return Vec::new();
    };
    let mount = root.join(tree.mount);
    // In a container, the path may be that of the host; then the mount point is the group of the process.
    let own = mount.join(path.trim_start_matches('/'));
    let own = if own.is_dir() { own } else { mount.clone() };
    let groups = own.ancestors().take_while(|group| group.starts_with(&mount));
    groups.filter_map(|group| tree.available(group)).collect()
}

/// The file names of one version of control groups.
struct CgroupFiles {
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The field of `memory.stat` for file pages that the system drops if memory is short.
    droppable: &'static str,
}

const V2: CgroupFiles = CgroupFiles {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    droppable: "inactive_file ",
};
const V1: CgroupFiles = CgroupFiles {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    droppable: "total_inactive_file ",
};

impl CgroupFiles {
    fn available(&self, group: &Path) -> Option<u64> {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        // `max` is not a number: there is no limit.
        let limit = number(group.join(self.limit))?;
        let used = number(group.join(self.used))?;
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let droppable = field(&stat, self.droppable).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(droppable)))
    }
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    8000 kB\n",
    );

    #[test]
    fn machine_limit_applies_without_groups() {
        assert_eq!(under(system(&[MEMINFO]).path()), Some(8_192_000));
        assert_eq!(under(system(&[]).path()), None);
        assert_eq!(
            under(system(&[("proc/meminfo", "MemTotal: 5 kB\n")]).path()),
            None
        );
    }

    #[test]
    fn tightest_group_limit_applies() {
        let root = system(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "5\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "400000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 100000\n"),
        ]);
        assert_eq!(under(root.path()), Some(700_000));
    }

    #[test]
    fn version_one_groups_are_read() {
        let root = system(&[
            MEMINFO,
            (
                "proc/self/cgroup",
                "5:cpu,cpuacct:/x\n4:memory:/outside/of/the/container\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "2500000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 200000\n"),
        ]);
        assert_eq!(under(root.path()), Some(700_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_reports_memory() {
        let bytes = now().expect("Linux reports it");
        assert!(bytes < 1 << 50, "{bytes}");
    }
}
