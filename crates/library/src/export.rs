//! Pictures out of a library: copies or links in a folder, a ZIP archive, a contact sheet; with a manifest of what they are.

mod contact_sheet;
mod manifest;
mod names;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use eidetic_domain::{ImageId, PartPath};
use eidetic_indexer::{FileFailure, RunContext};
use jiff::civil::DateTime;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::zip_file::{Archive, write_zip};
use crate::{DuplicateKind, ImageFile, LibraryError};
use contact_sheet::SheetPicture;
pub use contact_sheet::escaped_html;
pub use manifest::ManifestFormat;
use names::Names;
pub use names::saved_name;

/// Bytes that are copied at a time.
const CHUNK: usize = 1 << 20;

/// A picture to export, and what the manifest says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportItem {
    /// The image.
    pub image: ImageId,
    /// The path of its file, or of the part of a file that it is.
    pub path: PathBuf,
    /// Date taken, in local time.
    pub taken: Option<DateTime>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Cosine similarity to the query, where there was one.
    pub score: Option<f32>,
    /// Probability that it matches the query, where that is known.
    pub confidence: Option<f32>,
    /// The group of duplicates that it is in; each group has a folder of its own.
    pub group: Option<ExportGroup>,
}

/// A place in a group of duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportGroup {
    /// Number of the group, from 1.
    pub number: u32,
    /// What the group is.
    pub kind: DuplicateKind,
    /// Whether the picture is the one to keep.
    pub best: bool,
}

impl ExportGroup {
    /// The name of the group's folder.
    fn folder(self) -> PathBuf {
        PathBuf::from(format!("group {:04}", self.number))
    }
}

impl ExportItem {
    /// Names for it in the folder or archive, the best first.
    fn names(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let folder = self.group.map(ExportGroup::folder).unwrap_or_default();
        Names::candidates(&self.path).map(move |name| folder.join(name))
    }
}

/// How files come into a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportMethod {
    /// As copies, with their modification times.
    #[default]
    Copy,
    /// As further names of the same files, which need no space; on the same file system only.
    HardLink,
    /// As links to the paths.
    SymLink,
}

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// For each item the name that it has in the folder or archive; none where it failed.
    pub names: Vec<Option<PathBuf>>,
    /// Items that were there already.
    pub present: u64,
    /// The items that failed, and why.
    pub failed: Vec<FileFailure>,
    /// Whether the run was stopped; items after the last name are left out.
    pub cancelled: bool,
}

/// Reads what an export cannot copy from a file. Errors are sentences.
pub trait ExportSource {
    /// A picture that is no file of its own, such as a page or a member of an archive.
    fn part(&self, image: &ImageId) -> Result<ImageFile, String>;

    /// A small JPEG.
    fn thumbnail(&self, image: &ImageId) -> Result<Vec<u8>, String>;
}

/// Exports pictures. It only borrows its parts, so make one for each export.
pub struct Export<'a> {
    /// The pictures, in order.
    pub items: &'a [ExportItem],
    /// Where pictures are read from that are no files of their own, and thumbnails.
    pub source: &'a dyn ExportSource,
    /// Progress in items, and when to stop.
    pub context: &'a RunContext<'a>,
}

/// Why an item was not exported.
enum Failed {
    /// It alone cannot be.
    Item(String),
    /// The folder or archive cannot be written.
    Target(io::Error),
}

impl Export<'_> {
    /// Puts the pictures and a manifest into a folder, which is created if it is missing. No file there is replaced but an earlier
    /// manifest: a name that another file has gets a number, and a file that is there with the same content is left.
    ///
    /// Errors: the folder cannot be written, or the disk is full; what was exported before is kept.
    pub fn to_folder(
        &self,
        folder: &Path,
        method: ExportMethod,
        manifest: ManifestFormat,
    ) -> Result<Exported, LibraryError> {
        fs::create_dir_all(folder).map_err(LibraryError::io(folder))?;
        let mut names = Names::default();
        let exported = self.each(folder, &mut |item, exported| {
            let (name, is_new) = self.put(item, folder, method, &mut names)?;
            exported.present += u64::from(!is_new);
            Ok(name)
        })?;
        let path = folder.join(manifest.file_name());
        let text = manifest.text(self.items, &exported.names);
        text.and_then(|text| eidetic_atomic_file::write(&path, &text))
            .map_err(LibraryError::io(&path))?;
        Ok(exported)
    }

    /// Writes the pictures to a new ZIP archive, without compression, since pictures are compressed; then a manifest.
    ///
    /// Errors: the archive cannot be written, or exists; then there is none.
    pub fn to_zip(&self, file: &Path, manifest: ManifestFormat) -> Result<Exported, LibraryError> {
        require_new(file)?;
        write_zip(file, |archive| {
            let mut names = Names::default();
            let exported = self.each(file, &mut |item, _| self.add(item, archive, &mut names))?;
            add_manifest(archive, manifest, self.items, &exported).map_err(LibraryError::io(file))?;
            Ok(exported)
        })
    }

    /// Writes a contact sheet to a new HTML file, with a note below the name of each picture. A picture without a thumbnail has failed, and
    /// leaves a gap.
    pub fn to_contact_sheet(
        &self,
        file: &Path,
        title: &str,
        notes: &[String],
    ) -> Result<Exported, LibraryError> {
        require_new(file)?;
        let mut pictures = Vec::new();
        let mut exported = self.each(file, &mut |item, exported| {
            let name = saved_name(&item.path).unwrap_or_default();
            let thumbnail = self.source.thumbnail(&item.image);
            pictures.push(SheetPicture {
                name: name.clone(),
                note: notes.get(exported.names.len()).cloned().unwrap_or_default(),
                address: contact_sheet::address(&item.path),
                thumbnail: thumbnail.as_ref().ok().cloned(),
            });
            thumbnail.map(|_| PathBuf::from(name)).map_err(Failed::Item)
        })?;
        if exported.cancelled {
            exported.names.clear();
            return Ok(exported);
        }
        let subtitle = eidetic_domain::counted(pictures.len(), "picture").to_string();
        let page = contact_sheet::contact_sheet(title, &subtitle, &pictures);
        eidetic_atomic_file::write(file, page.as_bytes()).map_err(LibraryError::io(file))?;
        Ok(exported)
    }

    fn each(
        &self,
        target: &Path,
        export: &mut dyn FnMut(&ExportItem, &mut Exported) -> Result<PathBuf, Failed>,
    ) -> Result<Exported, LibraryError> {
        let mut exported = Exported::default();
        self.context.observer.total(self.items.len() as u64);
        for (number, item) in self.items.iter().enumerate() {
            if self.context.is_cancelled() {
                exported.cancelled = true;
                break;
            }
            let name = match export(item, &mut exported) {
                Ok(name) => Some(name),
                Err(Failed::Item(reason)) => {
                    let path = item.path.clone();
                    exported.failed.push(FileFailure { path, reason });
                    None
                }
                Err(Failed::Target(error)) => return Err(LibraryError::io(target)(error)),
            };
            exported.names.push(name);
            self.context.observer.done(number as u64 + 1);
        }
        Ok(exported)
    }

    /// Puts one picture into a folder. Returns its name there, and whether it was not there before.
    fn put(
        &self,
        item: &ExportItem,
        folder: &Path,
        method: ExportMethod,
        names: &mut Names,
    ) -> Result<(PathBuf, bool), Failed> {
        let part = self.part(item)?;
        if let Some(group) = &item.group {
            fs::create_dir_all(folder.join(group.folder())).map_err(Failed::Target)?;
        }
        for name in item.names() {
            let target = folder.join(&name);
            if names.is_taken(&name) {
                continue;
            }
            if target.symlink_metadata().is_ok() {
                if !is_same(&target, item, part.as_ref(), method) {
                    continue;
                }
                names.take(&name);
                return Ok((name, false));
            }
            match (&part, method) {
                (Some(part), _) => replace(&target, &mut part.bytes.as_slice(), None)?,
                (None, ExportMethod::Copy) => copy_file(&item.path, &target)?,
                (None, ExportMethod::HardLink) => {
                    fs::hard_link(&item.path, &target).map_err(|error| link_failed(&error))?;
                }
                (None, ExportMethod::SymLink) => {
                    if !item.path.exists() {
                        return Err(gone());
                    }
                    symlink(&item.path, &target).map_err(|error| link_failed(&error))?;
                }
            }
            names.take(&name);
            return Ok((name, true));
        }
        Err(Failed::Item("no name is left for it".to_owned()))
    }

    /// Adds one picture to an archive. Returns its name there.
    fn add(
        &self,
        item: &ExportItem,
        archive: &mut Archive<'_>,
        names: &mut Names,
    ) -> Result<PathBuf, Failed> {
        let part = self.part(item)?;
        let mut opened;
        let mut bytes;
        let (input, modified): (&mut dyn Read, _) = if let Some(part) = &part {
            bytes = part.bytes.as_slice();
            (&mut bytes, None)
        } else {
            opened = File::open(&item.path).map_err(|error| unreadable(&error))?;
            let modified = opened.metadata().and_then(|metadata| metadata.modified()).ok();
            (&mut opened, modified)
        };
        let name = item.names().find(|name| !names.is_taken(name));
        let name = name.ok_or_else(|| Failed::Item("no name is left for it".to_owned()))?;
        let mut options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true);
        if let Some(time) = modified.and_then(zip_time) {
            options = options.last_modified_time(time);
        }
        let failed = |error: zip::result::ZipError| Failed::Target(error.into());
        archive
            .start_file(name.to_string_lossy(), options)
            .map_err(failed)?;
        match copy(input, archive) {
            Ok(()) => {
                names.take(&name);
                Ok(name)
            }
            Err(Failed::Item(reason)) => {
                archive.abort_file().map_err(failed)?;
                Err(Failed::Item(reason))
            }
            Err(error) => Err(error),
        }
    }

    /// The content of a picture that is no file of its own.
    fn part(&self, item: &ExportItem) -> Result<Option<ImageFile>, Failed> {
        let is_part = PartPath::parse(&item.path).is_some();
        let read = is_part.then(|| self.source.part(&item.image)).transpose();
        read.map_err(Failed::Item)
    }
}

fn add_manifest(
    archive: &mut Archive<'_>,
    manifest: ManifestFormat,
    items: &[ExportItem],
    exported: &Exported,
) -> io::Result<()> {
    let compressed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive.start_file(manifest.file_name(), compressed)?;
    archive.write_all(&manifest.text(items, &exported.names)?)
}

fn require_new(file: &Path) -> Result<(), LibraryError> {
    if !file.exists() {
        return Ok(());
    }
    let reason = "it exists already; name another file, or remove it first";
    Err(LibraryError::io(file)(io::Error::new(
        io::ErrorKind::AlreadyExists,
        reason,
    )))
}

/// Whether what is at `target` is what would be put there.
fn is_same(target: &Path, item: &ExportItem, part: Option<&ImageFile>, method: ExportMethod) -> bool {
    if method == ExportMethod::SymLink && part.is_none() {
        return fs::read_link(target).is_ok_and(|link| link == item.path);
    }
    let expected = match part {
        Some(part) => part.bytes.len() as u64,
        None => fs::metadata(&item.path).map_or(u64::MAX, |metadata| metadata.len()),
    };
    let has_size = fs::metadata(target).is_ok_and(|metadata| metadata.len() == expected);
    let content = || fs::read(target).unwrap_or_default();
    has_size
        && match part {
            Some(part) => content() == part.bytes,
            None => ImageId::of(&content()) == item.image,
        }
}

fn copy_file(source: &Path, target: &Path) -> Result<(), Failed> {
    let mut input = File::open(source).map_err(|error| unreadable(&error))?;
    let modified = input.metadata().and_then(|metadata| metadata.modified()).ok();
    replace(target, &mut input, modified)
}

/// Writes a file beside its place and moves it there, so that no half of one is found.
fn replace(target: &Path, input: &mut dyn Read, modified: Option<SystemTime>) -> Result<(), Failed> {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".part");
    let unfinished = target.with_file_name(name);
    let written = (|| {
        let mut out = File::create(&unfinished).map_err(Failed::Target)?;
        copy(input, &mut out)?;
        if let Some(modified) = modified {
            // Some file systems keep no times.
            let _ = out.set_modified(modified);
        }
        fs::rename(&unfinished, target).map_err(Failed::Target)
    })();
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn copy(input: &mut dyn Read, out: &mut dyn Write) -> Result<(), Failed> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = input.read(&mut chunk).map_err(|error| unreadable(&error))?;
        if length == 0 {
            return Ok(());
        }
        out.write_all(&chunk[..length]).map_err(Failed::Target)?;
    }
}

fn unreadable(error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::NotFound => gone(),
        _ => Failed::Item(error.to_string()),
    }
}

fn gone() -> Failed {
    Failed::Item("its file is gone, or its disk is not mounted".to_owned())
}

fn link_failed(error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::NotFound => gone(),
        io::ErrorKind::CrossesDevices => {
            Failed::Item("a hard link needs the same file system; use --copy or --symlink".to_owned())
        }
        _ if eidetic_atomic_file::is_unwritable(error) => {
            Failed::Target(io::Error::new(error.kind(), error.to_string()))
        }
        _ => Failed::Item(error.to_string()),
    }
}

#[cfg(unix)]
fn symlink(source: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(source, target)
}

#[cfg(windows)]
fn symlink(source: &Path, target: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(source, target)
}

/// Archives have local times, from 1980 on.
fn zip_time(time: SystemTime) -> Option<zip::DateTime> {
    let local = jiff::Timestamp::try_from(time)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::system());
    zip::DateTime::from_date_and_time(
        local.year().try_into().ok()?,
        local.month() as u8,
        local.day() as u8,
        local.hour() as u8,
        local.minute() as u8,
        local.second() as u8,
    )
    .ok()
}
