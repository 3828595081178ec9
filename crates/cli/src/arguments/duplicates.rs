//! Arguments of `duplicates`.

use clap::Args;
use eidetic_library::DuplicateKind;

use super::{FilterArgs, PathArgs, unit_interval};

#[derive(Debug, Args)]
pub(crate) struct DuplicatesArgs {
    #[command(flatten)]
    pub(crate) kinds: KindArgs,
    /// Least probability that images belong together, from 0 to 1 [default: 0.85 for copies, 0.5 for bursts]
    #[arg(long, value_name = "P", value_parser = unit_interval)]
    pub(crate) threshold: Option<f32>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Print only paths: of each group all but the best, one a line, each path once. Bursts, which are different photos, only
    /// with --burst
    #[arg(long, conflicts_with = "json")]
    pub(crate) paths: bool,
    /// The same, with a NUL after each path instead of a line break, as `xargs -0` takes them
    #[arg(short = '0', long = "null", visible_alias = "print0", conflicts_with = "json")]
    pub(crate) null: bool,
}

/// At most one of the kinds of groups.
#[derive(Debug, Args)]
#[group(id = "kind", multiple = false)]
pub(crate) struct KindArgs {
    /// Only files with the same content
    #[arg(long)]
    pub(crate) exact: bool,
    /// Only the same picture in another encoding, size, rotation, frame or crop
    #[arg(long)]
    pub(crate) near: bool,
    /// Only photos that one camera took of one scene within seconds
    #[arg(long)]
    pub(crate) burst: bool,
}

impl DuplicatesArgs {
    /// The one kind that is asked for.
    pub(crate) const fn kind(&self) -> Option<DuplicateKind> {
        match (self.kinds.exact, self.kinds.near, self.kinds.burst) {
            (true, _, _) => Some(DuplicateKind::Exact),
            (_, true, _) => Some(DuplicateKind::Near),
            (_, _, true) => Some(DuplicateKind::Burst),
            _ => None,
        }
    }

    /// What ends each path where only paths are printed.
    pub(crate) const fn output(&self) -> PathArgs {
        PathArgs {
            paths: self.paths,
            null: self.null,
        }
    }
}
