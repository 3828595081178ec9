//! Arguments of `vectors`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eidetic_exchange::FileFormat;
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::{FilterArgs, ModelOptions};

#[derive(Debug, Args)]
pub(crate) struct VectorsArgs {
    #[command(subcommand)]
    pub(crate) action: VectorsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VectorsAction {
    /// Write embeddings to a file for other programs: Parquet, npz, JSON lines, or a folder of clip-retrieval
    Export(Box<VectorsExportArgs>),
    /// Take embeddings from a file, for pictures that have none yet
    Import(Box<VectorsImportArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct VectorsExportArgs {
    /// File to write, named *.parquet, *.npz or *.jsonl; with --format clip-retrieval, a folder to create
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format [default: what the file's name says]
    #[arg(long = "format", value_name = "parquet|npz|jsonl|clip-retrieval")]
    pub(crate) file_format: Option<FileFormat>,
    /// Export another space than the active one, by its model or its number in `eidetic space`
    #[arg(long, value_name = "NAME")]
    pub(crate) space: Option<String>,
    /// Write dates, sizes and tags too
    #[arg(long)]
    pub(crate) metadata: bool,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VectorsImportArgs {
    /// File to read, named *.parquet, *.npz or *.jsonl, or a folder of clip-retrieval
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format [default: what the file's name says]
    #[arg(long = "format", value_name = "parquet|npz|jsonl|clip-retrieval")]
    pub(crate) file_format: Option<FileFormat>,
    /// Import a file that does not say which model made it, if up to 32 of its embeddings agree with what the library's model
    /// makes of the same pictures
    #[arg(long)]
    pub(crate) assume_space: bool,
    /// Folder that relative paths in the file begin in [default: the working directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
    /// Folder of the pictures, which becomes one of the library's: its pictures that are in the file are indexed; the others are
    /// left to `eidetic index`. Repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Vec<PathBuf>,
    /// Model of a new library [default: the one that the file names]
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model, requires = "source")]
    pub(crate) model: Option<ModelRef>,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}
