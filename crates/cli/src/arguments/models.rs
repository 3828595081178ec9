use std::path::PathBuf;

use clap::{Args, Subcommand};
use eidetic_encoder_candle::{Device, MemoryLimit, ModelRef, Network};
use eidetic_library::Loading;

use super::Precision;

/// How a model is loaded.
#[derive(Debug, Args)]
pub(crate) struct LoadingOptions {
    /// What the model runs on: cpu, cuda, cuda:N or metal; the latter two need a program built with them
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    /// Download nothing; `HF_HUB_OFFLINE=1` does the same
    #[arg(long)]
    pub(crate) offline: bool,
    /// Load the model even where it seems too large for the memory that is left
    #[arg(long)]
    pub(crate) ignore_memory: bool,
}

impl From<&LoadingOptions> for Loading {
    fn from(options: &LoadingOptions) -> Self {
        Self {
            device: options.device,
            memory: if options.ignore_memory {
                MemoryLimit::Ignored
            } else {
                MemoryLimit::Available
            },
            network: if options.offline {
                Network::Off
            } else {
                Network::Allowed
            },
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    pub(crate) action: Option<ModelsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// List known models and which of them are on disk [default]
    List,
    /// Download a model and verify its checksums
    Pull(ModelsPull),
    /// Print the directory of a downloaded model
    Path(ModelsPath),
}

#[derive(Debug, Args)]
pub(crate) struct ModelsPull {
    /// The model: organisation/name, with @revision behind it or not
    #[arg(value_name = "NAME")]
    pub(crate) model: ModelRef,
    /// Download nothing, only check what is on disk; `HF_HUB_OFFLINE=1` does the same
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsPath {
    /// The model: organisation/name, with @revision behind it or not
    #[arg(value_name = "NAME")]
    pub(crate) model: ModelRef,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The model: a hub name, `builtin`, or a directory with a verify.toml
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelRef,
    /// A picture that the published values are of and that does not come with the program; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    /// Arithmetic of the model
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Align {
    /// The model for texts: one that reads texts only, or any other by its text side
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) text_model: ModelRef,
    /// The model for pictures
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) image_model: ModelRef,
    /// Captioned pictures to learn from, one a line: picture, tab, caption. A picture is a path, from the file's folder or
    /// the working directory. At least 50 pictures; a thousand do better
    #[arg(long, value_name = "CAPTIONS.tsv")]
    pub(crate) pairs: PathBuf,
    /// Directory to make; it is then a model like any other, for --model
    /// [default: aligned-TEXT-IMAGE in the working directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Arithmetic of the models
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}
