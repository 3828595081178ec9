//! What is to be done: the sorted walk merged with the sorted records of the catalog.

use std::collections::HashSet;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use eidetic_catalog::{Catalog, CatalogError, FileRecord, FileState};
use eidetic_domain::ImageId;

use crate::count::Ground;
use crate::tally::Tally;
use crate::vanished::Vanished;
use crate::walk::{File, Look, Obstacle, Walk, is_worth_reporting, walk};
use crate::{Cancel, sources};

/// A file to read.
#[derive(Debug)]
pub struct Job {
    pub path: PathBuf,
    /// The image that stood there when it was last read.
    pub previous: Option<ImageId>,
}

/// What the walk found out besides jobs.
#[derive(Default)]
pub struct Findings {
    /// Paths that the catalog knows and the walk did not meet.
    pub vanished: Vanished,
    /// Paths that could not be looked at: nothing at or below them has vanished.
    pub obstructed: HashSet<PathBuf>,
}

type Records<'a> = Peekable<Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + 'a>>;

/// Files that the walk hands on at once, and how often before they are compared.
const BATCH: usize = 256;
const BATCHES_AHEAD: usize = 16;

type Batch = Vec<Result<File, Obstacle>>;

/// Walks to the end, or until nobody listens any more.
fn send_in_batches(mut files: Walk, batches: &Sender<Batch>) {
    loop {
        let batch: Batch = files.by_ref().take(BATCH).collect();
        if batch.is_empty() || batches.send(batch).is_err() {
            return;
        }
    }
}

/// Plans one run.
pub struct Planner<'a> {
    pub catalog: &'a dyn Catalog,
    pub tally: &'a Tally<'a>,
    pub cancel: &'a Cancel,
    /// Where files to read go.
    pub jobs: Sender<Job>,
    /// Called once, when the readers no longer keep up.
    pub on_long_run: Option<Box<dyn FnOnce() + Send + 'a>>,
    pub files: u64,
    pub findings: Findings,
}

/// Whether planning goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

impl Planner<'_> {
    /// Plans all sources; what it finds besides jobs is complete unless the run was cancelled.
    pub fn run(mut self, grounds: &[Ground]) -> Result<Findings, CatalogError> {
        for (source, left_out) in grounds {
            if self.plan(source, left_out)? == Flow::Stop {
                return Ok(self.findings);
            }
        }
        self.tally.walked(self.files);
        Ok(self.findings)
    }

    /// The walk runs in a thread of its own, so that it waits for the disk while records are compared.
    fn plan(&mut self, source: &Path, left_out: &[PathBuf]) -> Result<Flow, CatalogError> {
        let (batches, met) = bounded(BATCHES_AHEAD);
        let files = walk(source, left_out.to_vec(), Look::Stamps);
        thread::scope(|scope| {
            scope.spawn(move || send_in_batches(files, &batches));
            self.compare(source, left_out, met)
        })
    }

    fn compare(
        &mut self,
        source: &Path,
        left_out: &[PathBuf],
        batches: Receiver<Batch>,
    ) -> Result<Flow, CatalogError> {
        let mut known: Records<'_> = self.catalog.files_under(source).peekable();
        for met in batches.into_iter().flatten() {
            if self.cancel.is_cancelled() {
                return Ok(Flow::Stop);
            }
            let flow = match met {
                Ok(file) => self.file(&file, &mut known, left_out)?,
                Err(obstacle) => {
                    self.obstructed(obstacle);
                    Flow::On
                }
            };
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        for record in known {
            self.vanished(&record?.path, left_out);
        }
        Ok(Flow::On)
    }

    fn file(
        &mut self,
        file: &File,
        known: &mut Records<'_>,
        left_out: &[PathBuf],
    ) -> Result<Flow, CatalogError> {
        self.files += 1;
        self.tally.discovered(self.files);
        match self.catch_up(&file.path, known, left_out)? {
            Some(record) if Some(record.stamp) == file.stamp => {
                self.unchanged(record);
                Ok(Flow::On)
            }
            // Without a stamp it is gone or shut since its folder was listed; reading it will tell which.
            record => Ok(self.send(&file.path, record.as_ref())),
        }
    }

    /// Takes the records before `path` for vanished and gives the record of `path`.
    fn catch_up(
        &mut self,
        path: &Path,
        known: &mut Records<'_>,
        left_out: &[PathBuf],
    ) -> Result<Option<FileRecord>, CatalogError> {
        let not_after =
            |next: &Result<FileRecord, _>| next.as_ref().map_or(true, |record| record.path <= path);
        while let Some(record) = known.next_if(not_after) {
            let record = record?;
            if record.path == path {
                return Ok(Some(record));
            }
            self.vanished(&record.path, left_out);
        }
        Ok(None)
    }

    fn unchanged(&self, record: FileRecord) {
        match record.state {
            FileState::Indexed(_) => self.tally.unchanged(),
            FileState::Failed(reason) => self.tally.failed_file(&record.path, reason),
            FileState::NotImage => self.tally.skipped(),
        }
    }

    fn vanished(&mut self, path: &Path, left_out: &[PathBuf]) {
        if !left_out.iter().any(|folder| path.starts_with(folder)) {
            self.findings.vanished.push(path);
        }
    }

    fn obstructed(&mut self, obstacle: Obstacle) {
        let path = sources::tidy(&obstacle.path);
        if is_worth_reporting(&path) {
            self.tally.failed(&path, obstacle.reason);
        }
        self.findings.obstructed.insert(path);
    }

    fn send(&mut self, path: &Path, record: Option<&FileRecord>) -> Flow {
        let previous = match record.map(|record| &record.state) {
            Some(FileState::Indexed(image)) => Some(*image),
            _ => None,
        };
        let job = Job {
            path: path.into(),
            previous,
        };
        let sent = match self.jobs.try_send(job) {
            Err(TrySendError::Full(job)) => {
                if let Some(start) = self.on_long_run.take() {
                    start();
                }
                self.jobs.send(job).is_ok()
            }
            other => other.is_ok(),
        };
        if sent { Flow::On } else { Flow::Stop }
    }
}
