//! Looks into files that hold pictures: archives, documents, paged images, videos.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use eidetic_catalog::{FileRecord, FileStamp, FileState};
use eidetic_containers::{ContainerError, FoundPart, PartProblem};
use eidetic_domain::{ContainerKind, PartPath};
use eidetic_vectors::VectorIndex;

use super::{Decoders, ExpandedFile, FileOutcome, FoundImage, failed, record, unreadable};
use crate::IndexingError;
use crate::plan::{DecodeTask, Returning};
use crate::side_cars::SideCar;
use crate::stamp::untrusted;

/// Receives the outcomes of a file; stops by [`ControlFlow::Break`].
pub type SendOutcome<'a> = &'a mut dyn FnMut(FileOutcome) -> ControlFlow<()>;

/// A file that is being looked into.
struct Container<'a> {
    file: FileRecord,
    kind: ContainerKind,
    modified_ns: i64,
    /// Of the file.
    side_cars: &'a [SideCar],
}

impl<V: VectorIndex + ?Sized> Decoders<'_, V> {
    /// The kind of a file that is looked into.
    pub fn container_kind(&self, path: &Path) -> Option<ContainerKind> {
        self.options.contents.kind(path)
    }

    /// Reads a file and the pictures inside it. The outcome of the file itself is sent last, since its record says that
    /// the pictures inside are known.
    pub fn decode_container(
        &self,
        task: DecodeTask,
        kind: ContainerKind,
        send: SendOutcome<'_>,
    ) -> Result<(), IndexingError> {
        let (path, side_cars) = (task.path.clone(), task.side_cars.clone());
        let mut outcome = self.decode_file(task)?;
        let mut parts = Vec::new();
        let mut was_read = !matches!(outcome, FileOutcome::Unreadable { .. });
        // A file that holds something else than its name says, such as an image, is not looked into.
        let is_inside = |outcome: &FileOutcome| match kind {
            ContainerKind::PagedImage => true,
            _ => matches!(outcome, FileOutcome::NotImage(_)),
        };
        if is_inside(&outcome)
            && let Some(file) = outcome.record().cloned()
        {
            let container = Container {
                modified_ns: self.modified_ns(&path),
                file,
                kind,
                side_cars: &side_cars,
            };
            match self.send_parts(&container, &mut parts, send)? {
                Ok(()) => {}
                Err(ContainerError::Io(error)) => {
                    was_read = false;
                    outcome = unreadable(path.clone(), &error);
                }
                // The pages of an image are decoded like its first one, which says what is wrong.
                Err(_) if kind == ContainerKind::PagedImage => {}
                Err(error) => outcome = failed(path.clone(), container.file.stamp, error.to_string(), None),
            }
            self.distrust_if_changed(&mut outcome);
        }
        let _ = send(FileOutcome::Expanded(Box::new(ExpandedFile {
            outcome,
            path,
            parts,
            was_read,
        })));
        Ok(())
    }

    /// Sends the outcomes of all pictures in a file, and lists their paths.
    fn send_parts(
        &self,
        container: &Container<'_>,
        parts: &mut Vec<PathBuf>,
        send: SendOutcome<'_>,
    ) -> Result<Result<(), ContainerError>, IndexingError> {
        let is_read_whole = matches!(
            container.kind,
            ContainerKind::Document | ContainerKind::PagedImage
        );
        let size = container.file.stamp.size.min(self.options.limits.file_bytes);
        let _permit = is_read_whole.then(|| self.file_memory.acquire(size));
        let mut error = None;
        let mut each = |part: FoundPart| {
            let path = PartPath::new(&container.file.path, part.name.as_str()).path();
            parts.push(path.clone());
            match self.part_outcome(container, path, part) {
                Ok(outcome) => {
                    if send(FileOutcome::PartFound).is_break() {
                        return ControlFlow::Break(());
                    }
                    send(outcome)
                }
                Err(failure) => {
                    error = Some(failure);
                    ControlFlow::Break(())
                }
            }
        };
        let read = self
            .containers
            .for_each_part(&container.file.path, container.kind, &mut each);
        error.map_or(Ok(read), Err)
    }

    fn part_outcome(
        &self,
        container: &Container<'_>,
        path: PathBuf,
        part: FoundPart,
    ) -> Result<FileOutcome, IndexingError> {
        let stamp = FileStamp {
            side_cars: None,
            ..container.file.stamp
        };
        let image = match part.content {
            Ok(image) => image,
            Err(PartProblem::Failed(reason)) => return Ok(failed(path, stamp, reason, None)),
            Err(PartProblem::Unsupported(reason)) => {
                let file = record(path, stamp, FileState::Unsupported(reason.into()));
                return Ok(FileOutcome::Unsupported(file, reason));
            }
        };
        let previous = match self.indexer.catalog.file(&path)?.map(|file| file.state) {
            Some(FileState::Indexed(image)) => Some(image),
            _ => None,
        };
        // What is said of an archive is not said of its members.
        let side_cars = match container.kind {
            ContainerKind::Archive => Vec::new(),
            _ => container.side_cars.to_vec(),
        };
        self.decode_image_of(FoundImage {
            task: DecodeTask {
                path,
                previous,
                returning: Returning::Restore,
                side_cars,
            },
            stamp,
            modified_ns: container.modified_ns,
            image,
        })
    }

    /// As the file system has it now.
    fn modified_ns(&self, path: &Path) -> i64 {
        let metadata = fs::metadata(path);
        metadata.map_or(i64::MIN, |metadata| self.stamper.stamp(&metadata).modified_ns)
    }

    /// A file that changed while it was looked into is read again by the next run.
    fn distrust_if_changed(&self, outcome: &mut FileOutcome) {
        let Some(file) = outcome.record_mut() else {
            return;
        };
        let now = fs::metadata(&file.path).map(|metadata| self.stamper.stamp(&metadata));
        if !now.is_ok_and(|now| file.stamp.matches(&now)) {
            file.stamp = untrusted(file.stamp);
        }
    }
}

impl FileOutcome {
    /// The record of the file, where it has one.
    fn record(&self) -> Option<&FileRecord> {
        match self {
            Self::Image(image) => Some(&image.file),
            Self::Known(known) | Self::Returned(known) => Some(&known.file),
            Self::Restamped(file)
            | Self::NotImage(file)
            | Self::Unsupported(file, _)
            | Self::Failed { file, .. } => Some(file),
            Self::Described(described) => Some(&described.file),
            Self::Undescribed
            | Self::Unreadable { .. }
            | Self::Deleted
            | Self::PartFound
            | Self::Expanded(_) => None,
        }
    }

    fn record_mut(&mut self) -> Option<&mut FileRecord> {
        match self {
            Self::Image(image) => Some(&mut image.file),
            Self::Known(known) | Self::Returned(known) => Some(&mut known.file),
            Self::NotImage(file) | Self::Failed { file, .. } => Some(file),
            _ => None,
        }
    }
}
