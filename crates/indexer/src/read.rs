//! Reads a file together with a stamp that can be trusted.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use eidetic_catalog::FileStamp;
use eidetic_containers::{ContainerError, ContainerReader, PartContent, PartImage};
use eidetic_domain::{ImageId, PartPath};
use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, ImagingError, classify};

use crate::budget::{MemoryBudget, MemoryPermit};
use crate::stamp::{Stamper, trusted_stamp};

/// What was read.
pub struct FileReading<'a> {
    /// The stamp to store in the catalog.
    pub stamp: FileStamp,
    /// The modification time as the file system has it.
    pub modified_ns: i64,
    pub content: FileContent<'a>,
}

/// What a file holds.
pub enum FileContent<'a> {
    /// A whole file that looks like an image, or a picture inside a file, and the memory that it takes.
    Image(PartImage, MemoryPermit<'a>),
    /// An image that is not decoded, and why.
    Rejected(String),
    /// An image of a format that is not supported, with the message for it.
    Unsupported(&'static str),
    NotImage,
}

/// Reads the file at `path`; of a file that is not an image, only the first bytes.
///
/// The stamp is taken before the content. A file that changed meanwhile is read once more; one that changes
/// again gets a stamp that makes the next run read it.
pub fn read<'a>(
    path: &Path,
    limits: &DecodeLimits,
    stamper: &Stamper,
    budget: &'a MemoryBudget,
) -> io::Result<FileReading<'a>> {
    let (first, stability) = read_once(path, limits, stamper, budget)?;
    if stability == Stability::Steady {
        return Ok(first);
    }
    // Its memory permit must be free before the second attempt acquires one.
    drop(first);
    Ok(read_once(path, limits, stamper, budget)?.0)
}

/// Reads a picture inside a file, with the stamp of that file. One that the file no longer has is not found.
pub fn read_part<'a>(
    part: &PartPath,
    reader: &ContainerReader,
    stamper: &Stamper,
    budget: &'a MemoryBudget,
) -> io::Result<FileReading<'a>> {
    let read_at = SystemTime::now();
    let before = stamper.stamp(&fs::metadata(&part.file)?);
    let permit = budget.acquire(before.size.min(reader.limits.file_bytes));
    let content = match reader.read_part(part) {
        Ok(image) => FileContent::Image(image, permit),
        Err(ContainerError::Io(error)) => return Err(error),
        Err(ContainerError::NoSuchPart) => return Err(io::ErrorKind::NotFound.into()),
        Err(error @ ContainerError::NoFfmpeg) => return Err(io::Error::other(error)),
        Err(ContainerError::Unreadable(reason)) => FileContent::Rejected(reason),
    };
    let after = stamper.stamp(&fs::metadata(&part.file)?);
    Ok(FileReading {
        stamp: trusted_stamp(before, after, read_at),
        modified_ns: before.modified_ns,
        content,
    })
}

/// Whether the file changed while it was read.
#[derive(PartialEq, Eq)]
enum Stability {
    Steady,
    Changed,
}

fn read_once<'a>(
    path: &Path,
    limits: &DecodeLimits,
    stamper: &Stamper,
    budget: &'a MemoryBudget,
) -> io::Result<(FileReading<'a>, Stability)> {
    let read_at = SystemTime::now();
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let before = stamper.stamp(&metadata);
    let content = read_content(&mut file, path, before.size, limits, budget)?;
    let after = stamper.stamp(&file.metadata()?);
    let reading = FileReading {
        stamp: trusted_stamp(before, after, read_at),
        modified_ns: before.modified_ns,
        content,
    };
    let stability = if before == after {
        Stability::Steady
    } else {
        Stability::Changed
    };
    Ok((reading, stability))
}

fn read_content<'a>(
    file: &mut File,
    path: &Path,
    size: u64,
    limits: &DecodeLimits,
    budget: &'a MemoryBudget,
) -> io::Result<FileContent<'a>> {
    let mut head = Vec::with_capacity(HEAD_LENGTH);
    file.take(HEAD_LENGTH as u64).read_to_end(&mut head)?;
    match classify(&head, path) {
        FileKind::NotImage => Ok(FileContent::NotImage),
        FileKind::UnsupportedImage(reason) => Ok(FileContent::Unsupported(reason)),
        FileKind::Image(_) if size > limits.file_bytes => {
            let error = ImagingError::file_too_large(size, limits);
            Ok(FileContent::Rejected(error.to_string()))
        }
        FileKind::Image(_) => {
            let permit = budget.acquire(size);
            let mut bytes = Vec::with_capacity(size as usize);
            bytes.extend_from_slice(&head);
            // No more than the permit covers: a file that grows meanwhile is read again.
            file.take(size.saturating_sub(head.len() as u64))
                .read_to_end(&mut bytes)?;
            let image = PartImage {
                image: ImageId::of(&bytes),
                content: PartContent::Encoded(bytes),
            };
            Ok(FileContent::Image(image, permit))
        }
    }
}
