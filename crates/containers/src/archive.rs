//! ZIP archives, also those of comic books.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use eidetic_imaging::DecodeLimits;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::bounds::MOST_MEMBERS;
use crate::members::{Members, Selection, part_name, read_one};
use crate::{ContainerError, EachPart, FoundPart, PartImage, PartProblem};

type Archive = ZipArchive<BufReader<File>>;

pub fn for_each(path: &Path, limits: &DecodeLimits, each: EachPart<'_>) -> Result<(), ContainerError> {
    let (mut archive, size) = open(path)?;
    let mut members = Members::of_archive(size, limits);
    for index in 0..archive.len().min(MOST_MEMBERS) {
        let Some(stored) = stored_name(&archive, index) else {
            continue;
        };
        let part = match members.select(&stored) {
            None => None,
            Some(Selection::Found(part)) => Some(part),
            Some(Selection::Read(name)) => match archive.by_index(index) {
                Ok(member) if member.is_dir() => None,
                Ok(member) => members.read(name, member)?,
                Err(error) => Some(FoundPart {
                    name,
                    content: Err(PartProblem::Failed(member_problem(error)?)),
                }),
            },
        };
        if part.is_some_and(|part| each(part).is_break()) {
            break;
        }
    }
    Ok(())
}

pub fn read(path: &Path, name: &str, limits: &DecodeLimits) -> Result<PartImage, ContainerError> {
    let (mut archive, _) = open(path)?;
    let is_named = |index: &usize| {
        stored_name(&archive, *index)
            .and_then(|stored| part_name(&stored))
            .is_some_and(|found| found == name)
    };
    let exact = archive.index_for_name(name).filter(is_named);
    let index = exact.or_else(|| (0..archive.len().min(MOST_MEMBERS)).find(is_named));
    let index = index.ok_or(ContainerError::NoSuchPart)?;
    match archive.by_index(index) {
        Ok(member) => read_one(name, member, limits),
        Err(error) => Err(ContainerError::Unreadable(member_problem(error)?)),
    }
}

fn open(path: &Path) -> Result<(Archive, u64), ContainerError> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
        ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => ContainerError::Io(error),
        error => ContainerError::Unreadable(format!("damaged ZIP archive: {error}")),
    })?;
    Ok((archive, size))
}

fn stored_name(archive: &Archive, index: usize) -> Option<String> {
    let name = archive.name_for_index(index)?.ok()?;
    Some(name.into_owned())
}

/// Why a member cannot be unpacked. Errors: the file itself cannot be read.
fn member_problem(error: ZipError) -> Result<String, ContainerError> {
    match error {
        ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(ContainerError::Io(error))
        }
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            Ok("it is encrypted; unpack the archive with its password".into())
        }
        ZipError::CompressionMethodNotSupported(_) => {
            Ok("its compression is not supported; pack the archive again with deflate".into())
        }
        error => Ok(format!("damaged in the archive: {error}")),
    }
}
