//! What the walk of the sources found, compared with the catalog.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use eidetic_catalog::{FileRecord, FileState};

use crate::deleted::DeletedPaths;
use crate::mounts::{KnownMount, MountId};
use crate::walk::WalkSummary;

/// What was found besides files to read.
#[derive(Default)]
pub struct WalkFindings {
    /// In the order in which they were walked.
    pub sources: Vec<SourceFindings>,
    /// Paths that could not be read: whether files at or below them were deleted is unknown.
    pub unreadable: HashSet<PathBuf>,
    /// Number of videos that were passed over, since there is no `ffmpeg`.
    pub videos_passed_over: u64,
    /// Files that were left out since they are still being written.
    pub unsettled: Vec<PathBuf>,
}

/// What was found in one source.
pub struct SourceFindings {
    pub path: PathBuf,
    /// Why the source itself could not be read.
    pub error: Option<String>,
    /// Paths that the catalog knows and the walk did not find.
    pub deleted: DeletedPaths,
    pub walk: WalkSummary,
    /// The source, and the folders below it in which another file system began before; outer ones first.
    pub parts: Vec<SourcePart>,
}

/// A part of a source that is in one file system.
pub struct SourcePart {
    pub path: PathBuf,
    /// The file system of the last run.
    pub mount: Option<MountId>,
    /// Files with an image that the catalog knows.
    pub known: u64,
    /// Those of them that the walk did not find.
    pub deleted: u64,
}

impl SourceFindings {
    pub fn new(path: &Path, known_mounts: &[KnownMount]) -> Self {
        let part = |path: &Path, mount| SourcePart {
            path: path.to_owned(),
            mount,
            known: 0,
            deleted: 0,
        };
        let mount_of_source = known_mounts.iter().find(|known| known.folder == path);
        let mut parts = vec![part(path, mount_of_source.map(|known| known.mount.clone()))];
        let below = known_mounts
            .iter()
            .filter(|known| known.folder != path && known.folder.starts_with(path));
        parts.extend(below.map(|known| part(&known.folder, Some(known.mount.clone()))));
        parts.sort_by(|left, right| left.path.cmp(&right.path));
        Self {
            path: path.to_owned(),
            error: None,
            deleted: DeletedPaths::default(),
            walk: WalkSummary::default(),
            parts,
        }
    }

    /// Index of the innermost part that a path is in.
    pub fn part_of(&self, path: &Path) -> usize {
        self.parts
            .iter()
            .rposition(|part| path.starts_with(&part.path))
            .unwrap_or_default()
    }

    /// Counts a record of the catalog.
    pub fn known(&mut self, record: &FileRecord) {
        if matches!(record.state, FileState::Indexed(_)) {
            let part = self.part_of(&record.path);
            self.parts[part].known += 1;
        }
    }

    /// Adds a record whose file the walk did not find.
    pub fn deleted(&mut self, record: &FileRecord) {
        if matches!(record.state, FileState::Indexed(_)) {
            let part = self.part_of(&record.path);
            self.parts[part].deleted += 1;
        }
        self.deleted.push(&record.path);
    }

    /// Number of files with an image that the catalog knows.
    pub fn images(&self) -> u64 {
        self.parts.iter().map(|part| part.known).sum()
    }
}
