//! Rows of a table that stay in their file and are read when they are needed.
//!
//! The table of a multilingual vocabulary is more than half of a model, and a text needs some dozen rows of it. Loading
//! reads the whole file once, for the hash that names the model's revision; of a table it keeps a checksum for each row.
//! The file stays open: one that is replaced can still be read, and one that is overwritten is noticed row by row.

use std::fs::File;
use std::io;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use eidetic_encoder::EncodeError;
use safetensors::Dtype;
use thiserror::Error;

use super::gguf_blocks::Blocks;
use crate::error::LoadError;

/// Tables of at least this many bytes stay in their file; smaller ones are not worth it.
pub const LEAST_BYTES: u64 = 1 << 20;
/// Bytes that are read at once while a file is loaded.
const STEP: usize = 1 << 20;

/// Rows of equal length in a file.
#[derive(Debug, Clone)]
pub struct FileRows {
    place: RowsPlace,
    /// CRC-32 of each row.
    checksums: Vec<u32>,
}

/// Where a table is in a file.
#[derive(Debug, Clone)]
pub struct RowsPlace {
    file: Arc<File>,
    /// The first byte of the first row.
    start: u64,
    rows: usize,
    width: usize,
    kind: GgmlDType,
}

/// Why a row cannot be read.
#[derive(Debug, Error)]
pub enum RowError {
    /// The file was cut off, or overwritten, since it was loaded.
    #[error("the model's weights have changed on disk since they were loaded; start the program again")]
    Changed,
    /// The disk failed.
    #[error("cannot read the model's token table: {0}")]
    Unreadable(io::Error),
}

impl From<RowError> for EncodeError {
    fn from(error: RowError) -> Self {
        Self::Engine(error.into())
    }
}

impl RowsPlace {
    /// A table of `shape` that begins at byte `start` of a safetensors file; `None` where that is no table of numbers.
    pub fn in_safetensors(file: &Arc<File>, start: u64, dtype: Dtype, shape: &[usize]) -> Option<Self> {
        let kind = match dtype {
            Dtype::F32 => GgmlDType::F32,
            Dtype::F16 => GgmlDType::F16,
            Dtype::BF16 => GgmlDType::BF16,
            _ => return None,
        };
        Self::in_gguf(file, start, kind, shape)
    }

    /// The same in a GGUF file.
    pub fn in_gguf(file: &Arc<File>, start: u64, kind: GgmlDType, shape: &[usize]) -> Option<Self> {
        let &[rows, width] = shape else { return None };
        let place = Self {
            file: Arc::clone(file),
            start,
            rows,
            width,
            kind,
        };
        (rows > 0 && place.row_bytes() > 0).then_some(place)
    }

    /// Bytes of a row; 0 where blocks do not fill it.
    fn row_bytes(&self) -> usize {
        if self.width.is_multiple_of(self.kind.block_size()) {
            self.width / self.kind.block_size() * self.kind.type_size()
        } else {
            0
        }
    }
}

impl FileRows {
    /// Takes the bytes of all rows from a reader that stands at the first one, and keeps their checksums.
    pub fn scan(
        place: RowsPlace,
        mut take: impl FnMut(u64) -> Result<Vec<u8>, LoadError>,
    ) -> Result<Self, LoadError> {
        let row_bytes = place.row_bytes();
        let step = (STEP / row_bytes).max(1);
        // Memory grows with what arrives, not with what the header claims.
        let mut checksums = Vec::new();
        while checksums.len() < place.rows {
            let count = step.min(place.rows - checksums.len());
            let bytes = take((count * row_bytes) as u64)?;
            checksums.extend(bytes.chunks_exact(row_bytes).map(crc32fast::hash));
        }
        checksums.shrink_to_fit();
        Ok(Self { place, checksums })
    }

    /// Reads row `row` into `out`.
    pub fn read(&self, row: usize, out: &mut [f32]) -> Result<(), RowError> {
        let place = &self.place;
        let mut bytes = vec![0; place.row_bytes()];
        let offset = place.start + (row * bytes.len()) as u64;
        read_exact_at(&place.file, &mut bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => RowError::Changed,
            _ => RowError::Unreadable(error),
        })?;
        if self.checksums[row] != crc32fast::hash(&bytes) {
            return Err(RowError::Changed);
        }
        let blocks = Blocks::new(place.kind, bytes, 1, place.width).map_err(|_| RowError::Changed)?;
        out.copy_from_slice(&blocks.values());
        Ok(())
    }

    /// All values, row by row.
    pub fn values(&self) -> Result<Vec<f32>, RowError> {
        let mut values = vec![0.0; self.place.rows * self.place.width];
        for (row, out) in values.chunks_exact_mut(self.place.width).enumerate() {
            self.read(row, out)?;
        }
        Ok(values)
    }

    /// Bytes of memory that the rows take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        4 * self.checksums.len()
    }
}

/// The same rows of the same open file.
impl PartialEq for FileRows {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.place, &other.place);
        Arc::ptr_eq(&ours.file, &theirs.file) && ours.start == theirs.start && ours.rows == theirs.rows
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use eidetic_kernels::matrix::HalfFormat;

    use super::*;

    const WIDTH: usize = 32;

    fn scanned(path: &std::path::Path, place: impl FnOnce(&Arc<File>) -> Option<RowsPlace>) -> FileRows {
        let mut file = File::open(path).unwrap();
        let mut start = [0; 3];
        file.read_exact(&mut start).unwrap();
        let place = place(&Arc::new(file.try_clone().unwrap())).unwrap();
        FileRows::scan(place, |count| {
            let mut bytes = vec![0; count as usize];
            file.read_exact(&mut bytes).unwrap();
            Ok(bytes)
        })
        .unwrap()
    }

    fn numbers() -> Vec<f32> {
        (0..70 * WIDTH).map(|i| (i as f32 * 0.7).sin()).collect()
    }

    /// Three bytes of something else, then the rows.
    fn write(path: &std::path::Path, rows: impl Iterator<Item = u8>) {
        fs::write(path, [1_u8, 2, 3].into_iter().chain(rows).collect::<Vec<u8>>()).unwrap();
    }

    #[test]
    fn rows_equal_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        write(&path, numbers().into_iter().flat_map(f32::to_le_bytes));
        let rows = scanned(&path, |file| {
            RowsPlace::in_safetensors(file, 3, Dtype::F32, &[70, WIDTH])
        });
        assert_eq!(rows.values().unwrap(), numbers());
        let halves: Vec<u16> = numbers()
            .into_iter()
            .map(|x| HalfFormat::Bf16.from_f32(x))
            .collect();
        write(&path, halves.iter().flat_map(|half| half.to_le_bytes()));
        let rows = scanned(&path, |file| {
            RowsPlace::in_safetensors(file, 3, Dtype::BF16, &[70, WIDTH])
        });
        let widened: Vec<f32> = halves.iter().map(|half| HalfFormat::Bf16.to_f32(*half)).collect();
        assert_eq!(rows.values().unwrap(), widened);
    }

    #[test]
    fn quantized_rows_equal_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        // Blocks of 32 signed bytes after a 16-bit scale.
        let block = |row: u8| {
            [0, 0x2c]
                .into_iter()
                .chain((0..32_u8).map(move |i| i.wrapping_mul(7).wrapping_add(row)))
        };
        let bytes: Vec<u8> = (0..70).flat_map(block).collect();
        write(&path, bytes.iter().copied());
        let rows = scanned(&path, |file| {
            RowsPlace::in_gguf(file, 3, GgmlDType::Q8_0, &[70, WIDTH])
        });
        let expected = Blocks::new(GgmlDType::Q8_0, bytes, 70, WIDTH).unwrap().values();
        assert_eq!(rows.values().unwrap(), expected);
    }

    #[test]
    fn changed_file_is_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let write_rows = || write(&path, numbers().into_iter().flat_map(f32::to_le_bytes));
        write_rows();
        let rows = scanned(&path, |file| {
            RowsPlace::in_safetensors(file, 3, Dtype::F32, &[70, WIDTH])
        });
        let mut out = [0.0; WIDTH];
        let mut read = |row| rows.read(row, &mut out);
        // Overwritten in place.
        let mut bytes = fs::read(&path).unwrap();
        bytes[3 + 4 * WIDTH] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(read(1), Err(RowError::Changed)));
        read(0).unwrap();
        // Cut off.
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1000)
            .unwrap();
        assert!(matches!(read(69), Err(RowError::Changed)));
        write_rows();
        read(69).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn replaced_file_stays_readable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        write(&path, numbers().into_iter().flat_map(f32::to_le_bytes));
        let rows = scanned(&path, |file| {
            RowsPlace::in_safetensors(file, 3, Dtype::F32, &[70, WIDTH])
        });
        let other = folder.path().join("other");
        fs::write(&other, "something else").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(rows.values().unwrap(), numbers());
    }

    #[test]
    fn what_is_no_table_has_no_rows() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        for shape in [&[][..], &[8], &[8, 2, 2], &[0, 8], &[8, 0]] {
            assert!(RowsPlace::in_safetensors(&file, 0, Dtype::F32, shape).is_none());
        }
        assert!(RowsPlace::in_safetensors(&file, 0, Dtype::I64, &[8, 8]).is_none());
        assert!(RowsPlace::in_gguf(&file, 0, GgmlDType::Q8_0, &[8, 33]).is_none());
    }
}
