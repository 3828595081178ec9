//! The manifest on disk: `library.json`, and a copy for the case that it is damaged or lost.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eidetic_catalog::SpaceNumber;
use serde::{Deserialize, Serialize};

use super::{Manifest, ONE_SPACE, SPACES, directory_of};
use crate::LibraryError;
use crate::checked_json::{self, Checksum, PLACEHOLDER};

pub(crate) const FILE_NAME: &str = "library.json";
/// Derived from the manifest, and written after it.
pub(crate) const COPY_NAME: &str = "library.json.copy";

/// A manifest as it was found.
#[derive(Debug)]
pub(crate) struct FoundManifest {
    pub(crate) manifest: Manifest,
    /// Why it is the copy's, if it is.
    pub(crate) damage: Option<LibraryError>,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    checksum: &'static str,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Manifest {
    /// `None` where there is no manifest. Where it is damaged or lost, its copy is read.
    pub(crate) fn find(library: &Path) -> Result<Option<FoundManifest>, LibraryError> {
        let damage = match read(&library.join(FILE_NAME)) {
            Ok(Some(manifest)) => {
                return Ok(Some(FoundManifest {
                    manifest,
                    damage: None,
                }));
            }
            Ok(None) => None,
            Err(error @ LibraryError::DamagedManifest { .. }) => Some(error),
            Err(error) => return Err(error),
        };
        let missing = || LibraryError::DamagedManifest {
            path: library.join(FILE_NAME),
            reason: "it is missing".to_owned(),
        };
        let copy = read(&library.join(COPY_NAME));
        match (copy, damage) {
            (Ok(Some(manifest)), damage) => Ok(Some(FoundManifest {
                manifest,
                damage: Some(damage.unwrap_or_else(missing)),
            })),
            // Without the manifest itself, a damaged copy still shows that there was a library.
            (Err(error @ LibraryError::UnknownVersion { .. }), _) | (Err(error), None) => Err(error),
            (_, Some(damage)) => Err(damage),
            (Ok(None), None) if directory_of(SpaceNumber::FIRST, library).join("vectors").exists() => {
                Err(missing())
            }
            (Ok(None), None) => Ok(None),
        }
    }

    /// The manifest of a file of which the checksum does not match, but the text can be read: for a repair only.
    pub(crate) fn find_unverified(library: &Path) -> Option<Self> {
        [FILE_NAME, COPY_NAME].iter().find_map(|name| {
            let path = library.join(name);
            parse_unverified(&fs::read(&path).ok()?, &path).ok()
        })
    }

    /// Replaces the file in one step, then the copy: a crash leaves the old or the new one of each.
    pub(crate) fn write(&self, library: &Path) -> Result<(), LibraryError> {
        let path = library.join(FILE_NAME);
        let text = self.text().map_err(LibraryError::io(&path))?;
        eidetic_atomic_file::write(&path, text.as_bytes()).map_err(LibraryError::io(&path))?;
        write_copy(library, &text);
        Ok(())
    }

    /// Makes the copy where it is missing or old, as after a program that knows none. A failure is only logged.
    pub(crate) fn refresh_copy(&self, library: &Path) {
        match (self.text(), fs::read(library.join(COPY_NAME))) {
            (Ok(text), Ok(copy)) if text.as_bytes() == copy => {}
            (Ok(text), _) => write_copy(library, &text),
            (Err(_), _) => {}
        }
    }

    /// Whether the copy at `library` is damaged or missing; it is derived. A whole one may be older: a process that was killed had
    /// not yet written it.
    pub(crate) fn is_copy_damaged(library: &Path) -> bool {
        !matches!(read(&library.join(COPY_NAME)), Ok(Some(_)))
    }

    fn text(&self) -> io::Result<String> {
        let written = Written {
            format: self.format(),
            checksum: PLACEHOLDER,
            manifest: self,
        };
        Ok(checked_json::seal(&serde_json::to_string_pretty(&written)?))
    }
}

fn write_copy(library: &Path, text: &str) {
    let path = library.join(COPY_NAME);
    if let Err(error) = eidetic_atomic_file::write(&path, text.as_bytes()) {
        tracing::info!("{}: {error}", path.display());
    }
}

fn read(path: &Path) -> Result<Option<Manifest>, LibraryError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LibraryError::io(path)(error)),
    };
    parse(&text, path).map(Some)
}

fn parse(text: &[u8], path: &Path) -> Result<Manifest, LibraryError> {
    if checked_json::verify(text) == Checksum::Differs {
        return Err(LibraryError::DamagedManifest {
            path: path.to_owned(),
            reason: "its checksum does not match".to_owned(),
        });
    }
    parse_unverified(text, path)
}

fn parse_unverified(text: &[u8], path: &Path) -> Result<Manifest, LibraryError> {
    let damaged = |reason: String| LibraryError::DamagedManifest {
        path: path.to_owned(),
        reason,
    };
    // The version first: a later version may have other fields.
    let FormatOnly { format } = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    if ![ONE_SPACE, SPACES].contains(&format) {
        return Err(LibraryError::UnknownVersion {
            path: path.parent().map_or_else(PathBuf::new, Path::to_owned),
            found: format,
            supported: SPACES,
        });
    }
    let manifest: Manifest = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
    match manifest.fault() {
        None => Ok(manifest),
        Some(fault) => Err(damaged(fault.to_owned())),
    }
}
