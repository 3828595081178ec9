use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use eidetic_domain::ImageId;
use eidetic_encoder_candle::ModelRef;
use eidetic_search::Query;

mod models;

pub(crate) use models::{Align, LoadingOptions, Models, ModelsAction, ModelsPull, Verify};

/// Where the server listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:7801";

/// Finds pictures by words or by another picture, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "eidetic", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 done, but some inputs failed; 2 wrong arguments; 3 could not run."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Say more about what happens; twice for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The library's directory [default: `eidetic` in the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "EIDETIC_LIBRARY")]
    pub(crate) library: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: index the bundled gallery with the built-in model, then serve it or answer a query
    Demo(Demo),
    /// Add folders of pictures to the library, or bring those it has up to date
    Index(Index),
    /// Find pictures by words, by a picture, or by both
    Search(Search),
    /// Say how probably each of some texts describes a picture
    Match(Match),
    /// Hold every picture of the library against a profile's patterns, and name those that reach a level
    Screen(Screen),
    /// Learn from labelled pairs what scores mean; without a file, show what was learnt
    Calibrate(Calibrate),
    /// Answer searches over HTTP, with a page for the browser
    Serve(Serve),
    /// Print the vectors of texts and pictures, for other programs
    Embed(Embed),
    /// Measure speed
    Bench(Bench),
    /// List known models, download one, or print where it is
    Models(Models),
    /// Hold a model's values against published ones
    Verify(Verify),
    /// Make a model of texts search pictures: fit its vectors to a picture model's from captioned pictures
    Align(Align),
    /// Describe every picture of the library with words, to filter searches by
    Tag(Tag),
    /// Print the answers given in the page to whether hits match, as a file for `calibrate`
    Feedback(Feedback),
    /// Say what the library holds
    Status(Status),
    /// List the library's embedding spaces, switch to another model, or drop a space
    Space(Space),
    /// Former name of `space`
    #[command(hide = true)]
    Model(Space),
}

#[derive(Debug, Args)]
pub(crate) struct Space {
    #[command(subcommand)]
    pub(crate) action: Option<SpaceAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpaceAction {
    /// List the spaces with their models and image counts [default]
    List,
    /// Embed every image with another model, then make it the active one; rerun to resume
    Switch(Switch),
    /// Delete the vectors, tags and calibrations of an inactive space
    Drop(DropSpace),
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// The model: a hub name, a directory, or `builtin`
    #[arg(value_name = "NAME|DIR")]
    pub(crate) model: ModelRef,
    /// Keep the space that is active now [default]
    #[arg(long, conflicts_with = "drop_old")]
    pub(crate) keep: bool,
    /// Drop the space that is active now once the switch is complete
    #[arg(long)]
    pub(crate) drop_old: bool,
    /// Arithmetic of the model [default: as the library was last indexed]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<Precision>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DropSpace {
    /// Model of the space, or its number in `eidetic space list`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Measure how much of what exact search finds the index finds, with and without filters; reads every vector
    #[arg(long)]
    pub(crate) recall: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// Words to try: one a line, with a tab and a group behind it or not; lines with # are remarks
    /// [default: some 500 everyday words]
    #[arg(long, value_name = "FILE")]
    pub(crate) vocabulary: Option<PathBuf>,
    /// Largest number of tags a picture
    #[arg(short, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) n: u16,
    /// Least probability of a tag, from 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.5, value_parser = probability)]
    pub(crate) min_confidence: f32,
    /// Where fewer tags are that probable, fill up to so many with less probable ones, marked as low
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=100))]
    pub(crate) least: u16,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Print what this text finds instead of serving
    #[arg(long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// Largest number of hits
    #[arg(short, default_value_t = 5, value_parser = hits())]
    pub(crate) k: u16,
    /// Address to serve at
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Arithmetic of the model
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
}

#[derive(Debug, Args)]
pub(crate) struct Index {
    /// Folders to index; none: the folders that the library has already
    #[arg(value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Take a folder out of the library instead, be it there or not; its files are not touched
    #[arg(long, value_name = "DIR", conflicts_with_all = ["folders", "model"])]
    pub(crate) forget: Option<PathBuf>,
    /// Model of a new library: a hub name such as openai/clip-vit-base-patch32, a directory, or `builtin`
    /// [default: openai/clip-vit-base-patch32, and `builtin` where that cannot be had]
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) model: Option<ModelRef>,
    /// Arithmetic of the model [default: as the library was last indexed, f32 for a new one]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<Precision>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

/// How pictures are embedded and kept.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Pictures a model run
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) batch: u16,
    /// Pictures after which results are made safe against power loss; two seconds do it too
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) commit_every: u32,
}

impl From<&RunOptions> for eidetic_indexer::Options {
    fn from(run: &RunOptions) -> Self {
        Self {
            batch: run.batch.into(),
            commit_every: run.commit_every as usize,
            ..Self::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words that describe the picture; quotes are optional, `--` goes before words that begin with a dash
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// A picture that it should look like
    #[arg(long, value_name = "FILE", conflicts_with = "image_id")]
    pub(crate) image: Option<PathBuf>,
    /// An image of the library that it should look like, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) image_id: Option<ImageId>,
    /// What the picture should not show
    #[arg(long, value_name = "TEXT")]
    pub(crate) without: Option<String>,
    /// How much the text counts beside the picture, from 0 to 1
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.5, value_parser = share)]
    pub(crate) text_weight: f32,
    /// Largest number of hits
    #[arg(short, default_value_t = Query::DEFAULT_K as u16, value_parser = hits())]
    pub(crate) k: u16,
    /// Leave out hits that match with less than this probability, 0 to 1
    #[arg(long, value_name = "P", value_parser = share)]
    pub(crate) min_confidence: Option<f32>,
    /// Only pictures in this folder; may be given several times
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Vec<PathBuf>,
    /// Only pictures that `eidetic tag` gave this tag; may be given several times
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// Only pictures taken at this date or later: 2020, 2020-05 or 2020-05-17
    #[arg(long, value_name = "DATE")]
    pub(crate) after: Option<String>,
    /// Only pictures taken before this date
    #[arg(long, value_name = "DATE")]
    pub(crate) before: Option<String>,
    /// Arithmetic of the model [default: as the library was last indexed]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<Precision>,
    /// Search in another space, by its model or its number in `eidetic space`; embeds missing images first
    #[arg(long, value_name = "NAME")]
    pub(crate) space: Option<String>,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

impl Search {
    /// The words as one text, joined by single spaces.
    pub(crate) fn text(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join(" "))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Match {
    /// The picture
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "pairs",
        conflicts_with = "pairs"
    )]
    pub(crate) image: Option<PathBuf>,
    /// Texts that may describe it
    #[arg(value_name = "TEXT", conflicts_with = "pairs")]
    pub(crate) texts: Vec<String>,
    /// More texts, one a line; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "pairs")]
    pub(crate) texts_from: Option<PathBuf>,
    /// Many pictures instead: lines of picture<TAB>text, answered line by line in the same order; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
    /// Compare by this model, without a library [default: the library's model, and its calibration]
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) model: Option<ModelRef>,
    /// Say what each score is good enough for: `product`, `moderation`, `album`, or one of --profiles. A profile with
    /// patterns needs no texts
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) purpose: ProfileArguments,
    /// Arithmetic of the model
    #[arg(long, value_enum)]
    pub(crate) precision: Option<Precision>,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

/// What decides a profile's bars.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// Profiles of one's own, which take the place of those of the same name; docs/profiles.md says how they are written
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
    /// What a mistake costs
    #[arg(long, value_enum, default_value_t = Criticality::Normal)]
    pub(crate) criticality: Criticality,
}

/// What a mistake costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Criticality {
    /// Little: twice the error is allowed
    Low,
    /// As much as the profile assumes
    Normal,
    /// Much: half the error is allowed
    High,
}

impl From<Criticality> for eidetic_search::profile::Criticality {
    fn from(criticality: Criticality) -> Self {
        match criticality {
            Criticality::Low => Self::Low,
            Criticality::Normal => Self::Normal,
            Criticality::High => Self::High,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Screen {
    /// The profile, which must have patterns
    #[arg(long, value_name = "NAME", default_value = "moderation")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) purpose: ProfileArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Calibrate {
    /// Labelled pairs, one a line: picture, tab, text, tab, 1 (they match) or 0; 100 to 200 suffice. A picture is a path,
    /// from the file's folder or the working directory, or the id of an image of the library
    #[arg(value_name = "PAIRS.tsv")]
    pub(crate) pairs: Option<PathBuf>,
    /// What the second column holds
    #[arg(long, value_enum, default_value_t = PairKind::Text)]
    pub(crate) kind: PairKind,
    /// Write a page with histograms, curves, thresholds and the pictures on both sides of a movable cut
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Show what the pairs teach without storing it
    #[arg(long, requires = "pairs")]
    pub(crate) dry_run: bool,
    /// Take the latest calibration of the kind back
    #[arg(long, conflicts_with_all = ["pairs", "report", "history"])]
    pub(crate) undo: bool,
    /// Show how the calibrations came about
    #[arg(long, conflicts_with_all = ["pairs", "report"])]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Feedback {
    /// What the hits were found by
    #[arg(long, value_enum, default_value_t = PairKind::Text)]
    pub(crate) kind: PairKind,
}

/// What is held against pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PairKind {
    /// Words
    Text,
    /// Another picture
    Picture,
}

impl From<PairKind> for eidetic_search::confidence::QueryKind {
    fn from(kind: PairKind) -> Self {
        match kind {
            PairKind::Text => Self::Text,
            PairKind::Picture => Self::Picture,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to serve at; anything but loopback opens the library to the network
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Profiles of one's own that requests may name
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
    /// Arithmetic of the model [default: as the library was last indexed]
    #[arg(long, value_enum)]
    pub(crate) precision: Option<Precision>,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// The model: a hub name, a directory, or `builtin` [default: as for `index`]
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) model: Option<ModelRef>,
    /// A text to embed; may be given several times
    #[arg(long, value_name = "T")]
    pub(crate) text: Vec<String>,
    /// A picture to embed; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    /// Arithmetic of the model
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) subject: BenchSubject,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchSubject {
    /// Pictures a second through a model, and milliseconds a short text
    Encode(BenchEncode),
    /// What pictures cost before the model sees them: reading, hashing, decoding, thumbnail, shrinking
    Decode(BenchDecode),
    /// Recall and speed of the search graph against exact search
    Index(BenchIndex),
}

#[derive(Debug, Args)]
pub(crate) struct BenchEncode {
    /// The model: a hub name, a directory, or `builtin`
    #[arg(long, value_name = "NAME|DIR")]
    pub(crate) model: ModelRef,
    /// Threads to use
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Pictures a model run
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) batch: u16,
    /// Arithmetic of the matrix products
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub(crate) precision: Precision,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

/// Arithmetic that the encoder knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// 32-bit floating point
    F32,
    /// Weights in 16 bits, sums in 32: half the memory of Qwen models whose files hold 32 bits
    Bf16,
    /// 8-bit whole numbers: several times as fast, nearly the same vectors
    Int8,
}

impl From<Precision> for eidetic_domain::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::Int8 => Self::Int8,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchDecode {
    /// Pictures, in this folder and those below
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The model to prepare for: a hub name, a directory, or `builtin`
    #[arg(long, value_name = "NAME|DIR", default_value = "builtin")]
    pub(crate) model: ModelRef,
    /// Decode all at full size too, and compare times and vectors
    #[arg(long)]
    pub(crate) compare: bool,
    #[command(flatten)]
    pub(crate) loading: LoadingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BenchIndex {
    /// Vectors to search among: 32-bit little-endian floats, one vector after another
    #[arg(long, value_name = "FILE")]
    pub(crate) vectors: PathBuf,
    /// Vectors to search for, in the same form
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: PathBuf,
    /// Components of a vector
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) dim: u32,
    /// Use only the first N vectors
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Threads to build and to query with
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
}

fn hits() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1000)
}

fn probability(text: &str) -> Result<f32, String> {
    let p: f32 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=1.0).contains(&p) {
        Ok(p)
    } else {
        Err("a probability lies between 0 and 1".into())
    }
}

fn share(text: &str) -> Result<f32, String> {
    let share: f32 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("it lies between 0 and 1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn search(arguments: &[&str]) -> Search {
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
