//! Arguments of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::{ModelOptions, batch_size, thread_count};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) subject: BenchSubject,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchSubject {
    /// Measure images per second and milliseconds per text of a model
    Encode(BenchEncodeArgs),
    /// Measure the stages before the model: read, hash, decode, thumbnail, preprocess
    Decode(BenchDecodeArgs),
    /// Measure recall and speed of the search graph against exact search
    Index(BenchIndexArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchEncodeArgs {
    /// Model: `small`, `default`, `best`, a Hub id, a directory, or `builtin`
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
    /// Number of threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = thread_count())]
    pub(crate) threads: u16,
    /// Images per model run
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = batch_size())]
    pub(crate) batch: u16,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BenchDecodeArgs {
    /// Folder of pictures, including its subfolders
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Model to preprocess for: a Hub id, a directory, or `builtin`
    #[arg(long, value_name = "NAME|DIR", default_value = "builtin", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
    /// Also decode at full size, and compare times and vectors
    #[arg(long)]
    pub(crate) compare: bool,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BenchIndexArgs {
    /// Vectors to index: 32-bit little-endian floats, row after row
    #[arg(long, value_name = "FILE")]
    pub(crate) vectors: PathBuf,
    /// Query vectors in the same format
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: PathBuf,
    /// Dimension of the vectors
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) dim: u32,
    /// Use only the first N vectors
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Number of threads for building and searching
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = thread_count())]
    pub(crate) threads: u16,
}
