//! What the members of all kinds of archives have in common.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use eidetic_domain::ImageId;
use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, ImagingError, classify};

use crate::bounds::most_unpacked;
use crate::{ContainerError, FoundPart, PartContent, PartImage, PartProblem};

/// The folder in which macOS stores what it knows of the other members.
const MACOS_FOLDER: &str = "__MACOSX";

/// The name of a member as a relative path with `/`; none for those that lead out of the archive and for hidden ones.
pub fn part_name(stored: &str) -> Option<String> {
    let whole = stored.replace('\\', "/");
    let components: Vec<&str> = whole
        .split('/')
        .filter(|component| !component.is_empty() && *component != ".")
        .collect();
    let is_hidden = |component: &&str| component.starts_with('.') || *component == MACOS_FOLDER;
    let is_shown = !components.is_empty() && !components.iter().any(is_hidden);
    is_shown.then(|| components.join("/"))
}

/// Reads the pictures among the members of one archive.
pub struct Members<'a> {
    limits: &'a DecodeLimits,
    /// Bytes that members may still unpack to.
    left: u64,
    seen: HashSet<String>,
}

impl<'a> Members<'a> {
    /// For an archive of `size` bytes.
    pub fn of_archive(size: u64, limits: &'a DecodeLimits) -> Self {
        Self {
            limits,
            left: most_unpacked(size),
            seen: HashSet::new(),
        }
    }

    /// What to do with a member, by its name; none where it cannot be an image. Of members of one name the first counts.
    pub fn select(&mut self, stored: &str) -> Option<Selection> {
        let name = part_name(stored)?;
        let kind = classify(&[], Path::new(&name));
        if kind == FileKind::NotImage || !self.seen.insert(name.clone()) {
            return None;
        }
        Some(match kind {
            FileKind::UnsupportedImage(reason) => Selection::Found(FoundPart {
                name,
                content: Err(PartProblem::Unsupported(reason)),
            }),
            FileKind::Image(_) | FileKind::NotImage => Selection::Read(name),
        })
    }

    /// Unpacks the member `name`; none where its content is no image.
    ///
    /// Errors: the archive unpacks to more than it may.
    pub fn read(&mut self, name: String, content: impl Read) -> Result<Option<FoundPart>, ContainerError> {
        let content = match read_member(content, self.limits) {
            Ok(bytes) => {
                let left = self.left.checked_sub(bytes.len() as u64);
                self.left = left.ok_or_else(bomb)?;
                match image_of(&name, bytes) {
                    Ok(None) => return Ok(None),
                    Ok(Some(image)) => Ok(image),
                    Err(problem) => Err(problem),
                }
            }
            Err(reason) => Err(PartProblem::Failed(reason)),
        };
        Ok(Some(FoundPart { name, content }))
    }
}

/// What to do with a member.
pub enum Selection {
    /// Its name says enough.
    Found(FoundPart),
    /// Unpack the member of this name.
    Read(String),
}

/// The image in the one member `name`, of which the `content` was found.
pub fn read_one(name: &str, content: impl Read, limits: &DecodeLimits) -> Result<PartImage, ContainerError> {
    let bytes = read_member(content, limits).map_err(ContainerError::Unreadable)?;
    let image = image_of(name, bytes).ok().flatten();
    image.ok_or(ContainerError::NoSuchPart)
}

fn bomb() -> ContainerError {
    ContainerError::Unreadable(
        "the archive unpacks to far more than its size; the rest of it was not read".into(),
    )
}

/// A whole member within the limits; else why not.
fn read_member(content: impl Read, limits: &DecodeLimits) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = content
        .take(limits.file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| damaged_member(&error))?;
    if read as u64 > limits.file_bytes {
        return Err(ImagingError::file_too_large(read as u64, limits).to_string());
    }
    Ok(bytes)
}

fn damaged_member(error: &io::Error) -> String {
    format!("damaged in the archive: {error}")
}

/// The image that the bytes of a member are; none where they are none.
fn image_of(name: &str, bytes: Vec<u8>) -> Result<Option<PartImage>, PartProblem> {
    let head = &bytes[..bytes.len().min(HEAD_LENGTH)];
    match classify(head, Path::new(name)) {
        FileKind::NotImage => Ok(None),
        FileKind::UnsupportedImage(reason) => Err(PartProblem::Unsupported(reason)),
        FileKind::Image(_) => Ok(Some(PartImage {
            image: ImageId::of(&bytes),
            content: PartContent::Encoded(bytes),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_archive() {
        for (stored, name) in [
            ("a.jpg", Some("a.jpg")),
            ("/a/./b.jpg", Some("a/b.jpg")),
            ("a\\b.jpg", Some("a/b.jpg")),
            ("../a.jpg", None),
            ("a/../../b.jpg", None),
            (".hidden/a.jpg", None),
            ("__MACOSX/._a.jpg", None),
            ("", None),
        ] {
            assert_eq!(part_name(stored).as_deref(), name, "{stored}");
        }
    }
}
