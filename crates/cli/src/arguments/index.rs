//! Arguments of the commands that fill a library and describe it: `index`, `tag`, `status`.

use std::path::PathBuf;

use clap::Args;
use eidetic_hub::ModelRef;
use eidetic_inference::resolve_model;
use eidetic_library::IndexingSettings;

use super::{ModelOptions, batch_size, unit_interval};

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// Folders to index [default: the folders of the library]
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Remove a folder from the library, whether or not it still exists, and leave it out until it is indexed by name;
    /// never touches its files
    #[arg(long, value_name = "DIR", conflicts_with_all = ["folders", "model"])]
    pub(crate) forget: Option<PathBuf>,
    /// Read all files of the folders again, also those whose size and times are unchanged
    #[arg(long)]
    pub(crate) rescan: bool,
    /// Remove the pictures that are missing in a folder that counts as unreachable
    #[arg(long, value_name = "SOURCE")]
    pub(crate) accept_removals: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    /// Model of a new library: `small`, `default` or `best`, which `eidetic models` explains, a Hub id such as
    /// google/siglip2-base-patch32-256, a directory, or `builtin` [default: `default`; if it cannot be downloaded, the
    /// best model that is on disk, else `builtin`]
    #[arg(long, value_name = "NAME|DIR", value_parser = resolve_model)]
    pub(crate) model: Option<ModelRef>,
    #[command(flatten)]
    pub(crate) indexing: IndexingOptions,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

/// Settings that the library remembers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings, remembered by the library")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct SettingsOptions {
    /// Skip symbolic links
    #[arg(long, conflicts_with = "follow")]
    pub(crate) no_follow: bool,
    /// Follow symbolic links, also out of a folder [default]
    #[arg(long)]
    pub(crate) follow: bool,
    /// Keep the pictures of a folder that lost more than this share of them at once [default: 0.2]
    #[arg(long, value_name = "P", value_parser = unit_interval)]
    pub(crate) absent_share: Option<f64>,
    /// … and at least this number [default: 50]
    #[arg(long, value_name = "N")]
    pub(crate) absent_count: Option<u64>,
    /// Index the pictures inside ZIP, CBZ and tar files
    #[arg(long, conflicts_with = "no_archives")]
    pub(crate) archives: bool,
    /// Leave archives alone [default]
    #[arg(long)]
    pub(crate) no_archives: bool,
    /// Index every page of PDF and TIFF files
    #[arg(long, conflicts_with = "no_pages")]
    pub(crate) pages: bool,
    /// Index the first page of TIFF files, and no PDF files [default]
    #[arg(long)]
    pub(crate) no_pages: bool,
    /// Index frames of videos, if `ffmpeg` is installed [default]
    #[arg(long, conflicts_with = "no_videos")]
    pub(crate) videos: bool,
    /// Leave videos alone
    #[arg(long)]
    pub(crate) no_videos: bool,
    /// Days for which vectors and tags of removed pictures are kept, in case they come back [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep_removed: Option<u32>,
    /// Decode pictures of up to N million pixels in full, which takes 3.5 MB of memory for each million, and larger ones at
    /// a reduced size [default: 120]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_megapixels: Option<u32>,
}

impl SettingsOptions {
    /// Whether none is given.
    pub(crate) const fn is_empty(&self) -> bool {
        !(self.no_follow || self.follow || self.archives || self.no_archives)
            && !(self.pages || self.no_pages || self.videos || self.no_videos)
            && self.absent_share.is_none()
            && self.absent_count.is_none()
            && self.keep_removed.is_none()
            && self.max_megapixels.is_none()
    }

    /// The settings with those given replaced.
    pub(crate) fn apply_to(&self, settings: &IndexingSettings) -> IndexingSettings {
        IndexingSettings {
            follow_links: self.follow || (settings.follow_links && !self.no_follow),
            absent_share: self.absent_share.unwrap_or(settings.absent_share),
            absent_count: self.absent_count.unwrap_or(settings.absent_count),
            keep_removed_days: self.keep_removed.unwrap_or(settings.keep_removed_days),
            archives: self.archives || (settings.archives && !self.no_archives),
            pages: self.pages || (settings.pages && !self.no_pages),
            videos: self.videos || (settings.videos && !self.no_videos),
            max_megapixels: self.max_megapixels.unwrap_or(settings.max_megapixels),
        }
    }
}

/// Options of every command that embeds the library's images.
#[derive(Debug, Args)]
pub(crate) struct IndexingOptions {
    /// Images per model run
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = batch_size())]
    pub(crate) batch: u16,
    /// Commit every N images (or every 2 s)
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) commit_every: u32,
}

impl From<&IndexingOptions> for eidetic_indexer::IndexerOptions {
    fn from(options: &IndexingOptions) -> Self {
        Self {
            batch: options.batch.into(),
            commit_every: options.commit_every as usize,
            ..Self::default()
        }
    }
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct TagArgs {
    /// Print every picture with its tags, their weights from 1 to 10, and how well the words fit
    #[arg(long, conflicts_with_all = ["vocabulary", "bundled", "replace", "forget_vocabulary"])]
    pub(crate) list: bool,
    /// Print the list as tab-separated values
    #[arg(long, requires = "list", conflicts_with = "json")]
    pub(crate) tsv: bool,
    /// Vocabulary to add: words to use as tags, one per line, optionally followed by a tab and a group; `#` starts a
    /// comment line. It is called as the file where no name is given. Repeatable [default: those of the last run, else
    /// some 500 everyday words]
    #[arg(long, value_name = "[NAME=]FILE")]
    pub(crate) vocabulary: Vec<String>,
    /// Add the bundled vocabulary, `everyday`
    #[arg(long)]
    pub(crate) bundled: bool,
    /// Let a vocabulary replace another one of the same name
    #[arg(long, requires = "vocabulary")]
    pub(crate) replace: bool,
    /// Remove a vocabulary; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) forget_vocabulary: Vec<String>,
    /// Maximum number of tags per picture
    #[arg(short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) n: u16,
    /// Minimum confidence of a tag, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.5, value_parser = unit_interval)]
    pub(crate) min_confidence: f32,
    /// Fill up to N tags with those of at least 0.8 times that confidence, marked as low
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=100))]
    pub(crate) least: u16,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// File of the picture, or its id
    #[arg(value_name = "PATH|ID")]
    pub(crate) picture: PathBuf,
}

#[derive(Debug, Default, Args)]
pub(crate) struct StatusArgs {
    /// Measure the recall of the search index, with and without filters; reads every vector
    #[arg(long)]
    pub(crate) recall: bool,
    /// Name the files that could not be read, with the reasons
    #[arg(long)]
    pub(crate) failed: bool,
}
