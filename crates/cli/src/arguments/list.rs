//! Arguments of `list`.

use clap::{Args, ValueEnum};
use eidetic_library::{ListOrder, SortKey};

use super::{FilterArgs, OpenArgs, PathArgs, count};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The order: the latest or the last added first, by name, the largest or the best rated first, or at random
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "taken|added|name|size|rating|random"
    )]
    pub(crate) sort: SortArg,
    /// Reverse the order
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Number of a random order; another number gives another order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Maximum number of pictures, or `all` [default: 100; all with --paths and -0]
    #[arg(short, value_name = "N|all", value_parser = count)]
    pub(crate) k: Option<usize>,
    /// Go on after a page: its `next_cursor` in JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: PathArgs,
    #[command(flatten)]
    pub(crate) open: OpenArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArg {
    #[default]
    Taken,
    Added,
    Name,
    Size,
    Rating,
    Random,
}

impl SortArg {
    /// The name in a request.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Added => "added",
            Self::Name => "name",
            Self::Size => "size",
            Self::Rating => "rating",
            Self::Random => "random",
        }
    }
}

impl ListArgs {
    pub(crate) const fn order(&self) -> ListOrder {
        let key = match self.sort {
            SortArg::Taken => SortKey::Taken,
            SortArg::Added => SortKey::Added,
            SortArg::Name => SortKey::Name,
            SortArg::Size => SortKey::Bytes,
            SortArg::Rating => SortKey::Rating,
            SortArg::Random => SortKey::Random(self.seed),
        };
        ListOrder {
            key,
            reverse: self.reverse,
        }
    }
}
