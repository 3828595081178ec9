//! What a file has of each image, and how it is read and written.

use std::path::PathBuf;

use eidetic_domain::{Embedding, ImageId, SpaceId};
use jiff::civil::DateTime;

use crate::ExchangeError;

/// Which columns a file has beside the images' ids, paths and embeddings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowColumns {
    /// None.
    #[default]
    Embeddings,
    /// Date, size and tags.
    Metadata,
}

/// What a file that is written says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportInfo {
    /// The space of all embeddings.
    pub space: SpaceId,
    /// Number of rows that will be written.
    pub rows: u64,
    /// What each row has.
    pub columns: RowColumns,
}

/// An image that is written.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorRow {
    /// Hash of its content.
    pub image: ImageId,
    /// Absolute paths of its files; at least one.
    pub paths: Vec<PathBuf>,
    /// Its embedding.
    pub embedding: Embedding,
    /// Written if the columns are those of metadata.
    pub details: RowDetails,
}

/// What is known of an image beside its embedding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowDetails {
    /// Date taken, in local time.
    pub taken: Option<DateTime>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Its tags, the most probable first.
    pub tags: Vec<String>,
}

/// Writes rows one block after another.
pub trait VectorWriter {
    /// Writes rows. Errors: the file cannot be written.
    fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError>;

    /// Ends the file. Errors: it cannot be written, or has not as many rows as were announced.
    fn finish(self: Box<Self>) -> Result<(), ExchangeError>;
}

/// What a file that is read says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileInfo {
    /// The space of all embeddings, as text; `None` in files of other programs.
    pub space: Option<String>,
    /// Number of components of the first embedding; 0 in a file without rows.
    pub dimension: usize,
    /// Number of rows that the file declares; `None` where only reading it tells.
    pub rows: Option<u64>,
}

/// An image that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportedRow {
    /// Hash of its content, if the file has it.
    pub image: Option<ImageId>,
    /// A path of it, absolute or not, if the file has one.
    pub path: Option<PathBuf>,
    /// Its embedding as it is in the file: of any length, norm and values.
    pub components: Vec<f32>,
}

/// Reads rows one block after another.
pub trait VectorReader {
    /// What the file says of itself.
    fn info(&self) -> &FileInfo;

    /// The next rows; none at the end.
    ///
    /// Errors: the file is damaged, or cannot be read.
    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError>;
}
