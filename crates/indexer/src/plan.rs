//! Merges the sorted walk with the catalog's sorted file records to find the files to decode and the deleted
//! ones.

use std::collections::{HashMap, HashSet};
use std::io;
use std::iter::Peekable;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use eidetic_catalog::{Catalog, CatalogError, FileRecord, FileStamp, FileState};
use eidetic_domain::{ContainerKind, ImageId, PartPath};

use crate::details::DetailsTask;
use crate::findings::{SourceFindings, WalkFindings};
use crate::mounts::MountTable;
use crate::progress::Progress;
use crate::side_cars::{SideCar, fingerprint};
use crate::sources::{SourceRoot, normalize};
use crate::stamp::Stamper;
use crate::walk::{
    Walk, WalkError, WalkMode, WalkOptions, WalkSummary, WalkedFile, is_worth_reporting, walk,
};
use crate::watch::Clock;
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

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileReading {
    Nothing,
    Details,
    Whole,
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

/// What becomes of the pictures in a file that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartsFate {
    /// The file did not change.
    Unchanged,
    /// The file is read again, which shows which of them are still there.
    Pending,
}

/// Plans one run.
pub struct Planner<'a> {
    catalog: &'a dyn Catalog,
    options: &'a IndexerOptions,
    stamper: Stamper,
    progress: &'a Progress<'a>,
    cancel: &'a CancelToken,
    tasks: Sender<PlannedFile>,
    /// Called once, when the decoders no longer keep up.
    on_backpressure: Option<Box<dyn FnOnce() + Send + 'a>>,
    /// Number of files found so far.
    files: u64,
    /// Paths that could not be read: whether files at or below them were deleted is unknown.
    unreadable: HashSet<PathBuf>,
    /// The files seen so far that are looked into.
    containers: HashMap<PathBuf, PartsFate>,
    /// Number of videos that are passed over, since there is no `ffmpeg`.
    videos_passed_over: u64,
    /// Files that are still being written.
    unsettled: Vec<PathBuf>,
}

impl<'a> Planner<'a> {
    pub fn new(
        (catalog, options): (&'a dyn Catalog, &'a IndexerOptions),
        (progress, cancel): (&'a Progress<'a>, &'a CancelToken),
        tasks: Sender<PlannedFile>,
        on_backpressure: Box<dyn FnOnce() + Send + 'a>,
    ) -> Self {
        Self {
            catalog,
            options,
            stamper: Stamper::new(&MountTable::read()),
            progress,
            cancel,
            tasks,
            on_backpressure: Some(on_backpressure),
            files: 0,
            unreadable: HashSet::new(),
            containers: HashMap::new(),
            videos_passed_over: 0,
            unsettled: Vec::new(),
        }
    }
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
            videos_passed_over: self.videos_passed_over,
            unsettled: self.unsettled,
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
            scope: root.scope.clone(),
            on_folder: self.options.on_folder.clone(),
        };
        let files = walk(&root.path, options);
        thread::scope(|scope| {
            let walking = scope.spawn(move || send_in_batches(files, &batches));
            let compared = self.compare(root, to_compare, found)?;
            self.count_others(root, found)?;
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
        let ranges = root.scope.record_ranges(&root.path).into_iter();
        let records = ranges.flat_map(|folder| self.catalog.files_under(&folder));
        let mut records: Records<'_> = (Box::new(records) as Box<dyn Iterator<Item = _>>).peekable();
        for file in batches.into_iter().flatten() {
            if self.cancel.is_cancelled() {
                return Ok(ControlFlow::Break(()));
            }
            match file {
                Ok(file) => {
                    let record = self.advance_to(&file.path, &mut records, root, found)?;
                    if self.file(file, record).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) => self.unreadable(error, found),
            }
        }
        for record in records {
            self.missing(&record?, root, found);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Of a source that was looked at in part, counts all images where some are gone: the share of what is gone tells
    /// absence from deletion.
    fn count_others(&self, root: &SourceRoot, found: &mut SourceFindings) -> Result<(), CatalogError> {
        if root.scope.is_everything() || found.deleted.is_empty() {
            return Ok(());
        }
        found.parts.iter_mut().for_each(|part| part.known = 0);
        for record in self.catalog.files_under(&root.path) {
            let record = record?;
            if !is_excluded(&record.path, root) {
                found.known(&record);
            }
        }
        Ok(())
    }

    /// Looks at the records before `path` and returns the record of `path`.
    fn advance_to(
        &mut self,
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
            self.missing(&record, root, found);
        }
        Ok(None)
    }

    /// A record of which there is no file: a picture inside an unchanged file, or a file that was deleted. Pictures inside
    /// a file that is read again count as deleted until they are found.
    fn missing(&mut self, record: &FileRecord, root: &SourceRoot, found: &mut SourceFindings) {
        let part = PartPath::parse(&record.path);
        let fate = part.and_then(|part| self.containers.get(&part.file));
        if fate == Some(&PartsFate::Unchanged) {
            found.known(record);
            self.files += 1;
            self.report_unchanged(record);
        } else {
            deleted(record, root, found);
        }
    }

    fn file(&mut self, file: WalkedFile, record: Option<FileRecord>) -> ControlFlow<()> {
        self.files += 1;
        self.progress.discovered(self.files);
        let is_unchanged = |record: &FileRecord| file.stamp.is_some_and(|stamp| record.stamp.matches(&stamp));
        let marked = record
            .as_ref()
            .filter(|record| is_unchanged(record))
            .and_then(|record| mark_of(record, &file));
        let contents = &self.options.contents;
        let is_kept = marked.is_some_and(|mark| contents.keeps(&file.path, mark));
        let is_known = is_kept || marked == Some(contents.mark(&file.path));
        let reading = match &record {
            Some(record) if is_unchanged(record) && (is_kept || self.options.reading == Reading::Changed) => {
                if is_known {
                    FileReading::Nothing
                } else {
                    self.reading_of_outdated(record, &file.path)
                }
            }
            // A file without a stamp was deleted or locked since its folder was listed; reading it shows
            // which.
            _ => FileReading::Whole,
        };
        if reading == FileReading::Whole && !self.is_at_rest(&file) {
            return self.leave_unsettled(file, record.as_ref());
        }
        self.note_container(&file.path, reading, is_kept);
        match (record, reading) {
            (Some(record), FileReading::Nothing) => self.unchanged(&file, record),
            (Some(record), FileReading::Details) => self.describe(file, record),
            (record, _) => self.send(PlannedFile::Read(DecodeTask {
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

    /// Whether the file is no longer written, as far as can be told; always where the run does not ask.
    fn is_at_rest(&self, file: &WalkedFile) -> bool {
        match (&self.options.resting, &file.stamp) {
            (Some(resting), Some(stamp)) => resting.is_at_rest(&file.path, stamp, Clock::now()),
            _ => true,
        }
    }

    /// Leaves a file that is being written as it is known, with the pictures inside it.
    fn leave_unsettled(&mut self, file: WalkedFile, record: Option<&FileRecord>) -> ControlFlow<()> {
        if let Some(record) = record {
            self.report_unchanged(record);
            self.containers.insert(file.path.clone(), PartsFate::Unchanged);
        } else {
            self.progress.file_done();
        }
        self.unsettled.push(file.path);
        ControlFlow::Continue(())
    }

    /// How much of a file with an unchanged stamp is read, of which the side-cars changed, or an earlier version or other
    /// settings read less.
    fn reading_of_outdated(&self, record: &FileRecord, path: &Path) -> FileReading {
        match record.state {
            FileState::Failed(_) | FileState::Unsupported(_) => FileReading::Whole,
            FileState::NotImage if ContainerKind::of(path).is_some() => FileReading::Whole,
            FileState::NotImage => FileReading::Nothing,
            FileState::Indexed(_) if self.options.contents.kind(path).is_some() => FileReading::Whole,
            FileState::Indexed(_) => FileReading::Details,
        }
    }

    /// Remembers what becomes of the pictures in a file. They are kept where they cannot be read now.
    fn note_container(&mut self, path: &Path, reading: FileReading, is_kept: bool) {
        let contents = &self.options.contents;
        if contents.passes_over(path) && !is_kept {
            self.videos_passed_over += 1;
        }
        if contents.kind(path).is_some() || is_kept {
            let fate = match reading {
                FileReading::Nothing => PartsFate::Unchanged,
                FileReading::Details | FileReading::Whole => PartsFate::Pending,
            };
            self.containers.insert(path.to_owned(), fate);
        }
    }

    fn describe(&mut self, file: WalkedFile, record: FileRecord) -> ControlFlow<()> {
        let (FileState::Indexed(image), Some(stamp)) = (&record.state, file.stamp) else {
            return self.unchanged(&file, record);
        };
        self.send(PlannedFile::Describe(Box::new(DetailsTask {
            image: *image,
            file: FileRecord { stamp, ..record },
            side_cars: file.side_cars,
        })))
    }

    /// Counts the file. A record of an earlier version, which knew less, is replaced.
    fn unchanged(&mut self, file: &WalkedFile, record: FileRecord) -> ControlFlow<()> {
        self.report_unchanged(&record);
        let FileRecord { path, stamp, state } = record;
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

    fn report_unchanged(&self, record: &FileRecord) {
        match &record.state {
            FileState::Indexed(_) => self.progress.file_unchanged(),
            FileState::Failed(reason) => self.progress.file_failed(&record.path, reason.clone()),
            FileState::NotImage => self.progress.file_skipped(),
            FileState::Unsupported(reason) => self.progress.file_unsupported(reason),
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

/// What a record says of the pictures inside its file: 0 where it was not looked into, another number where it was and
/// where its side-cars changed, none where its side-cars are unknown.
fn mark_of(record: &FileRecord, file: &WalkedFile) -> Option<u64> {
    let known = record.stamp.side_cars?;
    Some(known ^ fingerprint(&file.side_cars))
}

fn deleted(record: &FileRecord, root: &SourceRoot, found: &mut SourceFindings) {
    if !is_excluded(&record.path, root) {
        found.known(record);
        found.deleted(record);
    }
}

/// Whether a path is in an excluded folder. A source may lie within one.
fn is_excluded(path: &Path, root: &SourceRoot) -> bool {
    let is_within = |excluded: &PathBuf| excluded.starts_with(&root.path) && path.starts_with(excluded);
    root.excluded.iter().any(is_within)
}
