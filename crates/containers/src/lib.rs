//! Pictures inside files: members of archives (ZIP, tar), pages of PDF documents and TIFF files, frames of videos.
//!
//! A picture inside a file has a path below that of the file, [`PartPath`]: `holiday.zip!/beach/01.jpg`,
//! `scan.pdf!/page 3`, `clip.mp4!/0:01:23.500`.
//!
//! - [`ContainerReader::for_each_part`] reads all pictures of a file, one after another, so that only one is in memory.
//! - [`ContainerReader::read_part`] reads one again.
//!
//! A member of an archive is an image file like any other, so its id is the hash of its bytes: a copy outside the
//! archive is the same image. A page or a frame is rendered, by a program whose next version may render it otherwise;
//! its id is the hash of its file's content and of its name.
//!
//! Archives and documents are of any origin: sizes and numbers of parts are bounded ([`bounds`]), nothing is unpacked
//! to disk, and archives within archives are left alone. Videos are decoded by `ffmpeg` where that is installed, which
//! may read nothing but the file itself.
//!
//! # Example
//!
//! ```
//! use std::io::Write;
//! use std::ops::ControlFlow;
//!
//! use eidetic_containers::ContainerReader;
//! use eidetic_domain::ContainerKind;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("pictures.zip");
//! # let mut png = std::io::Cursor::new(Vec::new());
//! # image::RgbImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png)?;
//! # let mut archive = zip::ZipWriter::new(std::fs::File::create(&path)?);
//! # archive.start_file("beach/01.png", zip::write::SimpleFileOptions::default())?;
//! # archive.write_all(&png.into_inner())?;
//! # archive.finish()?;
//!
//! let reader = ContainerReader::default();
//! let mut names = Vec::new();
//! reader.for_each_part(&path, ContainerKind::Archive, &mut |part| {
//!     names.push(part.name);
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(names, ["beach/01.png"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use eidetic_domain::{ContainerKind, Details, ImageFormat, ImageId, Metadata, PartPath};
use eidetic_imaging::{DecodeLimits, DecodedImage};
use image::RgbImage;

mod archive;
pub mod bounds;
mod contents;
mod document;
mod error;
mod members;
mod paged_image;
mod tar_archive;
mod video;

pub use contents::{Contents, Videos};
pub use error::ContainerError;
pub use video::{Ffmpeg, holds_frame};

/// Reads pictures inside files, within limits.
#[derive(Debug, Clone, Default)]
pub struct ContainerReader {
    /// Limits on a single picture, and on the size of a document that is read as a whole.
    pub limits: DecodeLimits,
    /// Decodes videos; without it they cannot be read.
    pub ffmpeg: Option<Ffmpeg>,
}

/// A part that may be a picture.
#[derive(Debug)]
pub struct FoundPart {
    /// Its name in the file.
    pub name: String,
    /// The picture, or why there is none.
    pub content: Result<PartImage, PartProblem>,
}

/// A picture inside a file.
#[derive(Debug)]
pub struct PartImage {
    /// Its id.
    pub image: ImageId,
    /// The picture.
    pub content: PartContent,
}

/// The form of a picture inside a file.
#[derive(Debug)]
pub enum PartContent {
    /// The bytes of an image file.
    Encoded(Vec<u8>),
    /// A page or a frame as it is rendered.
    Rendered(Box<RenderedPart>),
}

/// A page or a frame.
#[derive(Debug)]
pub struct RenderedPart {
    /// Its pixels, and the size of the whole.
    pub decoded: DecodedImage,
    /// What its file says about it.
    pub details: Details,
}

/// Why a part gives no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartProblem {
    /// It is an image that cannot be read, with the reason.
    Failed(String),
    /// It is an image of a format that is not supported, with the message for it.
    Unsupported(&'static str),
}

/// Receives the parts of a file; stops by [`ControlFlow::Break`].
pub type EachPart<'a> = &'a mut dyn FnMut(FoundPart) -> ControlFlow<()>;

impl PartImage {
    /// The picture `decoded`, called `name` in the file with the id `file`.
    fn rendered(file: &ImageId, name: &str, decoded: DecodedImage, details: Details) -> Self {
        Self {
            image: file.of_part(name),
            content: PartContent::Rendered(Box::new(RenderedPart { decoded, details })),
        }
    }
}

/// A whole picture of which the file says nothing else.
fn picture(image: RgbImage, (width, height): (u32, u32), format: ImageFormat) -> DecodedImage {
    DecodedImage {
        image,
        metadata: Metadata {
            width,
            height,
            format,
            taken: None,
            camera: None,
            position: None,
        },
        damage: None,
    }
}

impl ContainerReader {
    /// Reads all pictures inside a file, in the file's order.
    ///
    /// Errors: the file cannot be read, or is damaged; the parts before the damage were passed to `each`.
    pub fn for_each_part(
        &self,
        path: &Path,
        kind: ContainerKind,
        each: EachPart<'_>,
    ) -> Result<(), ContainerError> {
        match kind {
            ContainerKind::Archive if is_tar(path) => tar_archive::for_each(path, &self.limits, each),
            ContainerKind::Archive => archive::for_each(path, &self.limits, each),
            ContainerKind::Document => document::for_each(self.read_file(path)?, each),
            ContainerKind::PagedImage => {
                paged_image::for_each(&self.read_file(path)?, &self.limits, each);
                Ok(())
            }
            ContainerKind::Video => video::for_each(self.ffmpeg()?, path, each),
        }
    }

    /// Reads one picture inside a file.
    ///
    /// Errors: the file cannot be read, or has no such part now.
    pub fn read_part(&self, part: &PartPath) -> Result<PartImage, ContainerError> {
        let (path, name) = (part.file.as_path(), part.part.as_str());
        match ContainerKind::of(path) {
            Some(ContainerKind::Archive) if is_tar(path) => tar_archive::read(path, name, &self.limits),
            Some(ContainerKind::Archive) => archive::read(path, name, &self.limits),
            Some(ContainerKind::Document) => document::read(self.read_file(path)?, part),
            Some(ContainerKind::PagedImage) => paged_image::read(&self.read_file(path)?, part, &self.limits),
            Some(ContainerKind::Video) => video::read(self.ffmpeg()?, part),
            None => Err(ContainerError::NoSuchPart),
        }
    }

    fn ffmpeg(&self) -> Result<&Ffmpeg, ContainerError> {
        self.ffmpeg.as_ref().ok_or(ContainerError::NoFfmpeg)
    }

    /// A whole file; an error where it is larger than the limit.
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, ContainerError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        let read = file
            .take(self.limits.file_bytes.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if read as u64 > self.limits.file_bytes {
            let error = eidetic_imaging::ImagingError::file_too_large(size, &self.limits);
            return Err(ContainerError::Unreadable(error.to_string()));
        }
        Ok(bytes)
    }
}

/// The part at `path`, unless a file is there.
pub fn part_at(path: &Path) -> Option<PartPath> {
    PartPath::parse(path).filter(|_| fs::symlink_metadata(path).is_err())
}

/// The file at `path`, or the file that the part at `path` is in.
pub fn file_at(path: &Path) -> Cow<'_, Path> {
    part_at(path).map_or(Cow::Borrowed(path), |part| Cow::Owned(part.file))
}

fn is_tar(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| matches!(extension.to_ascii_lowercase().as_str(), "tar" | "cbt"))
}
