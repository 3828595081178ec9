//! Arguments of `search`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eidetic_domain::ImageId;
use eidetic_search::Query;
use eidetic_server::params::SortParam;

use super::{FilterArgs, ModelOptions, VariantArgs, count, unit_interval};

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words that describe the picture; put `--` before words that begin with a dash
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Search for pictures similar to this file
    #[arg(long, value_name = "FILE", conflicts_with = "image_id")]
    pub(crate) image: Option<PathBuf>,
    /// Search for pictures similar to an image of the library
    #[arg(long, value_name = "ID")]
    pub(crate) image_id: Option<ImageId>,
    /// Words that describe what the picture should not show
    #[arg(long, value_name = "TEXT")]
    pub(crate) without: Option<String>,
    /// Weight of the words relative to the picture, from 0 to 1
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.5, value_parser = unit_interval)]
    pub(crate) text_weight: f32,
    /// Maximum number of hits, or `all`
    #[arg(short, value_name = "N|all", default_value_t = Query::DEFAULT_K, value_parser = count)]
    pub(crate) k: usize,
    /// Go on after a page: its `next_cursor` in JSON
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// The order of the hits: the best first, or the latest first
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "score|taken"
    )]
    pub(crate) sort: HitSortArg,
    /// Omit hits with a lower confidence, from 0 to 1
    #[arg(long, value_name = "P", value_parser = unit_interval)]
    pub(crate) min_confidence: Option<f32>,
    /// Show pictures that look the same as hits of their own, rather than as one hit with their number
    #[arg(long)]
    pub(crate) expand: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Search another space, by its model or its number in `eidetic space`; embeds missing images first. `all` searches all
    /// spaces and joins their hits, by confidence or else by rank
    #[arg(long, visible_alias = "spaces", value_name = "NAME|all")]
    pub(crate) space: Option<String>,
    #[command(flatten)]
    pub(crate) output: PathArgs,
    #[command(flatten)]
    pub(crate) open: OpenArgs,
    /// Search the stored texts: those that describe a picture, or that resemble the words
    #[arg(long, conflicts_with_all = ["without", "text_weight", "folder", "tag", "after", "before", "format", "camera", "lens", "keyword",
        "place", "name", "rating", "size", "orientation", "damaged", "unreachable", "cursor", "sort", "paths", "null",
        "open", "expand"])]
    pub(crate) texts: bool,
    /// Search only this set of texts
    #[arg(long, value_name = "SET", requires = "texts")]
    pub(crate) set: Option<String>,
    #[command(flatten)]
    pub(crate) variants: VariantArgs,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HitSortArg {
    #[default]
    Score,
    Taken,
}

impl From<HitSortArg> for SortParam {
    fn from(sort: HitSortArg) -> Self {
        match sort {
            HitSortArg::Score => Self::Score,
            HitSortArg::Taken => Self::Taken,
        }
    }
}

/// What ends a path where only paths are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathEnd {
    /// A line break.
    Line,
    /// The one byte that no path has.
    Nul,
}

impl SearchArgs {
    /// The words as one text, joined by single spaces.
    pub(crate) fn text(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join(" "))
    }
}

/// Options that print paths alone.
#[derive(Debug, Default, Args)]
pub(crate) struct PathArgs {
    /// Print only the path of each picture, one a line, as it is
    #[arg(long, conflicts_with = "json")]
    pub(crate) paths: bool,
    /// The same, with a NUL after each path instead of a line break, as `xargs -0` takes them
    #[arg(short = '0', long = "null", visible_alias = "print0", conflicts_with = "json")]
    pub(crate) null: bool,
}

/// Options that open pictures.
#[derive(Debug, Default, Args)]
pub(crate) struct OpenArgs {
    /// Open the first picture with the system's viewer, or the first N
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub(crate) open: Option<u16>,
}

impl OpenArgs {
    /// Number of pictures to open.
    pub(crate) fn count(&self) -> usize {
        self.open.unwrap_or(0).into()
    }
}

impl PathArgs {
    /// Whether only paths are printed, and what ends each.
    pub(crate) fn paths_only(&self) -> Option<PathEnd> {
        match (self.null, self.paths) {
            (true, _) => Some(PathEnd::Nul),
            (false, true) => Some(PathEnd::Line),
            (false, false) => None,
        }
    }
}
