//! Opens pictures with the system's viewer.

use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, PartPath, PartPosition};
use eidetic_library::{Library, Owner, saved_name};
use eidetic_server::responses::{AlbumPicture, SearchHit};

use crate::arguments::{Global, OpenArgs};
use crate::commands::directory;
use crate::failure::Failure;
use crate::{Outcome, output};

/// Pictures that are opened without asking.
const WITHOUT_ASKING: usize = 20;

/// The pictures that are to be opened once all is printed.
pub(crate) struct OpenedPictures {
    count: usize,
    pictures: Vec<(ImageId, PathBuf)>,
}

/// What stands for a picture in an answer.
pub(crate) trait Picture {
    fn image(&self) -> ImageId;
    fn path(&self) -> PathBuf;
}

impl Picture for SearchHit {
    fn image(&self) -> ImageId {
        self.image
    }

    fn path(&self) -> PathBuf {
        self.original_path()
    }
}

impl Picture for AlbumPicture {
    fn image(&self) -> ImageId {
        self.image
    }

    fn path(&self) -> PathBuf {
        self.original_path()
    }
}

impl OpenedPictures {
    /// Errors: so many are to be opened that somebody must be asked, and nobody can be.
    pub(crate) fn new(arguments: &OpenArgs) -> Result<Self, Failure> {
        let count = arguments.count();
        let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
        if count > WITHOUT_ASKING && !can_ask {
            return Err(Failure::arguments(format!(
                "--open opens at most {WITHOUT_ASKING} pictures where nobody can be asked; use --paths with a program of your own"
            )));
        }
        Ok(Self {
            count,
            pictures: Vec::new(),
        })
    }

    /// Notes the pictures of a page, as many as are to be opened.
    pub(crate) fn note(&mut self, pictures: &[impl Picture]) {
        let wanted = self.count - self.pictures.len();
        let first = pictures.iter().take(wanted);
        self.pictures
            .extend(first.map(|picture| (picture.image(), picture.path())));
    }

    /// Opens them. One that cannot be opened is named, and costs the exit code of a failed input.
    ///
    /// Errors: the system has no program that opens files.
    pub(crate) fn open(self, global: &Global) -> Result<Outcome, Failure> {
        if self.pictures.len() > WITHOUT_ASKING && !confirmed(self.pictures.len())? {
            return Ok(Outcome::Done);
        }
        let mut outcome = Outcome::Done;
        for (image, path) in &self.pictures {
            let opened = file_to_open(global, *image, path).and_then(|file| open_file(&file));
            match opened {
                Ok(()) => {}
                Err(NotOpened::NoViewer) => return Err(no_viewer()),
                Err(NotOpened::File(reason)) => {
                    eprintln!(
                        "eidetic: {}: not opened: {}",
                        output::path(path),
                        output::text(&reason)
                    );
                    outcome = Outcome::DoneWithFailures;
                }
            }
        }
        Ok(outcome)
    }
}

/// Why a picture was not opened.
enum NotOpened {
    NoViewer,
    File(String),
}

fn confirmed(count: usize) -> Result<bool, Failure> {
    eprint!("eidetic: open {count} pictures? [y/N] ");
    let failed = |error: io::Error| Failure::from(anyhow::Error::from(error));
    io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The file of a picture: that of a page or a frame is the document or the video; a member of an archive is unpacked.
fn file_to_open(global: &Global, image: ImageId, path: &Path) -> Result<PathBuf, NotOpened> {
    let part = PartPath::parse(path).filter(|_| !path.exists());
    let file = match &part {
        None => path,
        Some(part) if part.position() == PartPosition::Member => return unpacked(global, image, path),
        Some(part) => &part.file,
    };
    if file.exists() {
        Ok(file.to_owned())
    } else {
        Err(NotOpened::File(
            "its file is gone, or its disk is not mounted".to_owned(),
        ))
    }
}

/// The member of an archive as a file in the system's folder for such files, where it stays for the viewer.
fn unpacked(global: &Global, image: ImageId, path: &Path) -> Result<PathBuf, NotOpened> {
    let failed = |error: &dyn std::fmt::Display| NotOpened::File(error.to_string());
    let directory = directory(global).map_err(|error| failed(&error))?;
    let library = Library::open_beside(&directory, &Owner::this_process("eidetic --open"));
    let library = library.map_err(|error| failed(&error))?;
    let file = library.image_file(&image).map_err(|error| failed(&error))?;
    let folder = tempfile::Builder::new().prefix("eidetic-").tempdir();
    let target = folder
        .map_err(|error| failed(&error))?
        .keep()
        .join(saved_name(path).unwrap_or_else(|| image.to_string()));
    fs::write(&target, &file.bytes).map_err(|error| failed(&error))?;
    Ok(target)
}

fn open_file(path: &Path) -> Result<(), NotOpened> {
    open::that_detached(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => NotOpened::NoViewer,
        _ => NotOpened::File(error.to_string()),
    })
}

fn no_viewer() -> Failure {
    let how = if cfg!(any(target_os = "macos", windows)) {
        ""
    } else {
        " (xdg-open or gio); install xdg-utils"
    };
    Failure::could_not_run(format!(
        "this system has no program that opens files{how}, or take the paths from --paths"
    ))
}
