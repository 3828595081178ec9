//! Arguments of `space`.

use clap::{Args, Subcommand};
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::{IndexingOptions, ModelOptions};

#[derive(Debug, Args)]
pub(crate) struct SpaceArgs {
    #[command(subcommand)]
    pub(crate) action: Option<SpaceAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpaceAction {
    /// List the spaces with their models and image counts [default]
    List,
    /// Embed every image with another model, then make its space the active one; run again to resume
    Switch(SwitchArgs),
    /// Delete the vectors, tags and calibrations of an inactive space
    Drop(DropSpaceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    /// Model: `small`, `default`, `best`, a Hub id, a directory, or `builtin`
    #[arg(value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
    /// Keep the space that is active now [default]
    #[arg(long, conflicts_with = "drop_old")]
    pub(crate) keep: bool,
    /// Drop the space that is active now once the switch is complete
    #[arg(long)]
    pub(crate) drop_old: bool,
    #[command(flatten)]
    pub(crate) indexing: IndexingOptions,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DropSpaceArgs {
    /// Model of the space, or its number in `eidetic space`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
