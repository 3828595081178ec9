//! Arguments of `export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use eidetic_domain::ImageId;
use eidetic_library::{ExportMethod, ManifestFormat};
use eidetic_search::Query;

use super::duplicates::KindArgs;
use super::{
    DuplicatesArgs, FilterArgs, HitSortArg, ListArgs, ModelOptions, OpenArgs, PathArgs, SearchArgs, SortArg,
    VariantArgs, count, unit_interval,
};
use crate::failure::Failure;

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("target").required(true).multiple(true).args(["to", "zip", "contact_sheet"]))]
pub(crate) struct ExportArgs {
    /// Words that describe the pictures; without, all pictures that match the filters
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Export pictures similar to this file
    #[arg(long, value_name = "FILE", conflicts_with = "image_id")]
    pub(crate) image: Option<PathBuf>,
    /// Export pictures similar to an image of the library
    #[arg(long, value_name = "ID")]
    pub(crate) image_id: Option<ImageId>,
    /// Maximum number of pictures, or `all` [default: 20 for a search, else all]
    #[arg(short, value_name = "N|all", value_parser = count)]
    pub(crate) k: Option<usize>,
    /// Omit pictures with a lower confidence, from 0 to 1
    #[arg(long, value_name = "P", value_parser = unit_interval)]
    pub(crate) min_confidence: Option<f32>,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    #[command(flatten)]
    pub(crate) duplicates: DuplicateGroupArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The folder to put the pictures into; nothing in it is replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Put copies into the folder, which is the default
    #[arg(long, requires = "to", group = "method")]
    pub(crate) copy: bool,
    /// Put hard links into the folder: no space, same file system
    #[arg(long, requires = "to", group = "method")]
    pub(crate) hardlink: bool,
    /// Put links to the pictures into the folder
    #[arg(long, requires = "to", group = "method")]
    pub(crate) symlink: bool,
    /// Write the pictures to a new ZIP archive
    #[arg(long, value_name = "FILE")]
    pub(crate) zip: Option<PathBuf>,
    /// Write one HTML file with small pictures, to look at or to print
    #[arg(long, value_name = "FILE")]
    pub(crate) contact_sheet: Option<PathBuf>,
    /// The format of the list of exported pictures, manifest.csv or manifest.json
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "csv|json",
        hide_possible_values = true
    )]
    pub(crate) manifest: ManifestArg,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

/// In which order pictures are exported.
#[derive(Debug, Clone, Args)]
pub(crate) struct OrderArgs {
    /// The order: score or taken of a search, which is by score otherwise; taken, added, name, size, rating or random of other
    /// pictures
    #[arg(long, value_enum, hide_possible_values = true, value_name = "ORDER")]
    pub(crate) sort: Option<ExportSortArg>,
    /// Reverse the order, without a search
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Number of a random order; another number gives another order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportSortArg {
    Score,
    Taken,
    Added,
    Name,
    Size,
    Rating,
    Random,
}

/// Groups of duplicates in place of single pictures.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct DuplicateGroupArgs {
    /// Export groups of duplicates and bursts, as `eidetic duplicates` finds them: a folder each; the manifest marks the best
    #[arg(long, conflicts_with_all = ["words", "image", "image_id", "k", "min_confidence", "sort", "reverse"])]
    pub(crate) duplicates: bool,
    /// Only groups of files with the same content
    #[arg(long, requires = "duplicates", group = "kind_of_group")]
    pub(crate) exact: bool,
    /// Only groups of the same picture in another encoding, size, rotation, frame or crop
    #[arg(long, requires = "duplicates", group = "kind_of_group")]
    pub(crate) near: bool,
    /// Only photos that one camera took of one scene within seconds
    #[arg(long, requires = "duplicates", group = "kind_of_group")]
    pub(crate) burst: bool,
    /// Least probability that pictures of a group belong together, from 0 to 1
    #[arg(long, requires = "duplicates", value_name = "P", value_parser = unit_interval)]
    pub(crate) threshold: Option<f32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestArg {
    #[default]
    Csv,
    Json,
}

impl From<ManifestArg> for ManifestFormat {
    fn from(manifest: ManifestArg) -> Self {
        match manifest {
            ManifestArg::Csv => Self::Csv,
            ManifestArg::Json => Self::Json,
        }
    }
}

/// The pictures that are exported: those of a search, of a list, or in groups.
pub(crate) enum Exportable {
    Search(Box<SearchArgs>),
    List(Box<ListArgs>),
    Duplicates(Box<DuplicatesArgs>),
}

impl OrderArgs {
    fn of_search(&self) -> Result<HitSortArg, Failure> {
        match self.sort {
            _ if self.reverse => Err(Failure::arguments(
                "--reverse goes with filters alone, not with a search",
            )),
            None | Some(ExportSortArg::Score) => Ok(HitSortArg::Score),
            Some(ExportSortArg::Taken) => Ok(HitSortArg::Taken),
            Some(_) => Err(Failure::arguments(
                "a search is sorted by score or taken; leave out --sort",
            )),
        }
    }

    fn of_list(&self) -> Result<SortArg, Failure> {
        Ok(match self.sort {
            Some(ExportSortArg::Score) => {
                return Err(Failure::arguments(
                    "there is no score without a search; leave out --sort",
                ));
            }
            None | Some(ExportSortArg::Taken) => SortArg::Taken,
            Some(ExportSortArg::Added) => SortArg::Added,
            Some(ExportSortArg::Name) => SortArg::Name,
            Some(ExportSortArg::Size) => SortArg::Size,
            Some(ExportSortArg::Rating) => SortArg::Rating,
            Some(ExportSortArg::Random) => SortArg::Random,
        })
    }
}

impl DuplicateGroupArgs {
    fn request(self, filter: FilterArgs) -> DuplicatesArgs {
        DuplicatesArgs {
            kinds: KindArgs {
                exact: self.exact,
                near: self.near,
                burst: self.burst,
            },
            threshold: self.threshold,
            filter,
            paths: false,
            null: false,
        }
    }
}

impl ExportArgs {
    pub(crate) const fn method(&self) -> ExportMethod {
        match (self.hardlink, self.symlink) {
            (true, _) => ExportMethod::HardLink,
            (_, true) => ExportMethod::SymLink,
            _ => ExportMethod::Copy,
        }
    }

    /// What the arguments ask for. Errors: the order is none of a search, or of a list.
    pub(crate) fn exportable(self) -> Result<Exportable, Failure> {
        if self.duplicates.duplicates {
            let request = self.duplicates.request(self.filter);
            return Ok(Exportable::Duplicates(Box::new(request)));
        }
        let is_search = !self.words.is_empty() || self.image.is_some() || self.image_id.is_some();
        if !is_search {
            return Ok(Exportable::List(Box::new(ListArgs {
                sort: self.order.of_list()?,
                reverse: self.order.reverse,
                seed: self.order.seed,
                k: Some(self.k.unwrap_or(usize::MAX)),
                cursor: None,
                filter: self.filter,
                output: PathArgs::default(),
                open: OpenArgs::default(),
            })));
        }
        Ok(Exportable::Search(Box::new(SearchArgs {
            sort: self.order.of_search()?,
            words: self.words,
            image: self.image,
            image_id: self.image_id,
            without: None,
            text_weight: 0.5,
            k: self.k.unwrap_or(Query::DEFAULT_K),
            cursor: None,
            min_confidence: self.min_confidence,
            filter: self.filter,
            space: None,
            output: PathArgs::default(),
            open: OpenArgs::default(),
            expand: false,
            texts: false,
            set: None,
            variants: VariantArgs::default(),
            options: self.options,
        })))
    }
}
