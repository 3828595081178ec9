//! The details of an image from its files, their side-cars, names and times.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use eidetic_catalog::{Catalog, CatalogError, FileRecord, FileStamp};
use eidetic_containers::file_at;
use eidetic_domain::{
    ContainerKind, Details, ImageId, PartPath, PartPosition, Taken, TakenSource, better_taken,
};
use eidetic_imaging::{combine, decodes_differently, has_all_details, read_details, taken_by_name};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::budget::MemoryBudget;
use crate::side_cars::{FolderSideCars, SideCar, read_side_cars, trusted_fingerprint};
use crate::stamp::Stamper;

/// Other files of an image that are looked at.
const MAX_OTHER_FILES: usize = 8;
/// Folders whose side-cars are remembered.
const REMEMBERED_FOLDERS: usize = 64;
/// First bytes of a file in which those of most cameras have all their metadata.
const HEAD: u64 = 256 << 10;

/// A file whose details are to be read again, although it did not change.
#[derive(Debug)]
pub struct DetailsTask {
    /// Its record, with the stamp of now.
    pub file: FileRecord,
    pub image: ImageId,
    pub side_cars: Vec<SideCar>,
}

/// What files of an image say about it.
#[derive(Debug)]
pub struct FoundDetails {
    pub details: Box<Details>,
    pub scope: DetailsScope,
}

impl FoundDetails {
    /// The same for a file that was decoded, which showed what is wrong with it.
    pub fn with_damage(mut self, damage: Option<String>) -> Self {
        self.details.damage = damage;
        self
    }
}

/// Which files of an image were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsScope {
    /// All that the catalog knew.
    AllFiles,
    /// The one at hand, since the image was new or not yet committed.
    OneFile,
}

/// A file, as its details need it.
pub struct DescribedFile<'a> {
    pub path: &'a Path,
    pub modified_ns: i64,
    pub side_cars: &'a [SideCar],
}

/// Reads details for the decoder threads.
pub struct DetailsReader {
    stamper: Stamper,
    /// The side-cars of the folders of other files, the last one used last.
    folders: Mutex<VecDeque<(PathBuf, Arc<FolderSideCars>)>>,
}

impl DetailsReader {
    pub fn new(stamper: Stamper) -> Self {
        Self {
            stamper,
            folders: Mutex::default(),
        }
    }

    /// The details of a file's image, in which `embedded` was found, and of the other files that the catalog knows to
    /// hold it.
    pub fn read(
        &self,
        embedded: &Details,
        image: &ImageId,
        file: &DescribedFile<'_>,
        catalog: &dyn Catalog,
    ) -> Result<FoundDetails, CatalogError> {
        let known = catalog.find_by_hash(image)?;
        let scope = match known {
            Some(_) => DetailsScope::AllFiles,
            None => DetailsScope::OneFile,
        };
        let paths = known.map(|record| record.paths).unwrap_or_default();
        let others = paths
            .iter()
            .filter(|path| *path != file.path)
            .take(MAX_OTHER_FILES);
        let others = others.filter_map(|path| self.describe_other(embedded, path));
        let mut by_path: Vec<(&Path, Details)> = vec![(file.path, describe(embedded.clone(), file))];
        by_path.extend(others);
        // In the order of paths, so that the result does not depend on which file was read.
        by_path.sort_by_key(|(path, _)| *path);
        let mut details = by_path.into_iter().map(|(_, details)| details);
        let mut first = details.next().unwrap_or_default();
        details.for_each(|other| first.add(other));
        // Only decoding shows it, and the content is the same.
        first.damage = catalog.details(image)?.and_then(|known| known.damage);
        Ok(FoundDetails {
            details: Box::new(first),
            scope,
        })
    }

    /// Reads the details of a file that did not change, and whether earlier versions decoded it to other pixels. Of most
    /// JPEG files only the first bytes are read.
    pub fn read_again(
        &self,
        task: &DetailsTask,
        catalog: &dyn Catalog,
        memory: &MemoryBudget,
    ) -> Result<io::Result<(FileRecord, FoundDetails, bool)>, CatalogError> {
        let path = &task.file.path;
        let side_cars = trusted_fingerprint(&task.side_cars);
        let size = task.file.stamp.size;
        let _permit = memory.acquire(size);
        let (bytes, modified_ns) = match self.read_bytes(path, size) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let file = DescribedFile {
            path,
            modified_ns,
            side_cars: &task.side_cars,
        };
        let found = self.read(&read_details(&bytes), &task.image, &file, catalog)?;
        let record = FileRecord {
            stamp: FileStamp {
                side_cars,
                ..task.file.stamp
            },
            ..task.file.clone()
        };
        Ok(Ok((record, found, decodes_differently(&bytes))))
    }

    fn read_bytes(&self, path: &Path, size: u64) -> io::Result<(Vec<u8>, i64)> {
        let mut file = File::open(path)?;
        let modified_ns = self.stamper.stamp(&file.metadata()?).modified_ns;
        let mut bytes = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut bytes)?;
        if !has_all_details(&bytes) {
            let rest = size.saturating_sub(bytes.len() as u64);
            file.take(rest).read_to_end(&mut bytes)?;
        }
        Ok((bytes, modified_ns))
    }

    /// What another file of the image adds; none where it is gone.
    fn describe_other<'a>(&self, embedded: &Details, path: &'a PathBuf) -> Option<(&'a Path, Details)> {
        let source = file_at(path);
        let modified_ns = self.stamper.stamp(&fs::metadata(&source).ok()?).modified_ns;
        let (folder, name) = (source.parent()?, source.file_name()?);
        let side_cars = match ContainerKind::of(&source) {
            Some(ContainerKind::Archive) => Vec::new(),
            _ => self.in_folder(folder).of_file(folder, name),
        };
        let file = DescribedFile {
            path,
            modified_ns,
            side_cars: &side_cars,
        };
        Some((path, describe(embedded.clone(), &file)))
    }

    fn in_folder(&self, folder: &Path) -> Arc<FolderSideCars> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = folders.iter().position(|(path, _)| path == folder)
            && let Some(found) = folders.remove(at)
        {
            let side_cars = found.1.clone();
            folders.push_back(found);
            return side_cars;
        }
        drop(folders);
        let listed = Arc::new(FolderSideCars::list(folder, &self.stamper));
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.push_back((folder.to_owned(), listed.clone()));
        if folders.len() > REMEMBERED_FOLDERS {
            folders.pop_front();
        }
        listed
    }
}

/// What the file itself, its side-cars, its name and its time say.
fn describe(embedded: Details, file: &DescribedFile<'_>) -> Details {
    let path = named_by(file.path);
    let mut details = combine(embedded, read_side_cars(file.side_cars, &path));
    for taken in [taken_by_name(&path), file_time(file.modified_ns)] {
        details.taken = better_taken(details.taken, taken);
    }
    details
}

/// The path with the name that somebody gave: that of the whole file for its pages and frames.
fn named_by(path: &Path) -> Cow<'_, Path> {
    match PartPath::parse(path) {
        Some(part) if part.position() != PartPosition::Member => Cow::Owned(part.file),
        _ => Cow::Borrowed(path),
    }
}

/// The modification time in this machine's time zone. Before 1970 and at its very start, it is a mistake.
fn file_time(modified_ns: i64) -> Option<Taken> {
    let time = Timestamp::from_nanosecond(i128::from(modified_ns)).ok();
    let time = time.filter(|time| time.as_second() > 0)?;
    Taken::at(&time.to_zoned(TimeZone::system()), TakenSource::FileTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_time_is_last_resort() {
        let described = |name: &str, modified_ns| {
            let file = DescribedFile {
                path: Path::new(name),
                modified_ns,
                side_cars: &[],
            };
            describe(Details::default(), &file).taken
        };
        let taken = described("IMG_20240704_101112.jpg", 1_000_000_000_000_000_000).unwrap();
        assert_eq!(taken.source, TakenSource::FileName);
        let taken = described("a.jpg", 1_000_000_000_000_000_000).unwrap();
        assert_eq!((taken.source, taken.time.year()), (TakenSource::FileTime, 2001));
        assert_eq!(described("a.jpg", 0), None);
        assert_eq!(described("a.jpg", i64::MIN), None);
    }

    #[test]
    fn frames_are_dated_by_name_of_video() {
        let name = |path: &str| named_by(Path::new(path)).to_str().unwrap().to_owned();
        assert_eq!(name("/p/VID_20240704.mp4!/0:01:02.000"), "/p/VID_20240704.mp4");
        assert_eq!(name("/p/a.zip!/IMG_20240704.jpg"), "/p/a.zip!/IMG_20240704.jpg");
    }
}
