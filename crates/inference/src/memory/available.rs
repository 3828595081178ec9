//! Memory that a process may still take, as Linux tells it. Other systems are not asked: they swap rather than kill, and
//! have no limit for groups of processes.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes; `None` where the system does not say.
pub fn now() -> Option<u64> {
    under(Path::new("/"))
}

/// The least of what the machine has left and of what every control group around the process has left.
fn under(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let machine = field(&meminfo, "MemAvailable:")? * 1024;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let left = groups.lines().flat_map(|line| left_in(root, line));
    Some(left.fold(machine, u64::min))
}

/// What the groups of one line of `/proc/self/cgroup` have left, from the process's own up to the outermost.
fn left_in(root: &Path, line: &str) -> Vec<u64> {
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
    // Within a container the path may be that of the outside: then the mount itself is the process's group.
    let own = mount.join(path.trim_start_matches('/'));
    let own = if own.is_dir() { own } else { mount.clone() };
    let groups = own.ancestors().take_while(|group| group.starts_with(&mount));
    groups.filter_map(|group| tree.left(group)).collect()
}

/// How one version of control groups names its figures.
struct Tree {
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// What `memory.stat` calls file pages that the system drops when memory is short.
    droppable: &'static str,
}

const V2: Tree = Tree {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    droppable: "inactive_file ",
};
const V1: Tree = Tree {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    droppable: "total_inactive_file ",
};

impl Tree {
    fn left(&self, group: &Path) -> Option<u64> {
        let number = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        // `max` is no number, and no limit.
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
    fn without_groups_the_machine_decides() {
        assert_eq!(under(system(&[MEMINFO]).path()), Some(8_192_000));
        assert_eq!(under(system(&[]).path()), None);
        assert_eq!(
            under(system(&[("proc/meminfo", "MemTotal: 5 kB\n")]).path()),
            None
        );
    }

    #[test]
    fn the_tightest_group_decides() {
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
    fn the_older_groups_are_read_too() {
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
    fn this_system_says_something_sensible() {
        let bytes = now().expect("Linux says it");
        assert!(bytes < 1 << 50, "{bytes}");
    }
}
