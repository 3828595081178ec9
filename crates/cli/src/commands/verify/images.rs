//! Finds the images of checks: bundled, in the model's directory, or given with `--image`.

use std::path::{Path, PathBuf};

use eidetic_hub::{ModelRef, sha256};
use eidetic_inference::{Check, CheckImage};

use crate::arguments::VerifyArgs;
use crate::failure::Failure;
use crate::gallery;

/// Where the images of checks are looked for.
pub(super) struct CheckImages<'a> {
    folder: Option<&'a Path>,
    given: &'a [PathBuf],
    /// The one image that is not bundled; a single `--image` may have any name then.
    only: Option<&'a str>,
}

impl<'a> CheckImages<'a> {
    /// The error names an `--image` that no check uses.
    pub(super) fn new(checks: &'a [Check], arguments: &'a VerifyArgs) -> Result<Self, Failure> {
        let images = checks.iter().flat_map(|check| &check.images);
        let mut needed: Vec<&str> = images
            .filter(|image| !image.bundled)
            .map(|image| image.file.as_str())
            .collect();
        needed.sort_unstable();
        needed.dedup();
        let only = match needed.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let is_single = only.is_some() && arguments.image.len() == 1;
        let unused = arguments
            .image
            .iter()
            .find(|path| !is_single && !needed.iter().any(|file| has_name(path, file)));
        if let Some(path) = unused {
            return Err(Failure::arguments(format!(
                "{} is not a picture of the published values; expected a file named {}",
                path.display(),
                needed.join(" or ")
            )));
        }
        Ok(Self {
            folder: match &arguments.model {
                ModelRef::Directory(path) => Some(path),
                _ => None,
            },
            given: &arguments.image,
            only,
        })
    }

    /// The file of an image; `None` if it is missing.
    pub(super) fn bytes(&self, image: &CheckImage) -> Result<Option<Vec<u8>>, Failure> {
        if image.bundled {
            return match gallery::image(&image.file) {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(Failure::could_not_run(format!("{} is not bundled", image.file))),
            };
        }
        let named = self.given.iter().find(|path| has_name(path, &image.file));
        let single = self
            .given
            .first()
            .filter(|_| self.only == Some(image.file.as_str()));
        let in_folder = self.folder.map(|folder| folder.join(&image.file));
        let path = named
            .or(single)
            .cloned()
            .or(in_folder.filter(|path| path.is_file()));
        path.map(|path| read(&path, image)).transpose()
    }
}

/// The file's name, with its URL if known.
pub(super) fn describe(image: &CheckImage) -> String {
    match &image.url {
        Some(url) => format!("{} from {url}", image.file),
        None => image.file.clone(),
    }
}

fn has_name(path: &Path, file: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case(file))
}

/// Reads the file and compares its checksum, if one is published.
fn read(path: &Path, image: &CheckImage) -> Result<Vec<u8>, Failure> {
    if let Some(expected) = &image.sha256 {
        let found = sha256(path).map_err(|error| Failure::in_file(path, error))?;
        if found != *expected {
            return Err(Failure::in_file(
                path,
                format!(
                    "this is not {}: SHA-256 is {found}, expected {expected}",
                    image.file
                ),
            ));
        }
    }
    std::fs::read(path).map_err(|error| Failure::in_file(path, error))
}
