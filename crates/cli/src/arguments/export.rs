//! Arguments of `export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use eidetic_domain::ImageId;
use eidetic_library::{ExportMethod, ManifestFormat};
use eidetic_search::Query;

use super::{
    FilterArgs, HitSortArg, ListArgs, ModelOptions, PathArgs, SearchArgs, SortArg, VariantArgs, count,
    unit_interval,
};

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

/// The pictures that are exported: those of a search, or of a list.
pub(crate) enum Exportable {
    Search(Box<SearchArgs>),
    List(Box<ListArgs>),
}

impl ExportArgs {
    pub(crate) const fn method(&self) -> ExportMethod {
        match (self.hardlink, self.symlink) {
            (true, _) => ExportMethod::HardLink,
            (_, true) => ExportMethod::SymLink,
            _ => ExportMethod::Copy,
        }
    }

    /// The search or the list that the arguments ask for.
    pub(crate) fn exportable(self) -> Exportable {
        let is_search = !self.words.is_empty() || self.image.is_some() || self.image_id.is_some();
        if !is_search {
            return Exportable::List(Box::new(ListArgs {
                sort: SortArg::Taken,
                reverse: false,
                seed: 0,
                k: Some(self.k.unwrap_or(usize::MAX)),
                cursor: None,
                filter: self.filter,
                output: PathArgs::default(),
            }));
        }
        Exportable::Search(Box::new(SearchArgs {
            words: self.words,
            image: self.image,
            image_id: self.image_id,
            without: None,
            text_weight: 0.5,
            k: self.k.unwrap_or(Query::DEFAULT_K),
            cursor: None,
            sort: HitSortArg::Score,
            min_confidence: self.min_confidence,
            filter: self.filter,
            space: None,
            output: PathArgs::default(),
            expand: false,
            texts: false,
            set: None,
            variants: VariantArgs::default(),
            options: self.options,
        }))
    }
}
