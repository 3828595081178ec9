//! Arguments of `events`.

use std::path::PathBuf;

use clap::Args;

use super::{FilterArgs, count};

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// A picture, or its id: list the pictures of its event instead
    #[arg(value_name = "PATH|ID")]
    pub(crate) picture: Option<PathBuf>,
    /// Maximum number of events, or of pictures of one, or `all` [default: 50; all pictures of an event]
    #[arg(short, value_name = "N|all", value_parser = count)]
    pub(crate) k: Option<usize>,
    /// Go on after a page: its `next_cursor` in JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
