//! Files of embeddings that other programs read and write.
//!
//! | format | what it is | read by |
//! | --- | --- | --- |
//! | [`FileFormat::Parquet`] | a table, one row an image | pandas, pyarrow, polars, `DuckDB` |
//! | [`FileFormat::Npz`] | arrays in a ZIP archive | `numpy.load`, and so faiss |
//! | [`FileFormat::JsonLines`] | one object a line | everything |
//! | [`FileFormat::ClipRetrieval`] | a folder of `img_emb_0.npy` and `metadata_0.parquet` | clip-retrieval, autofaiss |
//!
//! All of them name an image by its id (the hash of its content) and by its paths, and say of which embedding space they are.
//! Files of other programs have paths only, and no space. [`open`] reads any of them in blocks, and takes nothing that a file
//! declares for granted: memory is bounded by [`MAX_DIMENSION`] and the constants beside it, whatever a header says.
//!
//! This crate opens no library, and compares nothing with one.

mod clip_retrieval;
mod error;
mod format;
mod json_lines;
mod npy;
mod npz;
mod parquet_file;
mod path_text;
mod row;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use clip_retrieval::{FolderFiles, FolderWriter};
pub use error::ExchangeError;
pub use format::FileFormat;
pub use row::{
    ExportInfo, FileInfo, ImportedRow, RowColumns, RowDetails, VectorReader, VectorRow, VectorWriter,
};

/// The largest dimension of embeddings that is read.
pub const MAX_DIMENSION: usize = 65_536;
/// The longest path that is read, in bytes.
pub const MAX_PATH: usize = 65_536;
/// The version of the layout of columns and arrays that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// Rows of a block, and the values that all of its embeddings may have together.
const BLOCK_ROWS: usize = 1024;
const BLOCK_VALUES: usize = 1 << 20;

/// Rows that are read at a time.
const fn block_rows(dimension: usize) -> usize {
    let fitting = BLOCK_VALUES / if dimension == 0 { 1 } else { dimension };
    if fitting == 0 {
        1
    } else if fitting < BLOCK_ROWS {
        fitting
    } else {
        BLOCK_ROWS
    }
}

/// Opens a file or folder of embeddings.
///
/// Errors: it cannot be read, or is not of this format.
pub fn open(path: &Path, format: FileFormat) -> Result<Box<dyn VectorReader>, ExchangeError> {
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet_file::Reader::open(File::open(path)?)?),
        FileFormat::Npz => Box::new(npz::Reader::open(path)?),
        FileFormat::JsonLines => {
            let input = BufReader::with_capacity(1 << 18, File::open(path)?);
            Box::new(json_lines::Reader::new(Box::new(input))?)
        }
        FileFormat::ClipRetrieval => Box::new(clip_retrieval::Reader::open(path)?),
    })
}

/// Writes embeddings to an open file, of any format but that of a folder.
///
/// Errors: the format is a folder, which a [`FolderWriter`] writes; the file cannot be written.
pub fn writer<'a>(
    format: FileFormat,
    out: &'a mut File,
    info: &ExportInfo,
) -> Result<Box<dyn VectorWriter + 'a>, ExchangeError> {
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet_file::Writer::new(out, info)?),
        FileFormat::Npz => Box::new(npz::Writer::new(out, info)?),
        FileFormat::JsonLines => Box::new(json_lines::Writer::new(out, info)),
        FileFormat::ClipRetrieval => {
            return Err(ExchangeError::invalid("this format is a folder, not a file"));
        }
    })
}
