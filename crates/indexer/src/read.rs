//! From a path to bytes whose stamp can be trusted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use eidetic_catalog::FileStamp;
use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, classify};

use crate::budget::{Budget, Permit};
use crate::stamp::{stamp, to_remember};

/// What was read.
pub struct Reading<'a> {
    /// The stamp to remember.
    pub stamp: FileStamp,
    pub content: Content<'a>,
}

/// What a file holds.
pub enum Content<'a> {
    /// A whole file that looks like a picture, and the right to keep it in memory.
    Picture(Vec<u8>, Permit<'a>),
    /// A picture that cannot be read, and why.
    Refused(String),
    NotImage,
}

/// Reads the file at `path`; of what is no picture, only the first bytes.
///
/// The stamp is taken before the content. A file that changed meanwhile is read once more; one that changes again is
/// remembered so that the next run reads it anew.
pub fn read<'a>(path: &Path, limits: &DecodeLimits, budget: &'a Budget) -> io::Result<Reading<'a>> {
    let (first, trust) = read_once(path, limits, budget)?;
    if trust == Trust::Steady {
        return Ok(first);
    }
    drop(first);
    Ok(read_once(path, limits, budget)?.0)
}

#[derive(PartialEq, Eq)]
enum Trust {
    Steady,
    ChangedMeanwhile,
}

fn read_once<'a>(path: &Path, limits: &DecodeLimits, budget: &'a Budget) -> io::Result<(Reading<'a>, Trust)> {
    let read_at = SystemTime::now();
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let before = stamp(&metadata);
    let content = content(&mut file, path, before.size, limits, budget)?;
    let after = stamp(&file.metadata()?);
    let reading = Reading {
        stamp: to_remember(before, after, read_at),
        content,
    };
    let trust = if before == after {
        Trust::Steady
    } else {
        Trust::ChangedMeanwhile
    };
    Ok((reading, trust))
}

fn content<'a>(
    file: &mut File,
    path: &Path,
    size: u64,
    limits: &DecodeLimits,
    budget: &'a Budget,
) -> io::Result<Content<'a>> {
    let mut head = Vec::with_capacity(HEAD_LENGTH);
    file.take(HEAD_LENGTH as u64).read_to_end(&mut head)?;
    match classify(&head, path) {
        FileKind::NotImage => Ok(Content::NotImage),
        FileKind::UnsupportedImage(reason) => Ok(Content::Refused(reason.into())),
        FileKind::Image(_) if size > limits.file_bytes => Ok(Content::Refused(format!(
            "too large: a file of {} MiB, where {} are allowed",
            size >> 20,
            limits.file_bytes >> 20
        ))),
        FileKind::Image(_) => {
            let permit = budget.acquire(size);
            let mut bytes = Vec::with_capacity(size as usize);
            bytes.extend_from_slice(&head);
            // No more than was asked for, should the file grow meanwhile: it is read anew then.
            file.take(size.saturating_sub(head.len() as u64))
                .read_to_end(&mut bytes)?;
            Ok(Content::Picture(bytes, permit))
        }
    }
}
