//! Options of every command that runs a model, and arguments of the commands about models: `models`,
//! `embed`, `verify`, `align`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use eidetic_domain::Precision;
use eidetic_hub::{HubSettings, ModelRef, Network};
use eidetic_inference::{Device, Engine, LoadOptions, MemoryLimit, resolve_model};
use eidetic_library::Library;

/// How a model is loaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model options")]
pub(crate) struct ModelOptions {
    /// Compute precision
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub(crate) precision: PrecisionArg,
    /// Device to run the model on: cpu, cuda, cuda:N or metal (GPUs need a build with that feature)
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    #[arg(long, help = "Never download; the same as HF_HUB_OFFLINE=1")]
    pub(crate) offline: bool,
    /// Load the model even if it seems too large for the available memory
    #[arg(long)]
    pub(crate) ignore_memory: bool,
}

impl ModelOptions {
    /// The precision for a model outside of a library.
    pub(crate) fn precision(&self) -> Precision {
        self.precision.named().unwrap_or_default()
    }

    /// Sets how the library loads its model and, if given, its precision.
    pub(crate) fn apply_to(&self, library: &Library) {
        library.active().set_load_options(self.into());
        if let Some(precision) = self.precision.named() {
            library.active().set_precision(precision);
        }
    }
}

impl From<&ModelOptions> for LoadOptions {
    fn from(options: &ModelOptions) -> Self {
        let mut hub = HubSettings::from_env();
        if options.offline {
            hub.network = Network::Off;
        }
        Self {
            engine: Engine::new(options.device, options.precision()),
            memory: if options.ignore_memory {
                MemoryLimit::Ignored
            } else {
                MemoryLimit::Available
            },
            hub,
            text_prompt: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// What the library uses; a new one measures which is fastest here without changing vectors. f32 without a library
    Auto,
    /// 32-bit floating point
    F32,
    /// 16-bit weights, 32-bit sums: about half the memory of f32
    Bf16,
    /// 8-bit integers: several times as fast, with nearly the same vectors
    Int8,
}

impl PrecisionArg {
    /// The precision that it names; `None` for `auto`.
    pub(crate) const fn named(self) -> Option<Precision> {
        match self {
            Self::Auto => None,
            Self::F32 => Some(Precision::F32),
            Self::Bf16 => Some(Precision::Bf16),
            Self::Int8 => Some(Precision::Int8),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ModelsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// List known models, which of them are on disk, and what `small`, `default` and `best` stand for here [default]
    List,
    /// Download a model and verify its checksums
    Pull(ModelsPullArgs),
    /// Print the directory of a downloaded model
    Path(ModelsPathArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ModelsPullArgs {
    /// Model: `small`, `default`, `best`, or a Hub id, optionally followed by @revision
    #[arg(value_name = "NAME", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
    #[arg(long, help = "Only verify what is on disk; the same as HF_HUB_OFFLINE=1")]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsPathArgs {
    /// Model: `small`, `default`, `best`, or a Hub id, optionally followed by @revision
    #[arg(value_name = "NAME", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
}

#[derive(Debug, Args)]
pub(crate) struct EmbedArgs {
    /// Model: `small`, `default`, `best`, a Hub id, a directory, or `builtin` [default: as for `index`]
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: Option<ModelRef>,
    /// Text to embed; repeatable
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Picture to embed; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Model: `small`, `default`, `best`, a Hub id, `builtin`, or a directory with a verify.toml
    #[arg(value_name = "MODEL", value_parser = resolve_model)]
    pub(crate) model: ModelRef,
    /// Picture that the published values are of, if it is not bundled; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AlignArgs {
    /// Text model: one without an image tower, or the text tower of any other
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) text_model: ModelRef,
    /// Image model
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) image_model: ModelRef,
    /// Captioned pictures to learn from, one per line: picture<TAB>caption. A picture is a path, relative
    /// to the file's folder or the working directory. At least 50 pictures are needed; 1000 give better
    /// results
    #[arg(long, value_name = "CAPTIONS.tsv")]
    pub(crate) pairs: PathBuf,
    /// What a sentence encoder reads before every text, in place of the prompt that its files name, such as
    /// "query: "
    #[arg(long, value_name = "TEXT")]
    pub(crate) text_prompt: Option<String>,
    /// Directory to create; use it as a model with --model [default: aligned-TEXT-IMAGE in the working
    /// directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}
