//! File systems in memory, which may be small, full or read-only, for users who may mount.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A file system of its own in memory; unmounted when dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// `None` where this user may not mount.
    pub fn new(path: PathBuf, megabytes: u32) -> Option<Self> {
        fs::create_dir_all(&path).expect("a folder can be made");
        let size = format!("size={megabytes}m");
        let mounted = succeeds(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                .arg(&path),
        );
        mounted.then(|| Self(path))
    }

    /// Refuses all writes from now on.
    pub fn make_read_only(&self) {
        self.remount("ro");
    }

    /// Gives it 256 MiB.
    pub fn enlarge(&self) {
        self.remount("size=256m");
    }

    /// Leaves so many KiB free.
    pub fn leave(&self, kibibytes: u64) {
        let size = self.used() + kibibytes;
        self.remount(&format!("size={size}k"));
    }

    /// Leaves not one free block.
    pub fn fill(&self) {
        let _ = Command::new("dd")
            .args(["if=/dev/zero", "bs=4096"])
            .arg(format!("of={}", self.filler().display()))
            .stderr(Stdio::null())
            .status();
    }

    /// Undoes [`fill`](Self::fill).
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    /// KiB in use.
    pub fn used(&self) -> u64 {
        let mut command = Command::new("df");
        let output = command.args(["-k", "--output=used"]).arg(&self.0).output();
        let text = String::from_utf8(output.expect("df runs").stdout).expect("df prints text");
        let last = text.lines().last().and_then(|line| line.trim().parse().ok());
        last.expect("df prints a number")
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(succeeds(Command::new("mount").args(["-o", &option]).arg(&self.0)));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs the test `name` of this test program again in a mount namespace of its own, as root of it, with `variable` set. `false`
/// where this user may not make one.
pub fn rerun_in_namespace(name: &str, variable: &str) -> bool {
    let kinds: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let may_mount = |kind: &&&[&str]| {
        let trial = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"];
        succeeds(Command::new("unshare").args(**kind).args(trial))
    };
    let Some(kind) = kinds.iter().find(may_mount) else {
        return false;
    };
    let test = std::env::current_exe().expect("a test knows its own path");
    let status = Command::new("unshare")
        .args(*kind)
        .arg(test)
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env(variable, "1")
        .status();
    assert!(
        status.expect("unshare runs").success(),
        "{name} failed in its namespace"
    );
    true
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
