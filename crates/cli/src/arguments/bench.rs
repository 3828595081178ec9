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
    /// Measure the latencies of searches, lists and counts over HTTP
    Serve(BenchServeArgs),
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

#[derive(Debug, Args)]
pub(crate) struct BenchServeArgs {
    /// Measure a synthetic library of N images, which is removed afterwards; without it, the library itself. A million images
    /// take 5 GB of disk space and some minutes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) images: Option<u64>,
    /// Keep the synthetic library in this new folder, to measure it again with --library
    #[arg(long, value_name = "DIR", requires = "images")]
    pub(crate) keep: Option<PathBuf>,
    /// Model of the synthetic library: `small`, `default`, `best`, a Hub id, a directory, or `builtin`
    #[arg(long, value_name = "NAME|DIR", default_value = "builtin", value_parser = resolve_model, requires = "images")]
    pub(crate) model: ModelRef,
    /// Measured requests of each kind
    #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) requests: u32,
    /// Clients at once, beside a measurement with one
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    /// Longest time of each measurement, which then has fewer requests
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: u16,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}
