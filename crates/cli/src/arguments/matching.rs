//! Arguments of the commands that compare pictures with texts: `match`, `screen`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::{FilterArgs, ModelOptions, VariantArgs};

#[derive(Debug, Args)]
pub(crate) struct MatchArgs {
    /// Picture to compare with the texts
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "pairs",
        conflicts_with = "pairs"
    )]
    pub(crate) image: Option<PathBuf>,
    /// Texts that may describe the picture
    #[arg(value_name = "TEXT", conflicts_with = "pairs")]
    pub(crate) texts: Vec<String>,
    /// Read more texts from a file, one per line; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "pairs")]
    pub(crate) texts_from: Option<PathBuf>,
    /// Compare the pairs of a file: picture and text, separated by tabs or commas, with or without column names; `-` reads
    /// standard input. A picture is a path, relative to the file's folder or the working directory, or an image id of
    /// the library. The texts of one picture are candidates for it
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// Use this model instead of the library [default: the library's model and calibration]
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: Option<ModelRef>,
    /// Add the verdict of a profile: `product`, `moderation`, `album`, or one of --profiles. Without texts,
    /// use the patterns of the profile
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
    /// Share of the pairs that match, for which the profile's precisions hold; `batch` estimates it from the scores of
    /// at least 100 pairs [default: as the profile states]
    #[arg(long, value_name = "SHARE|batch", requires = "profile")]
    pub(crate) prevalence: Option<PrevalenceArg>,
    /// Print only the best text of each picture, with the second best and the difference of their scores
    #[arg(long)]
    pub(crate) best: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Show the views of each match: from the text, from the picture, by words of tags and names, and fused
    #[arg(long)]
    pub(crate) breakdown: bool,
    /// Read how much each view counts from a file with `direct`, `reverse` and `keywords` [default: 0.6, 0.3, 0.1]
    #[arg(long, value_name = "FILE.toml", requires = "breakdown")]
    pub(crate) weights: Option<PathBuf>,
    /// Learn the weights of the views from the labels in the third column of --pairs, and write them to a file for --weights
    #[arg(long, value_name = "FILE.toml", requires_all = ["breakdown", "pairs"], conflicts_with = "weights")]
    pub(crate) learn_weights: Option<PathBuf>,
    /// An instruction in place of the model's own, for models that take one (GME, Qwen3-VL); shows the views too
    #[arg(long, value_name = "TEXT")]
    pub(crate) instruction: Option<String>,
    #[command(flatten)]
    pub(crate) variants: VariantArgs,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

impl MatchArgs {
    /// Whether the views of each match are shown.
    pub(crate) const fn shows_views(&self) -> bool {
        self.breakdown || self.instruction.is_some()
    }
}

/// The share of pairs that match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PrevalenceArg {
    Share(f64),
    /// Estimated from the pairs.
    Batch,
}

impl FromStr for PrevalenceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "batch" {
            return Ok(Self::Batch);
        }
        match text.parse() {
            Ok(share) if share > 0.0 && share < 1.0 => Ok(Self::Share(share)),
            _ => Err("expected a share between 0 and 1, or batch".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ScreenArgs {
    /// Pictures and folders to screen, indexed or not [default: the pictures of the library]
    #[arg(value_name = "DIR|FILE")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read more paths from a file, one per line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
    /// Profile whose patterns to check
    #[arg(long, value_name = "NAME", default_value = "moderation")]
    pub(crate) profile: String,
    /// Read the patterns from a file: a text on each line, alone or followed by a tab and its risk (low, medium, high), the
    /// strictest level that it gives, or both
    #[arg(long, value_name = "FILE")]
    pub(crate) patterns: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
    /// Print pictures without a finding too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print a summary of levels and patterns only
    #[arg(long, conflicts_with = "all")]
    pub(crate) summary: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

/// Options that set a profile's thresholds.
#[derive(Debug, Args)]
pub(crate) struct ProfileOptions {
    /// Read your own profiles from a file; they override bundled ones of the same name (see docs/profiles.md)
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
    /// Cost of a wrong verdict
    #[arg(long, value_enum, default_value_t = CriticalityArg::Normal)]
    pub(crate) criticality: CriticalityArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CriticalityArg {
    /// Allow twice the error
    Low,
    /// Allow the error that the profile states
    Normal,
    /// Allow half the error
    High,
}

impl From<CriticalityArg> for eidetic_confidence::profile::Criticality {
    fn from(criticality: CriticalityArg) -> Self {
        match criticality {
            CriticalityArg::Low => Self::Low,
            CriticalityArg::Normal => Self::Normal,
            CriticalityArg::High => Self::High,
        }
    }
}
