//! Arguments of the commands about labels: `calibrate`, `feedback`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ModelOptions, Variants};

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Labeled pairs, one per line: picture, text, and 1 for a match or 0 for none, separated by tabs or commas,
    /// with or without column names; 100 to 200 pairs suffice, more show higher precisions. A picture is a path,
    /// relative to the file's folder or the working directory, or an image id of the library
    #[arg(value_name = "PAIRS")]
    pub(crate) pairs: Option<PathBuf>,
    /// Content of the second column
    #[arg(long, value_enum, default_value_t = QueryKindArg::Text)]
    pub(crate) kind: QueryKindArg,
    /// Calibrate this profile only; other profiles and searches keep their confidences
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    pub(crate) profile: Option<String>,
    /// Read your own profiles from a file, to show what the pairs say about their levels
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
    /// Measure whether several wordings of each text, such as "a photo of TEXT", separate the pairs better, and if so use
    /// them from now on: the bundled ones, or those of a file, one a line, {} being the place of the text
    #[arg(
        long,
        value_name = "FILE|builtin|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "builtin",
        requires = "pairs",
        conflicts_with = "profile"
    )]
    pub(crate) variants: Option<Variants>,
    /// Write an HTML report with histograms, curves, thresholds, and the pairs on both sides of a movable
    /// threshold
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Show the calibration without storing it
    #[arg(long, requires = "pairs")]
    pub(crate) dry_run: bool,
    /// Revert the latest calibration of the kind
    #[arg(long, conflicts_with_all = ["pairs", "report", "history"])]
    pub(crate) undo: bool,
    /// Show the history of calibrations
    #[arg(long, conflicts_with_all = ["pairs", "report"])]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackArgs {
    /// Kind of the queries
    #[arg(long, value_enum, default_value_t = QueryKindArg::Text)]
    pub(crate) kind: QueryKindArg,
    /// Answers given in reviews of this profile
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    pub(crate) profile: Option<String>,
}

/// What images are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryKindArg {
    /// Words
    Text,
    /// Another picture
    #[value(name = "picture")]
    Image,
}

impl QueryKindArg {
    /// The name in arguments and in the HTTP API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "picture",
        }
    }
}

impl From<QueryKindArg> for eidetic_confidence::QueryKind {
    fn from(kind: QueryKindArg) -> Self {
        match kind {
            QueryKindArg::Text => Self::Text,
            QueryKindArg::Image => Self::Image,
        }
    }
}
