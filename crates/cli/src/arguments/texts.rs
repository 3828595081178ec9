//! Arguments of `texts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::ModelOptions;

#[derive(Debug, Args)]
pub(crate) struct TextsArgs {
    #[command(subcommand)]
    pub(crate) action: TextsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TextsAction {
    /// Make a set of the texts of a file, or bring the set up to date with it
    Add(TextsAddArgs),
    /// List the sets
    List,
    /// Remove a set with its texts
    Remove(TextsRemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TextsAddArgs {
    /// Plain lines, CSV or TSV with a header (a column `text`, if you like `id`, any others), or JSON lines with the same
    /// names; `-` reads standard input. Texts that the set has and the file has not are removed
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the set [default: the file's name without its ending]
    #[arg(long, value_name = "SET")]
    pub(crate) name: Option<String>,
    /// Model of a new library, as `eidetic index` takes it
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: Option<ModelRef>,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct TextsRemoveArgs {
    /// Name of the set
    #[arg(value_name = "SET")]
    pub(crate) set: String,
}
