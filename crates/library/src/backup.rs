//! Backups: one file with everything that cannot be made again, as of one commit.
//!
//! A backup is a ZIP archive of `backup.json`, the library's primary files under their own names, and the records of the catalog as
//! `catalog/records`. Derived files are left out: the search graph, caches, and, unless asked for, thumbnails.

mod restore;

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, now_ms};
use eidetic_indexer::RunContext;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::manifest::FILE_NAME;
use crate::zip_file::{Archive, write_zip};
use crate::{Library, LibraryError};
pub use restore::restore;

/// The format version that this program writes and reads.
const FORMAT: u32 = 1;
/// Names in the archive.
const INFO: &str = "backup.json";
const RECORDS: &str = "catalog/records";
/// The primary files of a space, and one with words that its owner chose.
const SPACE_FILES: [&str; 3] = ["calibration.json", "tagging.json", VECTORS];
const VECTORS: &str = "vectors/vectors.bin";
const TEXTS: &str = "texts";
const THUMBNAILS: &str = "thumbnails";
/// Bytes that are copied at a time.
const CHUNK: usize = 1 << 20;

/// Why a backup cannot be written, or not be restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Another file has the name.
    #[error("{path} exists already; name another file, or remove it first")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The run was stopped by its caller.
    #[error("the backup was stopped; nothing was written")]
    Stopped,
    /// A library cannot be restored over another one.
    #[error(
        "{path} has a library already; restore into another directory with --library, or move that one away first"
    )]
    HasLibrary {
        /// The directory.
        path: PathBuf,
    },
    /// The file is no backup, or damaged.
    #[error("{path} cannot be restored: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A backup that was written or restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// The file.
    pub file: PathBuf,
    /// The library.
    pub library: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Images of the library.
    pub images: u64,
    /// Files that hold them.
    pub paths: u64,
    /// Embedding spaces.
    pub spaces: u64,
    /// When the last change was made that the backup has, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What a backup says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Info {
    format: u32,
    /// The program that wrote it.
    version: String,
    images: u64,
    paths: u64,
    spaces: u64,
    at_ms: i64,
}

/// A file of the library that goes into the archive.
struct Member {
    name: String,
    path: PathBuf,
    /// Bytes of the file when the backup began; what is added later is left out.
    bytes: u64,
}

impl Library {
    /// Writes a backup to `file`, which does not exist yet; with `thumbnails`, those too. The file appears once it is complete and
    /// survives power loss. The observer counts bytes.
    ///
    /// The library may be one that another process owns and changes meanwhile: the backup has its state as of the last commit before this
    /// library was opened.
    pub fn backup(
        &self,
        file: &Path,
        thumbnails: bool,
        context: &RunContext<'_>,
    ) -> Result<BackupReport, LibraryError> {
        if file.exists() {
            return Err(BackupError::Exists {
                path: file.to_owned(),
            }
            .into());
        }
        let info = self.backup_info()?;
        let members = self.members(thumbnails)?;
        context
            .observer
            .total(members.iter().map(|member| member.bytes).sum());
        write_zip(file, |archive| {
            self.write_backup(archive, &info, &members, context)
        })?;
        Ok(info.report(file, &self.directory))
    }

    fn backup_info(&self) -> Result<Info, LibraryError> {
        let counts = self.catalog.counts()?;
        Ok(Info {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            images: counts.images,
            paths: counts.paths,
            spaces: self.read_manifest().spaces().count() as u64,
            at_ms: self
                .published()
                .map_or_else(now_ms, |published| published.age.at_ms),
        })
    }

    /// The files to copy. The catalog was read before, so the rows of vectors that it names are in them.
    fn members(&self, thumbnails: bool) -> Result<Vec<Member>, LibraryError> {
        let library = &self.directory;
        let mut names = vec![PathBuf::from(FILE_NAME)];
        for space in self.read_manifest().spaces() {
            let folder = space.directory(library);
            let folder = folder.strip_prefix(library).unwrap_or(&folder).to_owned();
            names.extend(SPACE_FILES.map(|name| folder.join(name)));
        }
        names.extend(files_below(library, Path::new(TEXTS))?);
        if thumbnails {
            names.extend(files_below(library, Path::new(THUMBNAILS))?);
        }
        let mut members = Vec::new();
        for name in names {
            let path = library.join(&name);
            match fs::metadata(&path) {
                Ok(metadata) => members.push(Member {
                    name: member_name(&name),
                    bytes: metadata.len(),
                    path,
                }),
                // A library has no calibration until it is calibrated.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(LibraryError::io(&path)(error)),
            }
        }
        Ok(members)
    }

    fn write_backup(
        &self,
        archive: &mut Archive<'_>,
        info: &Info,
        members: &[Member],
        context: &RunContext<'_>,
    ) -> Result<(), LibraryError> {
        let failed = |error: io::Error| LibraryError::io(&self.directory)(error);
        let begin = |archive: &mut Archive<'_>, name: &str, method| {
            let options = SimpleFileOptions::default()
                .compression_method(method)
                .large_file(true);
            archive
                .start_file(name, options)
                .map_err(|error| failed(error.into()))
        };
        begin(archive, INFO, CompressionMethod::Deflated)?;
        let text = serde_json::to_vec_pretty(info).map_err(|error| failed(error.into()))?;
        archive.write_all(&text).map_err(failed)?;
        begin(archive, RECORDS, CompressionMethod::Deflated)?;
        let mut buffered = BufWriter::with_capacity(CHUNK, &mut *archive);
        self.catalog.write_records(&mut buffered)?;
        buffered.flush().map_err(failed)?;
        drop(buffered);
        let mut done = 0;
        for member in members {
            // Vectors and JPEG files do not become smaller.
            let is_dense = member.name.ends_with(VECTORS) || member.name.starts_with(THUMBNAILS);
            let method = if is_dense {
                CompressionMethod::Stored
            } else {
                CompressionMethod::Deflated
            };
            begin(archive, &member.name, method)?;
            copy(member, archive, &mut done, context)?;
        }
        Ok(())
    }
}

impl Info {
    fn report(&self, file: &Path, library: &Path) -> BackupReport {
        BackupReport {
            file: file.to_owned(),
            library: library.to_owned(),
            bytes: fs::metadata(file).map_or(0, |metadata| metadata.len()),
            images: self.images,
            paths: self.paths,
            spaces: self.spaces,
            at_ms: self.at_ms,
        }
    }
}

/// Copies what the file had when the backup began.
fn copy(
    member: &Member,
    out: &mut dyn Write,
    done: &mut u64,
    context: &RunContext<'_>,
) -> Result<(), LibraryError> {
    let failed = |error: io::Error| LibraryError::io(&member.path)(error);
    let mut input = File::open(&member.path).map_err(failed)?.take(member.bytes);
    let mut chunk = vec![0; CHUNK];
    loop {
        if context.is_cancelled() {
            return Err(BackupError::Stopped.into());
        }
        let length = input.read(&mut chunk).map_err(failed)?;
        if length == 0 {
            return Ok(());
        }
        out.write_all(&chunk[..length]).map_err(failed)?;
        *done += length as u64;
        context.observer.done(*done);
    }
}

/// The files below a folder of the library, by their names in it; none where there is no such folder.
fn files_below(library: &Path, folder: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let path = library.join(folder);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(LibraryError::io(&path))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(LibraryError::io(&path))?;
        let name = folder.join(entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        // A file that is being replaced.
        let is_temporary = name.extension().is_some_and(|extension| extension == "new");
        if is_folder {
            files.extend(files_below(library, &name)?);
        } else if !is_temporary {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// The name in the archive, with `/` between folders.
fn member_name(path: &Path) -> String {
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
