//! Faults over all jobs: kill -9 at random moments, and a disk that is full at every write, with readers beside. Nothing that
//! was there or reported is lost, no reader sees a half state, and the same command again completes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "it prints what a long run counts")]

mod full_disk;
mod jobs;
mod kills;
mod place;
mod readers;
