//! Arguments of `map`.

use clap::Args;

use super::FilterArgs;

#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// Scale of the regions: 1 for few large ones, to 3 for many small ones
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(crate) level: u8,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
