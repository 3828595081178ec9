//! Jobs: long operations that run on threads of their own, one after another where they need the same thing.
//!
//! A [`JobRequest`] says what to do, as a client sent it. [`JobRequest::prepare`] checks it and makes a [`JobTask`] of it; the
//! [`JobQueue`] runs tasks in the order in which they came, at most one of each lane
//! ([`JobKind::lane`](crate::responses::JobKind::lane)) at a time. Requests are stored in the library ([`JobStore`]) until their
//! jobs end: a server that is stopped or killed goes on with them when it starts again.

mod job;
mod prepare;
mod queue;
mod rate;
mod request;
mod run;
mod store;
mod task;

use std::path::Path;

use crate::responses::{JobResponse, JobsResponse};

pub(crate) use job::Job;
pub(crate) use prepare::profile_to_screen;
pub(crate) use queue::JobQueue;
pub(crate) use request::{JobRequest, TextsParams};
pub(crate) use task::JobTask;

/// The jobs that servers left in the library in `directory`, which none serves now, the newest first. Those that had not ended
/// wait for the next server.
pub fn stored_jobs(directory: &Path) -> JobsResponse {
    let jobs = store::JobStore::of_library(directory).read();
    JobsResponse {
        jobs: jobs.iter().rev().map(Job::summary).collect(),
    }
}

/// Cancels a job that waits for the next server; `None` if there is no such job.
pub fn cancel_stored_job(directory: &Path, id: u64) -> Option<JobResponse> {
    let store = store::JobStore::of_library(directory);
    let job = store.read().into_iter().find(|job| job.id() == id.to_string())?;
    if !job.state().has_ended() {
        job.cancel();
        store.write(&job);
    }
    Some(job.summary())
}
