//! Jobs on disk: one file each, so that a damaged one loses no other.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::job::{Job, JobOutcome};
use super::request::JobRequest;
use crate::responses::{JobResponse, JobState};

/// The folder in a library.
const FOLDER: &str = "jobs";
/// The format version that this program writes and reads.
const FORMAT: u32 = 1;
/// Results that are larger are left out: a screening of a million images is only kept by the server that ran it.
const MAX_RESULT_BYTES: usize = 1 << 20;

/// The jobs of a library on disk.
#[derive(Debug, Clone)]
pub(crate) struct JobStore {
    folder: PathBuf,
}

/// A job on disk.
#[derive(Debug, Serialize, Deserialize)]
struct StoredJob {
    format: u32,
    attempts: u32,
    request: JobRequest,
    job: JobResponse,
}

impl JobStore {
    /// The jobs of the library in `directory`.
    pub(crate) fn of_library(directory: &Path) -> Self {
        Self {
            folder: directory.join(FOLDER),
        }
    }

    /// All jobs, the oldest first. What cannot be read is left out and logged.
    pub(crate) fn read(&self) -> Vec<Job> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!("{}: {error}", self.folder.display());
                }
                return Vec::new();
            }
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let read = files.filter_map(|path| match read_job(&path) {
            Ok(job) => Some(job),
            Err(reason) => {
                tracing::warn!("{}: the job is left out: {reason}", path.display());
                None
            }
        });
        let mut jobs: Vec<Job> = read.collect();
        jobs.sort_by_key(Job::number);
        jobs
    }

    /// Writes a job as it is now; a failure is only logged, since the job itself does not need the file.
    pub(super) fn write(&self, job: &Job) {
        self.write_as(job, job.response());
    }

    /// Writes how a job ends.
    pub(super) fn write_outcome(&self, job: &Job, outcome: &JobOutcome) {
        self.write_as(job, job.response_with(outcome));
    }

    fn write_as(&self, job: &Job, response: JobResponse) {
        if let Err(error) = self.try_write(job, response) {
            tracing::warn!("{}: {error}", self.file(job).display());
        }
    }

    fn try_write(&self, job: &Job, mut response: JobResponse) -> io::Result<()> {
        // The end of the server stopped it, and the next one goes on with it.
        let is_interrupted = response.state == JobState::Cancelled && !job.is_unwanted();
        if is_interrupted {
            response.state = JobState::Queued;
        }
        response.rate = None;
        response.seconds_left = None;
        let has_ended = response.state.has_ended();
        let mut stored = StoredJob {
            format: FORMAT,
            attempts: job.attempts() - u32::from(is_interrupted),
            request: job.request().clone(),
            job: response,
        };
        let mut text = serde_json::to_vec(&stored)?;
        if has_ended && text.len() > MAX_RESULT_BYTES {
            let _ = stored.job.take_reports();
            stored.request = stored.request.without_content();
            text = serde_json::to_vec(&stored)?;
        }
        fs::create_dir_all(&self.folder)?;
        eidetic_atomic_file::write(&self.file(job), &text)?;
        if has_ended {
            remove(&self.upload_path(job))?;
        }
        Ok(())
    }

    /// Keeps what was uploaded for a job until it ends.
    pub(super) fn keep_upload(&self, job: &Job, upload: &mut File) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        eidetic_atomic_file::write_with(&self.upload_path(job), |file| io::copy(upload, file).map(drop))
    }

    /// What was uploaded for a job.
    pub(super) fn open_upload(&self, job: &Job) -> io::Result<File> {
        File::open(self.upload_path(job))
    }

    /// Forgets a job.
    pub(crate) fn remove(&self, job: &Job) {
        for path in [self.file(job), self.upload_path(job)] {
            if let Err(error) = remove(&path) {
                tracing::warn!("{}: {error}", path.display());
            }
        }
    }

    fn file(&self, job: &Job) -> PathBuf {
        self.folder.join(format!("{}.json", job.number()))
    }

    fn upload_path(&self, job: &Job) -> PathBuf {
        self.folder.join(format!("{}.upload", job.number()))
    }
}

fn read_job(path: &Path) -> Result<Job, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let stored: StoredJob = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if stored.format != FORMAT {
        return Err(format!("its format {} is unknown", stored.format));
    }
    let name = path.file_stem().and_then(|stem| stem.to_str());
    if name != Some(stored.job.job.as_str()) {
        return Err("its name is that of another job".into());
    }
    Job::restored(stored.request, stored.attempts, stored.job).ok_or_else(|| "its id is no number".into())
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
