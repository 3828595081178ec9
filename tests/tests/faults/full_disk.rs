//! A disk that is full at every write of every job: its free space grows until the job succeeds.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_tests::mount::{Mount, rerun_in_namespace};
use eidetic_tests::{Finished, Scenario};
use serde_json::Value;

use crate::jobs::{self, Job, Left, Log};
use crate::place::{Place, caught, differences};
use crate::readers::{Reader, leftovers, read_once};

/// Set in the program that runs within a namespace.
const WITHIN: &str = "EIDETIC_IN_NAMESPACE";
/// Free KiB of a run of the suite; with `EIDETIC_DISK=all`, all sizes in small steps until each job succeeds.
const SIZES: [u64; 2] = [0, 24];
/// What could not be stored of each kind of derived data, and why the job failed.
const MAX_LINES: usize = 6;
/// A job that succeeded with so many sizes in turn needs no more.
const ENOUGH: usize = 6;
/// How long a watch runs at most before it is told to stop.
const WATCH_TIME: Duration = Duration::from_secs(20);

#[test]
fn full_disk_loses_nothing_names_itself() {
    if std::env::var_os(WITHIN).is_none() {
        if !rerun_in_namespace("full_disk::full_disk_loses_nothing_names_itself", WITHIN) {
            eprintln!("skipped: this user may not mount in a namespace");
        }
        return;
    }
    let scenario = Scenario::new();
    let disk = Mount::new(scenario.path(""), 256).expect("it was tried before");
    let place = Place::in_scenario(scenario);
    let chosen = std::env::var("EIDETIC_JOB").ok();
    let is_chosen = |job: &Job| chosen.as_deref().is_none_or(|name| name == job.name);
    let mut faults = Vec::new();
    for job in jobs::all().into_iter().filter(is_chosen) {
        faults.extend(fill_up(&place, &disk, &job));
    }
    drop(place);
    drop(disk);
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Runs the job with growing free space, and returns what was wrong.
fn fill_up(place: &Place, disk: &Mount, job: &Job) -> Vec<String> {
    disk.enlarge();
    job.reset(place);
    job.complete(place).assert_code(0);
    job.complete(place).assert_code(0);
    let whole = place.state();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let (mut runs, mut succeeded) = (0, 0);
    let mut faults = Vec::new();
    for free in sizes() {
        runs += 1;
        let what = format!("{} with {free} KiB", job.name);
        let finished = match caught(&what, || run_full(place, disk, job, free, &whole)) {
            Ok(finished) => finished,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        *outcomes.entry(outcome(&finished)).or_default() += 1;
        succeeded = if finished.code == Some(0) {
            succeeded + 1
        } else {
            0
        };
        if succeeded == ENOUGH {
            break;
        }
    }
    println!("{}: {runs} sizes", job.name);
    for (outcome, times) in outcomes {
        println!("    {times} × {outcome}");
    }
    faults
}

fn sizes() -> Box<dyn Iterator<Item = u64>> {
    if std::env::var("EIDETIC_DISK").is_ok_and(|all| all == "all") {
        // Steps of a page at first.
        let next = |&size: &u64| {
            Some(match size {
                0..128 => size + 4,
                128..512 => size + 16,
                _ => size + size / 8,
            })
        };
        Box::new(std::iter::successors(Some(0), next).take_while(|&size| size < 64 << 10))
    } else {
        Box::new(SIZES.into_iter())
    }
}

/// One run with so many free KiB, and then one with enough.
fn run_full(place: &Place, disk: &Mount, job: &Job, free: u64, whole: &Value) -> Finished {
    disk.enlarge();
    job.reset(place);
    let before = place.known();
    disk.leave(free);
    let reader = Reader::start(place);
    let finished = ended(place, job);
    let seen = reader.stop();
    assert_eq!(seen.faults, Vec::<String>::new());
    assert!(matches!(finished.code, Some(0 | 1 | 3)), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    assert_clear(&finished);
    assert_eq!(read_once(place), Vec::<String>::new(), "while it is full");
    assert_eq!(leftovers(place), Vec::<String>::new());
    disk.enlarge();
    let now = place.known();
    job.verify(
        place,
        &Left {
            before,
            now,
            committed: 0,
        },
    );
    place.state();
    job.complete(place).assert_code(0);
    let different = differences(&place.state(), whole);
    assert!(different.is_empty(), "ended otherwise: {}", different.join("\n"));
    finished
}

/// One sentence says why a job failed; before it at most some warnings of what is derived.
fn assert_clear(finished: &Finished) {
    let lines: Vec<&str> = finished.stderr.lines().filter(|line| !line.is_empty()).collect();
    let are_sentences = lines.iter().all(|line| line.starts_with("eidetic: "));
    let says_why = lines
        .last()
        .is_some_and(|last| last.contains("No space left") && last.contains("free some space"));
    assert!(are_sentences && lines.len() <= MAX_LINES, "{finished:?}");
    assert!(finished.code != Some(3) || says_why, "{finished:?}");
}

/// Runs it to its end; a watch for a while.
fn ended(place: &Place, job: &Job) -> Finished {
    let mut child = job.start(place, Log::Usual);
    let code = if job.name == "watch" {
        stop_watch(place, &mut child.0)
    } else {
        child.0.wait().unwrap().code()
    };
    let read = |name| std::fs::read_to_string(place.log(name)).unwrap();
    Finished {
        code,
        stdout: read("stdout"),
        stderr: read("stderr"),
    }
}

/// Waits until it has made the round of the changes, or ended by itself.
fn stop_watch(place: &Place, child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    let rounds = || {
        std::fs::read_to_string(place.log("stdout"))
            .unwrap()
            .lines()
            .count()
    };
    while rounds() < 2 && start.elapsed() < WATCH_TIME {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        thread::sleep(Duration::from_millis(50));
    }
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    child.wait().unwrap().code()
}

/// The exit code and what was said, without numbers of this run.
fn outcome(finished: &Finished) -> String {
    let said = finished.stderr.lines().last().unwrap_or_default();
    let code = finished.code.unwrap_or(-1);
    let digits = |c: char| !c.is_ascii_digit();
    format!(
        "code {code}: {}",
        said.chars().filter(|&c| digits(c)).collect::<String>()
    )
}
