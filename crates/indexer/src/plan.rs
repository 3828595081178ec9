//! Merges the sorted walk with the catalog's sorted file records to find the files to decode and the deleted
//! ones.

use std::collections::HashSet;
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use eidetic_catalog::{Catalog, CatalogError, FileRecord, FileState};
use eidetic_domain::ImageId;

use crate::CancelToken;
use crate::deleted::DeletedPaths;
use crate::progress::Progress;
use crate::sources::{SourceRoot, normalize};
use crate::walk::{Walk, WalkError, WalkMode, WalkedFile, is_worth_reporting, walk};

/// A file to read.
#[derive(Debug)]
pub struct DecodeTask {
    pub path: PathBuf,
    /// The image that it held when it was last read.
    pub previous: Option<ImageId>,
}

/// What the walk found besides files to read.
#[derive(Default)]
pub struct WalkFindings {
    /// Paths that the catalog knows and the walk did not find.
    pub deleted: DeletedPaths,
    /// Paths that could not be read: whether files at or below them were deleted is unknown.
    pub unreadable: HashSet<PathBuf>,
}

type Records<'a> = Peekable<Box<dyn Iterator<Item = Result<FileRecord, CatalogError>> + 'a>>;

/// Files in one message of the walking thread, and messages that it may be ahead.
const WALK_BATCH: usize = 256;
const BATCHES_AHEAD: usize = 16;

type WalkBatch = Vec<Result<WalkedFile, WalkError>>;

/// Walks to the end, or until the receiver is gone.
fn send_in_batches(mut files: Walk, batches: &Sender<WalkBatch>) {
    loop {
        let batch: WalkBatch = files.by_ref().take(WALK_BATCH).collect();
        if batch.is_empty() || batches.send(batch).is_err() {
            return;
        }
    }
}

/// Plans one run.
pub struct Planner<'a> {
    pub catalog: &'a dyn Catalog,
    pub progress: &'a Progress<'a>,
    pub cancel: &'a CancelToken,
    pub tasks: Sender<DecodeTask>,
    /// Called once, when the decoders no longer keep up.
    pub on_backpressure: Option<Box<dyn FnOnce() + Send + 'a>>,
    /// Number of files found so far.
    pub files: u64,
    pub findings: WalkFindings,
}

impl Planner<'_> {
    /// Plans all sources. The findings are complete unless the run was cancelled.
    pub fn run(mut self, roots: &[SourceRoot]) -> Result<WalkFindings, CatalogError> {
        for root in roots {
            if self.plan(root)?.is_break() {
                return Ok(self.findings);
            }
        }
        self.progress.total(self.files);
        Ok(self.findings)
    }

    /// The walk has its own thread, so that it waits for the disk while records are compared.
    fn plan(&mut self, root: &SourceRoot) -> Result<ControlFlow<()>, CatalogError> {
        let (batches, to_compare) = bounded(BATCHES_AHEAD);
        let files = walk(&root.path, root.excluded.clone(), WalkMode::Stat);
        thread::scope(|scope| {
            scope.spawn(move || send_in_batches(files, &batches));
            self.compare(root, to_compare)
        })
    }

    fn compare(
        &mut self,
        root: &SourceRoot,
        batches: Receiver<WalkBatch>,
    ) -> Result<ControlFlow<()>, CatalogError> {
        let mut records: Records<'_> = self.catalog.files_under(&root.path).peekable();
        for file in batches.into_iter().flatten() {
            if self.cancel.is_cancelled() {
                return Ok(ControlFlow::Break(()));
            }
            match file {
                Ok(file) => {
                    if self.file(&file, &mut records, root)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) => self.unreadable(error),
            }
        }
        for record in records {
            self.deleted(&record?.path, root);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn file(
        &mut self,
        file: &WalkedFile,
        records: &mut Records<'_>,
        root: &SourceRoot,
    ) -> Result<ControlFlow<()>, CatalogError> {
        self.files += 1;
        self.progress.discovered(self.files);
        match self.advance_to(&file.path, records, root)? {
            Some(record) if Some(record.stamp) == file.stamp => {
                self.unchanged(record);
                Ok(ControlFlow::Continue(()))
            }
            // A file without a stamp was deleted or locked since its folder was listed; reading it shows
            // which.
            record => Ok(self.send(&file.path, record.as_ref())),
        }
    }

    /// Records the files before `path` as deleted and returns the record of `path`.
    fn advance_to(
        &mut self,
        path: &Path,
        records: &mut Records<'_>,
        root: &SourceRoot,
    ) -> Result<Option<FileRecord>, CatalogError> {
        let is_not_after =
            |next: &Result<FileRecord, _>| next.as_ref().map_or(true, |record| record.path <= path);
        while let Some(record) = records.next_if(is_not_after) {
            let record = record?;
            if record.path == path {
                return Ok(Some(record));
            }
            self.deleted(&record.path, root);
        }
        Ok(None)
    }

    fn unchanged(&self, record: FileRecord) {
        match record.state {
            FileState::Indexed(_) => self.progress.file_unchanged(),
            FileState::Failed(reason) => self.progress.file_failed(&record.path, reason),
            FileState::NotImage => self.progress.file_skipped(),
        }
    }

    fn deleted(&mut self, path: &Path, root: &SourceRoot) {
        if !root.excluded.iter().any(|excluded| path.starts_with(excluded)) {
            self.findings.deleted.push(path);
        }
    }

    fn unreadable(&mut self, error: WalkError) {
        let path = normalize(&error.path);
        if is_worth_reporting(&path) {
            self.progress.path_failed(&path, error.reason);
        }
        self.findings.unreadable.insert(path);
    }

    fn send(&mut self, path: &Path, record: Option<&FileRecord>) -> ControlFlow<()> {
        let previous = match record.map(|record| &record.state) {
            Some(FileState::Indexed(image)) => Some(*image),
            _ => None,
        };
        let task = DecodeTask {
            path: path.into(),
            previous,
        };
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
