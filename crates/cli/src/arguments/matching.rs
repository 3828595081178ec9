//! Arguments of the commands that compare pictures with texts: `match`, `screen`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;

use super::ModelOptions;

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
    /// Read lines of picture<TAB>text from a file and score each; `-` reads standard input
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
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ScreenArgs {
    /// Profile whose patterns to check
    #[arg(long, value_name = "NAME", default_value = "moderation")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) profile_options: ProfileOptions,
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
