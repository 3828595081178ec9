//! kill -9 at random moments of every job.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use eidetic_domain::SplitMix64;
use serde_json::Value;

use crate::jobs::{self, Job, Left, Log, committed};
use crate::place::{Place, caught, differences};
use crate::readers::Reader;

/// Kills of a run of the suite; `EIDETIC_KILLS` asks for more, `EIDETIC_JOB` for those of one job.
const KILLS: usize = 12;
/// How long a watch is left to run, of which most is waiting for files to rest.
const WATCH_TIME: Duration = Duration::from_secs(8);

/// A job that ran undisturbed.
struct Undisturbed {
    job: Job,
    time: Duration,
    state: Value,
}

impl Undisturbed {
    fn run(place: &Place, job: Job) -> Self {
        job.reset(place);
        let start = Instant::now();
        let mut time = WATCH_TIME;
        if job.name != "watch" {
            let mut child = job.start(place, Log::Commits);
            let status = child.0.wait().unwrap();
            assert!(status.success(), "{}: {status:?}", job.name);
            time = start.elapsed();
        }
        // Once more, so that both ways have run the command twice.
        job.complete(place).assert_code(0);
        let state = place.state();
        Self { job, time, state }
    }
}

#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    /// Commands that had ended before they were killed.
    ended: usize,
    committed: u64,
    answers: u64,
}

#[test]
fn killed_jobs_lose_nothing_and_complete() {
    let setting = |name: &str| std::env::var(name).ok();
    let kills = setting("EIDETIC_KILLS")
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS);
    let seed = setting("EIDETIC_SEED").and_then(|n| n.parse().ok()).unwrap_or(1);
    println!("{kills} kills, seed {seed}");
    let place = Place::new();
    let chosen = setting("EIDETIC_JOB");
    let is_chosen = |job: &Job| chosen.as_deref().is_none_or(|name| name == job.name);
    let jobs = jobs::all().into_iter().filter(is_chosen);
    let jobs: Vec<Undisturbed> = jobs.map(|job| Undisturbed::run(&place, job)).collect();
    assert!(!jobs.is_empty(), "no job is named {chosen:?}");
    let mut random = SplitMix64::new(seed);
    let mut faults = Vec::new();
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for number in 0..kills {
        let job = &jobs[number % jobs.len()];
        // A little longer than it takes, since a machine is not always as fast.
        let share = random.below(1_100) as f64 / 1_000.0;
        let delay = job.time.mul_f64(share);
        println!("kill {number}: {} after {delay:?}", job.job.name);
        let what = format!("kill {number}, of {} after {delay:?}", job.job.name);
        let counts = counts.entry(job.job.name).or_default();
        faults.extend(caught(&what, || kill(&place, job, delay, counts)).err());
    }
    for (name, counts) in &counts {
        println!("{name}: {counts:?}");
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    let committed: u64 = counts.values().map(|counts| counts.committed).sum();
    assert!(
        kills < KILLS || chosen.is_some() || committed > 0,
        "no commit was reported before a kill"
    );
}

fn kill(place: &Place, undisturbed: &Undisturbed, delay: Duration, counts: &mut Counts) {
    let job = &undisturbed.job;
    job.reset(place);
    let before = place.known();
    let reader = Reader::start(place);
    let mut child = job.start(place, Log::Commits);
    std::thread::sleep(delay);
    if let Some(status) = child.0.try_wait().unwrap() {
        let said = std::fs::read_to_string(place.log("stderr")).unwrap();
        assert!(status.success(), "{} failed beside readers: {said}", job.name);
        counts.ended += 1;
    }
    drop(child);
    let committed = committed(place);
    let now = place.known();
    let seen = reader.stop();
    assert_eq!(seen.faults, Vec::<String>::new(), "{}", job.name);
    job.verify(
        place,
        &Left {
            before,
            now,
            committed,
        },
    );
    place.state();
    job.complete(place).assert_code(0);
    let different = differences(&place.state(), &undisturbed.state);
    assert!(
        different.is_empty(),
        "{} ended otherwise: {}",
        job.name,
        different.join("\n")
    );
    counts.kills += 1;
    counts.committed += committed;
    counts.answers += seen.answers;
}
