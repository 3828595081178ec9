//! Tells sources whose disk is absent from sources whose files were deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, FileState};
use eidetic_containers::file_at;

use crate::IndexingError;
use crate::duplicates::DuplicateCounts;
use crate::findings::{SourceFindings, SourcePart};
use crate::mounts::{MountId, MountTable};
use eidetic_domain::counted;

/// The loss of images at once that is taken for the absence of a disk rather than for deletion. The loss of all
/// images of a source always is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemovalLimit {
    /// Share of the source's images, from 0 to 1.
    pub share: f64,
    /// Number of images; a smaller loss is never taken for absence.
    pub at_least: u64,
}

impl Default for RemovalLimit {
    /// More than a fifth, and at least 50.
    fn default() -> Self {
        Self {
            share: 0.2,
            at_least: 50,
        }
    }
}

impl RemovalLimit {
    fn is_exceeded(self, lost: u64, known: u64) -> bool {
        lost > 0 && (lost == known || (lost >= self.at_least && lost as f64 > self.share * known as f64))
    }
}

/// A source, or a part of one, that cannot be reached: its images are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreachableSource {
    /// The source, or the folder in it in which another file system begins.
    pub path: PathBuf,
    /// Why it counts as unreachable, for display.
    pub reason: String,
    /// Number of files with an image that are missing and kept.
    pub images: u64,
}

/// Decides for each part of a source whether it can be reached.
pub struct AbsenceCheck<'a> {
    pub catalog: &'a dyn Catalog,
    /// `None`: whatever is gone counts as deleted.
    pub limit: Option<RemovalLimit>,
    /// Sources and parts whose files that are gone count as deleted.
    pub accepted: &'a [PathBuf],
    /// Each new path accounts for one deleted path of the same image.
    pub duplicates: &'a DuplicateCounts,
    pub mounts: &'a MountTable,
}

impl AbsenceCheck<'_> {
    /// The unreachable parts of a source. `is_kept` selects paths that stay in any case.
    pub fn unreachable_parts(
        &self,
        source: &SourceFindings,
        is_kept: &dyn Fn(&Path) -> bool,
    ) -> Result<Vec<UnreachableSource>, IndexingError> {
        let is_accepted = |part: &SourcePart| {
            let mut accepted = self.accepted.iter();
            accepted.any(|path| part.path.starts_with(path))
        };
        if let Some(reason) = &source.error {
            let missing = UnreachableSource {
                path: source.path.clone(),
                reason: reason.clone(),
                images: source.images(),
            };
            let is_removed = self.accepted.contains(&source.path) && !is_kept(&source.path);
            return Ok(if is_removed { Vec::new() } else { vec![missing] });
        }
        let Some(limit) = self.limit else {
            return Ok(Vec::new());
        };
        let mut unreachable = Vec::new();
        for (index, part) in source.parts.iter().enumerate() {
            let changed = self.has_changed(part);
            let is_suspect = changed || limit.is_exceeded(part.deleted, part.known);
            if part.deleted == 0 || !is_suspect || is_accepted(part) {
                continue;
            }
            let lost = self.lost_images(source, index, is_kept)?;
            if let Some(reason) = reason(part, limit, lost, changed) {
                unreachable.push(UnreachableSource {
                    path: part.path.clone(),
                    reason,
                    images: lost,
                });
            }
        }
        Ok(unreachable)
    }

    fn has_changed(&self, part: &SourcePart) -> bool {
        let is_same =
            |before: &MountId| MountId::of(&part.path, self.mounts).is_some_and(|now| before.is_same(&now));
        part.mount.as_ref().is_some_and(|before| !is_same(before))
    }

    /// Number of files with an image that are neither kept, nor moved, nor skipped by a rule although they exist.
    fn lost_images(
        &self,
        source: &SourceFindings,
        part: usize,
        is_kept: &dyn Fn(&Path) -> bool,
    ) -> Result<u64, IndexingError> {
        let mut duplicates = self.duplicates.clone();
        let mut lost = 0;
        for path in source.deleted.iter() {
            if source.part_of(&path) != part || is_kept(&path) {
                continue;
            }
            let file = self.catalog.file(&path)?;
            if let Some(FileState::Indexed(image)) = file.map(|file| file.state)
                && !duplicates.take(&image)
                && is_absent(&path)
            {
                lost += 1;
            }
        }
        Ok(lost)
    }
}

fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(file_at(path)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Why a part counts as unreachable; `None` if it does not.
fn reason(part: &SourcePart, limit: RemovalLimit, lost: u64, changed: bool) -> Option<String> {
    let known = part.known;
    if lost > 0 && changed {
        Some(format!(
            "it is on another disk or mount than before, and {lost} of its {} not there",
            counted(known, "image")
        ))
    } else if lost > 0 && lost == known {
        Some(format!("nothing is left of its {}", counted(known, "image")))
    } else if limit.is_exceeded(lost, known) {
        Some(format!("{lost} of its {} gone at once", counted(known, "image")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_needs_share_and_number() {
        let limit = RemovalLimit::default();
        for (lost, known, exceeded) in [
            (0, 0, false),
            (1, 1, true),
            (1, 2, false),
            (49, 60, false),
            (50, 250, false),
            (50, 249, true),
            (200, 1000, false),
            (201, 1000, true),
        ] {
            assert_eq!(limit.is_exceeded(lost, known), exceeded, "{lost} of {known}");
        }
    }
}
