//! `eidetic jobs`

use std::path::Path;
use std::time::Duration;

use eidetic_domain::counted;
use eidetic_library::Library;
use eidetic_server::responses::{JobKind, JobResponse, JobState, JobsResponse};
use eidetic_server::{cancel_stored_job, stored_jobs};
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use super::directory;
use crate::arguments::{Global, JobsArgs, JobsCommand};
use crate::failure::Failure;
use crate::remote::{self, RemoteServer};
use crate::{Completion, Outcome, output};

/// `eidetic jobs`
pub(crate) fn run(global: &Global, arguments: &JobsArgs) -> Result<Outcome, Failure> {
    let library = directory(global)?;
    let server = server_of(&library);
    match (arguments.command.as_ref().unwrap_or(&JobsCommand::List), server) {
        (JobsCommand::List, Some(server)) => list(global, &remote::jobs(&server)?),
        (JobsCommand::List, None) => {
            let jobs = stored_jobs(&library);
            list(global, &jobs)?;
            if jobs.jobs.iter().any(|job| job.state == JobState::Queued) {
                eprintln!("eidetic: no server runs; what waits starts with the next `eidetic serve`");
            }
            Ok(Outcome::Done)
        }
        (JobsCommand::Follow { job }, Some(server)) => follow(global, &server, *job),
        (JobsCommand::Follow { .. }, None) => Err(Failure::could_not_run(
            "no server runs on this library, and jobs run only in one; start it with `eidetic serve`",
        )),
        (JobsCommand::Cancel { job }, server) => cancel(global, &library, server, *job),
    }
}

/// The server that owns the library, if there is one.
fn server_of(library: &Path) -> Option<RemoteServer> {
    let owner = Library::owner(library)?;
    Some(RemoteServer::new(owner.address?, owner.process, library))
}

fn list(global: &Global, found: &JobsResponse) -> Result<Outcome, Failure> {
    if global.json {
        output::json(found)?;
        return Ok(Outcome::Done);
    }
    for job in &found.jobs {
        let subject = job.subject.as_deref().unwrap_or_default();
        let subject = output::path(Path::new(subject));
        let line = format!(
            "{:>4}  {:<10}  {}  {subject}",
            job.job,
            name(job.kind),
            state(job)
        );
        output::line(line.trim_end())?;
        if let Some(error) = &job.error {
            output::line(&format!("      {}", output::message(error)))?;
        }
    }
    if found.jobs.is_empty() {
        eprintln!("eidetic: no jobs");
    }
    Ok(Outcome::Done)
}

const fn name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Index => "index",
        JobKind::Switch => "switch",
        JobKind::Backfill => "backfill",
        JobKind::Texts => "texts",
        JobKind::Tag => "tag",
        JobKind::Screen => "screen",
        JobKind::Calibrate => "calibrate",
        JobKind::Duplicates => "duplicates",
        JobKind::Backup => "backup",
        JobKind::Map => "map",
    }
}

/// Such as `running, 1,204 of 50,000, 35 a second, 23 minutes left`.
fn state(job: &JobResponse) -> String {
    let mut parts = vec![match (job.state, &job.waits_for) {
        (JobState::Queued, Some(other)) => format!("waits for {other}"),
        (JobState::Queued, None) => "waits".into(),
        (JobState::Running, _) => "running".into(),
        (JobState::Done, _) => "done".into(),
        (JobState::Failed, _) => "failed".into(),
        (JobState::Cancelled, _) => "cancelled".into(),
    }];
    let number = |value: u64| match job.kind {
        JobKind::Backup => HumanBytes(value).to_string(),
        _ => HumanCount(value).to_string(),
    };
    match job.total {
        Some(total) if job.state == JobState::Running => {
            parts.push(format!("{} of {}", number(job.done), number(total)));
        }
        _ if job.done > 0 => parts.push(number(job.done)),
        _ => {}
    }
    if let Some(rate) = job.rate {
        parts.push(format!("{} a second", number(rate.round() as u64)));
    }
    if let Some(seconds) = job.seconds_left {
        // A job that hardly moves would take longer than any clock.
        let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        parts.push(format!("{} left", HumanDuration(left)));
    }
    if job.failures > 0 {
        parts.push(format!("{} failed", counted(job.failures, "file")));
    }
    if let (Some(start), Some(end)) = (job.started_ms, job.ended_ms) {
        let took = Duration::from_millis(u64::try_from(end - start).unwrap_or_default());
        parts.push(format!("in {}", HumanDuration(took)));
    }
    parts.join(", ")
}

fn follow(global: &Global, server: &RemoteServer, id: u64) -> Result<Outcome, Failure> {
    let (job, completion) = remote::watch_job(server, id)?;
    if global.json {
        output::json(&job)?;
    } else {
        output::line(&format!("job {id} {}", state(&job)))?;
    }
    Ok(match completion {
        Completion::Completed => Outcome::Done,
        Completion::Interrupted => Outcome::DoneWithFailures,
    })
}

fn cancel(
    global: &Global,
    library: &Path,
    server: Option<RemoteServer>,
    id: u64,
) -> Result<Outcome, Failure> {
    let job = match server {
        Some(server) => remote::cancel_job(&server, id)?,
        None => cancel_stored_job(library, id).ok_or_else(|| {
            Failure::could_not_run(format!(
                "no job {id} is known; `eidetic jobs` lists those that are"
            ))
        })?,
    };
    if global.json {
        output::json(&job)?;
    } else if job.state == JobState::Running {
        output::line(&format!("job {id} ends after its current batch"))?;
    } else {
        output::line(&format!("job {id} {}", state(&job)))?;
    }
    Ok(Outcome::Done)
}
