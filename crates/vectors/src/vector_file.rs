//! The vector file: a header page and rows of a fixed size.
//!
//! A row consists of the image id (32 bytes), the vector (`dimension` times f32, little endian) and the CRC-32 of both. A
//! row is live only if a catalog record names it, so a torn or stale row does no harm.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, SpaceId};

use crate::IndexError;
use crate::header::{self, HEADER_BYTES};
use crate::positioned_file::PositionedFile;

const FILE_NAME: &str = "vectors.bin";
const ID_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// The open vector file of one space.
#[derive(Debug)]
pub(crate) struct VectorFile {
    path: PathBuf,
    file: PositionedFile,
    row_bytes: usize,
    /// Number of calls of [`read_row`](Self::read_row), for tests.
    #[cfg(any(test, feature = "testing"))]
    row_reads: std::sync::atomic::AtomicU64,
}

impl VectorFile {
    /// Opens the vector file in `directory`, which must exist, or creates an empty one.
    pub(crate) fn open(directory: &Path, space: &SpaceId) -> Result<Self, IndexError> {
        let path = directory.join(FILE_NAME);
        let failed = |source| IndexError::Io {
            path: path.clone(),
            source,
        };
        if !path.try_exists().map_err(failed)? {
            let page = header::encode(space, &path)?;
            eidetic_atomic_file::write(&path, page.as_slice()).map_err(failed)?;
        }
        let file = PositionedFile::new(open(&path).map_err(failed)?);
        let mut page = Box::new([0; HEADER_BYTES]);
        match file.read_exact_at(page.as_mut_slice(), 0) {
            Ok(()) => header::check(&page, space, &path)?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(IndexError::Damaged {
                    path,
                    reason: "it is shorter than its header".to_owned(),
                });
            }
            Err(source) => return Err(IndexError::Io { path, source }),
        }
        Ok(Self {
            path,
            file,
            row_bytes: ID_BYTES + 4 * space.dimension + CHECKSUM_BYTES,
            #[cfg(any(test, feature = "testing"))]
            row_reads: std::sync::atomic::AtomicU64::new(0),
        })
    }

    /// Whether there is a file in `directory`.
    pub(crate) fn exists(directory: &Path) -> bool {
        directory.join(FILE_NAME).exists()
    }

    /// The space of the vector file in `directory`, as its header says; `None` where that cannot be read.
    pub(crate) fn space_in(directory: &Path) -> Option<SpaceId> {
        let file = PositionedFile::new(open(&directory.join(FILE_NAME)).ok()?);
        let mut page = Box::new([0; HEADER_BYTES]);
        file.read_exact_at(page.as_mut_slice(), 0).ok()?;
        header::space(&page)
    }

    /// Writes the header again, where it is damaged, for a file of `space`. Returns whether it did.
    ///
    /// Which space the vectors are of is not checked: the caller knows it from elsewhere, and rows of another size fail
    /// their checksums.
    pub(crate) fn restore_header(directory: &Path, space: &SpaceId) -> Result<bool, IndexError> {
        let path = directory.join(FILE_NAME);
        match Self::open(directory, space) {
            Err(IndexError::Damaged { .. }) => {
                let page = header::encode(space, &path)?;
                let written = OpenOptions::new().write(true).open(&path).and_then(|file| {
                    PositionedFile::new(file.try_clone()?).write_all_at(page.as_slice(), 0)?;
                    file.sync_all()
                });
                written.map_err(|source| IndexError::Io { path, source })?;
                Ok(true)
            }
            opened => opened.map(|_| false),
        }
    }

    /// Number of complete rows in the file, live or not.
    pub(crate) fn rows(&self) -> Result<u64, IndexError> {
        Ok(self.bytes()?.saturating_sub(HEADER_BYTES as u64) / self.row_bytes as u64)
    }

    /// Size of the file.
    pub(crate) fn bytes(&self) -> Result<u64, IndexError> {
        self.file.len().map_err(|source| self.failed(source))
    }

    /// Size of a row in bytes.
    pub(crate) const fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Reads rows from `first` on into `buffer`, whose size is a multiple of [`row_bytes`](Self::row_bytes).
    pub(crate) fn read_rows(&self, first: u64, buffer: &mut [u8]) -> Result<(), IndexError> {
        self.file
            .read_exact_at(buffer, self.offset(first))
            .map_err(|source| self.failed(source))
    }

    /// Reads one row into `buffer`, of [`row_bytes`](Self::row_bytes) bytes. Returns false if the file is too short.
    pub(crate) fn read_row(&self, row: u64, buffer: &mut [u8]) -> Result<bool, IndexError> {
        #[cfg(any(test, feature = "testing"))]
        self.row_reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match self.file.read_exact_at(buffer, self.offset(row)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Writes encoded rows from row `first` on.
    pub(crate) fn write_rows(&self, first: u64, bytes: &[u8]) -> Result<(), IndexError> {
        self.file
            .write_all_at(bytes, self.offset(first))
            .map_err(|source| self.failed(source))
    }

    /// Returns once every row written so far would survive power loss.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        self.file.sync_data().map_err(|source| self.failed(source))
    }

    /// How often a single row was read since the file was opened.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn row_reads(&self) -> u64 {
        self.row_reads.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Replaces the open file by another one, such as `/dev/full`.
    #[cfg(test)]
    pub(crate) fn switch_to(&mut self, path: &Path) {
        let file = OpenOptions::new().read(true).write(true).open(path);
        self.file = PositionedFile::new(file.expect("opening the other file"));
    }

    const fn offset(&self, row: u64) -> u64 {
        HEADER_BYTES as u64 + row * self.row_bytes as u64
    }

    fn failed(&self, source: io::Error) -> IndexError {
        IndexError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// For reading only where the file cannot be written: searches need no more, and a change fails then.
fn open(path: &Path) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if eidetic_atomic_file::is_unwritable(&error) => File::open(path),
        opened => opened,
    }
}

/// Appends one row to `bytes`.
pub(crate) fn encode_row(image: &ImageId, vector: &[f32], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(image.as_bytes());
    bytes.extend(vector.iter().flat_map(|component| component.to_le_bytes()));
    let checksum = crc32fast::hash(&bytes[start..]);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

/// The image that a row says it is of.
pub(crate) fn image_of_row(row: &[u8]) -> Option<ImageId> {
    row.first_chunk::<ID_BYTES>().map(|id| ImageId::from_bytes(*id))
}

/// Decodes a row into `vector`. Returns false if the row is damaged, belongs to another image, or holds no unit vector.
pub(crate) fn decode_row(row: &[u8], image: &ImageId, vector: &mut [f32]) -> bool {
    let Some((content, checksum)) = row.split_last_chunk::<CHECKSUM_BYTES>() else {
        return false;
    };
    if !content.starts_with(image.as_bytes()) || crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return false;
    }
    let (components, _) = content[ID_BYTES..].as_chunks::<4>();
    for (component, bytes) in vector.iter_mut().zip(components) {
        *component = f32::from_le_bytes(*bytes);
    }
    // A valid checksum doesn't imply a unit vector. NaN fails this comparison too.
    (eidetic_kernels::dot(vector, vector) - 1.0).abs() < 1e-3
}
