//! The vector file: a header page, then rows of one size.
//!
//! A row is the image's id (32 bytes), the vector (`dimension` times f32, little endian) and the CRC-32 of both. A row
//! means nothing by itself: a catalog record that names it makes it live, so a torn or stale row does no harm.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use eidetic_domain::{ImageId, SpaceId};

use crate::IndexError;
use crate::header::{self, HEADER_BYTES};
use crate::positioned::PositionedFile;

const FILE_NAME: &str = "vectors.bin";
const ID_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// An open vector file of one space.
#[derive(Debug)]
pub(crate) struct VectorFile {
    path: PathBuf,
    file: PositionedFile,
    row_bytes: usize,
}

impl VectorFile {
    /// Opens the vector file in `directory`, or makes an empty one; `directory` must exist.
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
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let file = PositionedFile::new(file);
        let mut page = Box::new([0; HEADER_BYTES]);
        match file.read_exact_at(page.as_mut_slice(), 0) {
            Ok(()) => header::check(&page, space, &path)?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(IndexError::Damaged {
                    path,
                    reason: "it ends within its first page".to_owned(),
                });
            }
            Err(source) => return Err(IndexError::Io { path, source }),
        }
        Ok(Self {
            path,
            file,
            row_bytes: ID_BYTES + 4 * space.dimension + CHECKSUM_BYTES,
        })
    }

    /// Whole rows that the file has room for, live or not.
    pub(crate) fn rows(&self) -> Result<u64, IndexError> {
        Ok(self.bytes()?.saturating_sub(HEADER_BYTES as u64) / self.row_bytes as u64)
    }

    /// Size of the file.
    pub(crate) fn bytes(&self) -> Result<u64, IndexError> {
        self.file.len().map_err(|source| self.failed(source))
    }

    /// Bytes of one row.
    pub(crate) const fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Reads the rows from `first` on that fill `buffer`, a multiple of [`row_bytes`](Self::row_bytes).
    pub(crate) fn read_rows(&self, first: u64, buffer: &mut [u8]) -> Result<(), IndexError> {
        self.file
            .read_exact_at(buffer, self.offset(first))
            .map_err(|source| self.failed(source))
    }

    /// Reads one row into `buffer`, of [`row_bytes`](Self::row_bytes); false where the file ends before.
    pub(crate) fn read_row(&self, row: u64, buffer: &mut [u8]) -> Result<bool, IndexError> {
        match self.file.read_exact_at(buffer, self.offset(row)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Writes whole encoded rows, the first of them as row `first`.
    pub(crate) fn write_rows(&self, first: u64, bytes: &[u8]) -> Result<(), IndexError> {
        self.file
            .write_all_at(bytes, self.offset(first))
            .map_err(|source| self.failed(source))
    }

    /// Returns when every row written so far would survive power loss.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        self.file.sync_data().map_err(|source| self.failed(source))
    }

    /// Goes on with another file, such as one on a full disk.
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

/// Appends one row to `bytes`.
pub(crate) fn encode_row(image: &ImageId, vector: &[f32], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(image.as_bytes());
    bytes.extend(vector.iter().flat_map(|component| component.to_le_bytes()));
    let checksum = crc32fast::hash(&bytes[start..]);
    bytes.extend_from_slice(&checksum.to_le_bytes());
}

/// Reads a row into `vector`; false where the row is damaged, is another image's, or holds no unit vector.
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
    // A checksum can be right over numbers that no encoder gave; NaN fails the comparison too.
    (eidetic_kernels::dot(vector, vector) - 1.0).abs() < 1e-3
}
