//! Arguments of `check`.

use clap::Args;

/// The arguments of `eidetic check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Save everything that is whole, keep damaged files aside, and make the library writable again
    #[arg(long)]
    pub(crate) repair: bool,
}
