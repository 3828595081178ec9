//! Several wordings of every text, for `match`, `search` and `calibrate`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use eidetic_encoder::Combination;

#[derive(Debug, Default, Args)]
pub(crate) struct VariantArgs {
    /// Embed every text in several wordings, such as "a photo of TEXT": the bundled ones, those of a file (one a line, {}
    /// being the place of the text), or `off` [default: as the calibration was measured, else off]
    #[arg(
        long,
        value_name = "FILE|builtin|off",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "builtin"
    )]
    pub(crate) variants: Option<Variants>,
    /// How the scores of the wordings become one
    #[arg(long, value_enum, requires = "variants", default_value_t = CombineArg::Mean)]
    pub(crate) combine: CombineArg,
}

/// The wordings that are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Variants {
    Off,
    Builtin,
    File(PathBuf),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CombineArg {
    /// The highest score; searches use the mean
    Best,
    /// The score of the mean of their embeddings
    #[default]
    Mean,
}

impl FromStr for Variants {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "off" => Self::Off,
            "builtin" => Self::Builtin,
            file => Self::File(file.into()),
        })
    }
}

impl From<CombineArg> for Combination {
    fn from(combine: CombineArg) -> Self {
        match combine {
            CombineArg::Best => Self::Best,
            CombineArg::Mean => Self::Mean,
        }
    }
}
