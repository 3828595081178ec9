//! The command line as clap parses it: global options, the list of commands, and shared value parsers.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod backup;
mod bench;
mod calibrate;
mod check;
mod duplicates;
mod events;
mod export;
mod filter;
mod index;
mod jobs;
mod list;
mod map;
mod matching;
mod models;
mod search;
mod serve;
mod space;
mod texts;
mod variants;
mod vectors;
mod watch;

pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use bench::{
    BenchArgs, BenchDecodeArgs, BenchEncodeArgs, BenchIndexArgs, BenchServeArgs, BenchSubject,
};
pub(crate) use calibrate::{CalibrateArgs, FeedbackArgs, QueryKindArg};
pub(crate) use check::CheckArgs;
pub(crate) use duplicates::DuplicatesArgs;
pub(crate) use events::EventsArgs;
pub(crate) use export::{ExportArgs, Exportable};
pub(crate) use filter::FilterArgs;
pub(crate) use index::{IndexArgs, IndexingOptions, ShowArgs, StatusArgs, TagArgs};
pub(crate) use jobs::{JobsArgs, JobsCommand};
pub(crate) use list::{ListArgs, SortArg};
pub(crate) use map::MapArgs;
pub(crate) use matching::{MatchArgs, PrevalenceArg, ScreenArgs};
pub(crate) use models::{
    AlignArgs, EmbedArgs, ModelOptions, ModelsAction, ModelsArgs, ModelsPullArgs, PrecisionArg, VerifyArgs,
};
pub(crate) use search::{HitSortArg, OpenArgs, PathArgs, PathEnd, SearchArgs};
pub(crate) use serve::{DemoArgs, ListenArgs, ServeArgs};
pub(crate) use space::{DropSpaceArgs, SpaceAction, SpaceArgs, SwitchArgs};
pub(crate) use texts::{TextsAction, TextsAddArgs, TextsArgs};
pub(crate) use variants::{CombineArg, VariantArgs, Variants};
pub(crate) use vectors::{VectorsAction, VectorsArgs, VectorsExportArgs, VectorsImportArgs};
pub(crate) use watch::{WatchArgs, WatchingOptions};

/// Search your pictures by words or by example, on your own machine
#[derive(Debug, Parser)]
#[command(name = "eidetic", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 success; 1 some inputs failed; 2 invalid arguments; 3 the command could not run."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Directory of the library [default: `eidetic` in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "EIDETIC_LIBRARY")]
    pub(crate) library: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print more about what happens; repeat for debug output
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try Eidetic on the bundled gallery: serve it, or print the hits of a query
    Demo(DemoArgs),
    /// Add folders of pictures to the library, or update those it has
    Index(IndexArgs),
    /// Keep the library current while pictures come, change and go; `serve` does it too
    Watch(WatchArgs),
    /// Search pictures by words, by a picture, or by both
    Search(SearchArgs),
    /// List pictures without a query: by date, name or size, or at random
    List(ListArgs),
    /// Find copies of pictures and bursts; prints them and deletes nothing
    Duplicates(DuplicatesArgs),
    /// Print the regions of the semantic map, on which similar pictures are near each other, with names from tags
    Map(MapArgs),
    /// List events: pictures that were taken at one time and place, the latest first
    Events(EventsArgs),
    /// Show what is known of a picture: title, caption, keywords, people, date, place, camera and more
    Show(ShowArgs),
    /// Score texts against a picture
    Match(MatchArgs),
    /// Check every picture of the library against a profile's patterns
    Screen(ScreenArgs),
    /// Calibrate confidences with labeled pairs, or show the calibration
    Calibrate(CalibrateArgs),
    /// Serve the HTTP API and the web page
    Serve(ServeArgs),
    /// Print the embeddings of texts and pictures as JSON
    Embed(EmbedArgs),
    /// Measure speed and recall
    Bench(BenchArgs),
    /// List known models, download one, or print its directory
    Models(ModelsArgs),
    /// Verify a model against published reference values
    Verify(VerifyArgs),
    /// Align a text-only model with an image model
    Align(AlignArgs),
    /// Tag every picture of the library
    Tag(TagArgs),
    /// Store sets of texts, to be searched by a picture or by words with `search --texts`
    Texts(TextsArgs),
    /// Print feedback from the web page as labeled pairs for `calibrate`
    Feedback(FeedbackArgs),
    /// Show what the library contains
    Status(StatusArgs),
    /// Verify every file of the library, or save what is whole of a damaged one
    Check(CheckArgs),
    /// Copy or link the pictures of a search or of filters into a folder, a ZIP archive or a contact sheet
    Export(Box<ExportArgs>),
    /// List the jobs of a server that index, tag, switch and so on; follow or cancel one
    Jobs(JobsArgs),
    /// Write embeddings to a file for other programs, or take them from one
    Vectors(VectorsArgs),
    /// Write everything that cannot be made again to one file, also while a server or `index` changes the library
    Backup(BackupArgs),
    /// Make a library from a backup
    Restore(RestoreArgs),
    /// List the library's embedding spaces, switch to another model, or drop a space
    Space(SpaceArgs),
    /// Deprecated name of `space`
    #[command(hide = true)]
    Model(SpaceArgs),
}

fn hit_count() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1000)
}

/// Parses a number of pictures; `all` is more than there can be.
fn count(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        _ => match text.parse() {
            Ok(0) | Err(_) => Err(format!("{text:?} is neither a number from 1 on nor \"all\"")),
            Ok(count) => Ok(count),
        },
    }
}

fn batch_size() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=512)
}

fn thread_count() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1024)
}

/// Parses a probability or a weight.
fn unit_interval(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err("must be between 0 and 1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn search(arguments: &[&str]) -> SearchArgs {
        let arguments = [&["eidetic", "search"], arguments].concat();
        match Arguments::try_parse_from(arguments).map(|parsed| parsed.command) {
            Ok(Command::Search(search)) => search,
            other => panic!("not a search: {other:?}"),
        }
    }

    #[test]
    fn command_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn search_joins_words_with_single_spaces() {
        let joined = search(&["red", "bicycle", "-k", "3", "in", "the", "snow"]);
        assert_eq!(joined.text().as_deref(), Some("red bicycle in the snow"));
        assert_eq!(joined.k, 3);
        assert_eq!(search(&["a red  apple"]).text().as_deref(), Some("a red  apple"));
        assert_eq!(
            search(&["--", "-5", "degrees"]).text().as_deref(),
            Some("-5 degrees")
        );
        assert_eq!(search(&["--image", "a.jpg"]).text(), None);
    }
}
