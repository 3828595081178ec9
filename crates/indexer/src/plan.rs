//! Merges the sorted walk with the catalog's sorted file records to find the files to decode and the deleted
//! ones.

use std::collections::HashSet;
use std::io;
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use eidetic_catalog::{Catalog, CatalogError, FileRecord, FileStamp, FileState};
use eidetic_domain::ImageId;

use crate::details::DetailsTask;
use crate::findings::{SourceFindings, WalkFindings};
use crate::progress::Progress;
use crate::side_cars::{SideCar, fingerprint};
use crate::sources::{SourceRoot, normalize};
use crate::stamp::Stamper;
use crate::walk::{
    Walk, WalkError, WalkMode, WalkOptions, WalkSummary, WalkedFile, is_worth_reporting, walk,
};
use crate::{CancelToken, IndexerOptions, Reading};

/// A file to read.
#[derive(Debug)]
pub struct DecodeTask {
    pub path: PathBuf,
    /// The image that it held when it was last read.
    pub previous: Option<ImageId>,
    /// What to do where it holds an image that was removed.
    pub returning: Returning,
    pub side_cars: Vec<SideCar>,
}

/// What to do with an image that was removed and whose record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returning {
    /// Make its vector live again.
    Restore,
    /// Embed it like a new one, since it has no vector.
    Embed,
}

/// What is to be done with a file.
#[derive(Debug)]
pub enum PlannedFile {
    Read(DecodeTask),
    /// Only its record changes.
    Restamp(FileRecord),
    /// Only the details of its image are read again.
    Describe(Box<DetailsTask>),
}

type Records<'a> = Peekable<Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + 'a>>;

/// Files in one message of the walking thread, and messages that it may be ahead.
const WALK_BATCH: usize = 256;
const BATCHES_AHEAD: usize = 16;

type WalkBatch = Vec<Result<WalkedFile, WalkError>>;

/// Walks to the end, or until the receiver is gone.
fn send_in_batches(mut files: Walk, batches: &Sender<WalkBatch>) -> WalkSummary {
    loop {
        let batch: WalkBatch = files.by_ref().take(WALK_BATCH).collect();
        if batch.is_empty() || batches.send(batch).is_err() {
            return files.summary();
        }
    }
}

/// Plans one run.
pub struct Planner<'a> {
    pub catalog: &'a dyn Catalog,
    pub options: &'a IndexerOptions,
    pub stamper: Stamper,
    pub progress: &'a Progress<'a>,
    pub cancel: &'a CancelToken,
    pub tasks: Sender<PlannedFile>,
    /// Called once, when the decoders no longer keep up.
    pub on_backpressure: Option<Box<dyn FnOnce() + Send + 'a>>,
    /// Number of files found so far.
    pub files: u64,
    /// Paths that could not be read: whether files at or below them were deleted is unknown.
    pub unreadable: HashSet<PathBuf>,
}

impl Planner<'_> {
    /// Plans all sources. The findings are complete unless the run was cancelled.
    pub fn run(mut self, roots: &[SourceRoot]) -> Result<WalkFindings, CatalogError> {
        let mut sources = Vec::with_capacity(roots.len());
        for root in roots {
            let mut found = SourceFindings::new(&root.path, &self.options.known_mounts);
            let planned = self.plan(root, &mut found)?;
            sources.push(found);
            if planned.is_break() {
                break;
            }
        }
        if sources.len() == roots.len() {
            self.progress.total(self.files);
        }
        Ok(WalkFindings {
            sources,
            unreadable: self.unreadable,
        })
    }

    /// The walk has its own thread, so that it waits for the disk while records are compared.
    fn plan(
        &mut self,
        root: &SourceRoot,
        found: &mut SourceFindings,
    ) -> Result<ControlFlow<()>, CatalogError> {
        let (batches, to_compare) = bounded(BATCHES_AHEAD);
        let options = WalkOptions {
            excluded: root.excluded.clone(),
            mode: WalkMode::Stat,
            links: self.options.links,
            stamper: self.stamper.clone(),
        };
        let files = walk(&root.path, options);
        thread::scope(|scope| {
            let walking = scope.spawn(move || send_in_batches(files, &batches));
            let compared = self.compare(root, to_compare, found)?;
            found.walk = walking
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok(compared)
        })
    }

    fn compare(
        &mut self,
        root: &SourceRoot,
        batches: Receiver<WalkBatch>,
        found: &mut SourceFindings,
    ) -> Result<ControlFlow<()>, CatalogError> {
        let mut records: Records<'_> = self.catalog.files_under(&root.path).peekable();
        for file in batches.into_iter().flatten() {
            if self.cancel.is_cancelled() {
                return Ok(ControlFlow::Break(()));
            }
            match file {
                Ok(file) => {
                    let record = advance_to(&file.path, &mut records, root, found)?;
                    if self.file(file, record).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) => self.unreadable(error, found),
            }
        }
        for record in records {
            deleted(&record?, root, found);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn file(&mut self, file: WalkedFile, record: Option<FileRecord>) -> ControlFlow<()> {
        self.files += 1;
        self.progress.discovered(self.files);
        let is_unchanged = |record: &FileRecord| file.stamp.is_some_and(|stamp| record.stamp.matches(&stamp));
        match record {
            Some(record)
                if self.options.reading == Reading::Changed
                    && is_unchanged(&record)
                    && !may_be_read_now(&record, &file) =>
            {
                self.unchanged(file, record)
            }
            // A file without a stamp was deleted or locked since its folder was listed; reading it shows
            // which.
            record => self.send(PlannedFile::Read(DecodeTask {
                path: file.path,
                previous: record.and_then(|record| match record.state {
                    FileState::Indexed(image) => Some(image),
                    _ => None,
                }),
                returning: Returning::Restore,
                side_cars: file.side_cars,
            })),
        }
    }

    /// Counts the file. A record of an earlier version, which knew less, is replaced.
    fn unchanged(&mut self, file: WalkedFile, record: FileRecord) -> ControlFlow<()> {
        let FileRecord { path, stamp, state } = record;
        if let (FileState::Indexed(image), Some(now)) = (&state, file.stamp)
            && stamp.side_cars != Some(fingerprint(&file.side_cars))
        {
            return self.send(PlannedFile::Describe(Box::new(DetailsTask {
                image: *image,
                file: FileRecord {
                    path,
                    stamp: now,
                    state,
                },
                side_cars: file.side_cars,
            })));
        }
        match &state {
            FileState::Indexed(_) => self.progress.file_unchanged(),
            FileState::Failed(reason) => self.progress.file_failed(&path, reason.clone()),
            FileState::NotImage => self.progress.file_skipped(),
            FileState::Unsupported(reason) => self.progress.file_unsupported(reason),
        }
        match file.stamp {
            Some(now) if stamp.changed_ns.is_none() && now.changed_ns.is_some() => {
                let stamp = FileStamp {
                    side_cars: stamp.side_cars,
                    ..now
                };
                self.send(PlannedFile::Restamp(FileRecord { path, stamp, state }))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn unreadable(&mut self, error: WalkError, found: &mut SourceFindings) {
        let path = normalize(&error.path);
        if path == found.path {
            let accepted = self.options.accepted.contains(&path) && error.kind == io::ErrorKind::NotFound;
            found.error = Some(error.reason);
            if accepted {
                return;
            }
        } else if is_worth_reporting(&path) {
            self.progress.path_failed(&path, error.reason);
        }
        self.unreadable.insert(path);
    }

    fn send(&mut self, task: PlannedFile) -> ControlFlow<()> {
        let is_sent = match self.tasks.try_send(task) {
            Err(TrySendError::Full(task)) => {
                if let Some(start) = self.on_backpressure.take() {
                    start();
                }
                self.tasks.send(task).is_ok()
            }
            other => other.is_ok(),
        };
        if is_sent {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

/// Records the files before `path` as deleted and returns the record of `path`.
fn advance_to(
    path: &Path,
    records: &mut Records<'_>,
    root: &SourceRoot,
    found: &mut SourceFindings,
) -> Result<Option<FileRecord>, CatalogError> {
    let is_not_after =
        |next: &Result<FileRecord, _>| next.as_ref().map_or(true, |record| record.path <= path);
    while let Some(record) = records.next_if(is_not_after) {
        let record = record?;
        if record.path == path {
            found.known(&record);
            return Ok(Some(record));
        }
        deleted(&record, root, found);
    }
    Ok(None)
}

/// Whether a file that could not be read was looked at by another version, which may have read fewer kinds.
fn may_be_read_now(record: &FileRecord, file: &WalkedFile) -> bool {
    match record.state {
        FileState::Failed(_) | FileState::Unsupported(_) => {
            record.stamp.side_cars != Some(fingerprint(&file.side_cars))
        }
        FileState::Indexed(_) | FileState::NotImage => false,
    }
}

fn deleted(record: &FileRecord, root: &SourceRoot, found: &mut SourceFindings) {
    let path = &record.path;
    // A source may lie within an excluded folder.
    let is_within = |excluded: &PathBuf| excluded.starts_with(&root.path) && path.starts_with(excluded);
    if !root.excluded.iter().any(is_within) {
        found.known(record);
        found.deleted(record);
    }
}
