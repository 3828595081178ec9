//! Embeddings out of the library to files for other programs, and back in.

mod export;
mod import;
mod sample;
mod staging;

use std::collections::BTreeMap;
use std::path::PathBuf;

use eidetic_domain::Filter;
use eidetic_exchange::{FileFormat, RowColumns};
use eidetic_indexer::FileFailure;
use thiserror::Error;

/// Why embeddings cannot be written to a file, or not be taken from one.
#[derive(Debug, Error)]
pub enum VectorsError {
    /// Another file has the name.
    #[error("{path} exists already; name another file, or replace it with --overwrite")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder is never replaced.
    #[error("{path} exists already; name another folder, or remove it first")]
    FolderExists {
        /// The folder.
        path: PathBuf,
    },
    /// The run was stopped by its caller.
    #[error("stopped; nothing was written")]
    Stopped,
    /// A vector cannot be read that could be read a moment ago.
    #[error("the library changed meanwhile, so that the file would not be whole; run the command again")]
    Changed,
    /// The file is damaged, or not what its name says.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The embeddings are of another space.
    #[error(
        "{path} has embeddings of {found}, which cannot be compared with those of this library ({known}); import them into a \
         library of that model: index a folder with --library DIR --model NAME, or `eidetic space switch NAME`"
    )]
    OtherSpace {
        /// The file.
        path: PathBuf,
        /// The space that the file names.
        found: String,
        /// The spaces of the library.
        known: String,
    },
    /// The file does not say of which space it is.
    #[error(
        "{path} does not say which model made its embeddings; if it was {model}, import it with --assume-space, which compares a \
         sample of them with those of the model"
    )]
    NoSpace {
        /// The file.
        path: PathBuf,
        /// The model of the library.
        model: String,
    },
    /// The embeddings have another length.
    #[error("{path} has embeddings of {found} components, but those of {model} have {expected}")]
    OtherDimension {
        /// The file.
        path: PathBuf,
        /// Components in the file.
        found: usize,
        /// The model of the library.
        model: String,
        /// Components of its embeddings.
        expected: usize,
    },
    /// A sample of the embeddings is not what the model makes of the same images.
    #[error(
        "{path} was not made with {model}: of {compared} compared, the median cosine similarity to what the model makes is \
         {median:.3} and the least {least:.3}, where at least {required} is expected in the median; nothing was imported"
    )]
    NotOfModel {
        /// The file.
        path: PathBuf,
        /// The model of the library.
        model: String,
        /// Images that were compared.
        compared: usize,
        /// Median cosine similarity.
        median: f64,
        /// The least one.
        least: f64,
        /// The median that is required.
        required: f64,
    },
    /// No image of the file can be read, so nothing can be compared.
    #[error(
        "no picture of {path} can be read here, so it cannot be checked that {model} made its embeddings; mount their folders, or \
         give the folder that its paths begin in with --base DIR"
    )]
    NothingToCompare {
        /// The file.
        path: PathBuf,
        /// The model of the library.
        model: String,
    },
    /// No row of the file names an image.
    #[error("{path} names no picture: it has neither ids of this program nor paths")]
    NoNames {
        /// The file.
        path: PathBuf,
    },
}

impl VectorsError {
    /// Whether the run is the reason, rather than the file.
    pub const fn is_of_the_run(&self) -> bool {
        matches!(self, Self::Stopped | Self::Changed)
    }
}

/// Which embeddings are written to a file, and how.
#[derive(Debug, Clone)]
pub struct VectorsExport {
    /// The format of the file.
    pub format: FileFormat,
    /// What is written beside ids, paths and embeddings.
    pub columns: RowColumns,
    /// Only those of images that match it.
    pub filter: Filter,
    /// Whether a file of that name is replaced.
    pub overwrite: bool,
}

/// What was written to a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VectorsExported {
    /// Embeddings in the file.
    pub exported: u64,
    /// Images that match the filter and have no embedding, or a damaged one.
    pub missing: u64,
    /// Size of the file, or of the files in the folder.
    pub bytes: u64,
}

/// How embeddings are taken from a file.
#[derive(Debug, Clone)]
pub struct VectorsImport {
    /// The format of the file.
    pub format: FileFormat,
    /// What to do with a file that does not say of which space it is.
    pub unknown_space: UnknownSpace,
    /// The folder that relative paths begin in.
    pub base: PathBuf,
    /// Folders that become sources of the library.
    pub folders: Vec<PathBuf>,
}

/// What to do with a file that does not say of which space it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownSpace {
    /// It is refused.
    #[default]
    Refuse,
    /// It is taken for one of the library's space, if a sample agrees with what the model makes of the same images.
    Assume,
}

/// What an import did. Each row of the file is counted once among the first six.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VectorsImported {
    /// The space, as in search results.
    pub space: String,
    /// Images that got their embedding from the file.
    pub imported: u64,
    /// Rows of images that have an embedding already, or that stand in the file twice.
    pub present: u64,
    /// Rows of images that are neither known nor found in a folder of the library.
    pub not_found: u64,
    /// Rows of files that hold another image now; those were embedded by the model, as `index` does.
    pub changed: u64,
    /// Rows whose files could not be decoded or embedded; they are in `failures`.
    pub failed: u64,
    /// Number of rows whose embedding cannot be used, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Of the imported images, those that were new to the library.
    pub added: u64,
    /// What the comparison of a sample gave, where there was one.
    pub sample: Option<SampleComparison>,
    /// Files that could not be decoded.
    pub failures: Vec<FileFailure>,
    /// Whether the run was stopped before its end; what it imported is kept.
    pub cancelled: bool,
}

/// How well a sample of embeddings agrees with what the model makes of the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleComparison {
    /// Images that were compared.
    pub compared: usize,
    /// Median cosine similarity.
    pub median: f64,
    /// The least one.
    pub least: f64,
}
