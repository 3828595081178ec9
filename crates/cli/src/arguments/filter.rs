//! Filters, the same for every command that has them.

use std::path::{Path, PathBuf};

use clap::Args;
use eidetic_domain::{
    DateRange, Filter, ImageFormat, Orientation, RatingRange, ReachFilter, SizeRange, parse_date,
};

use crate::failure::Failure;

#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct FilterArgs {
    /// Only pictures in this folder; repeatable
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Vec<PathBuf>,
    /// Only pictures with this tag; repeatable
    #[arg(long, value_name = "WORD")]
    pub(crate) tag: Vec<String>,
    /// Only pictures taken on or after a date: 2020, 2020-05 or 2020-05-17
    #[arg(long, value_name = "DATE")]
    pub(crate) after: Option<String>,
    /// Only pictures taken before a date
    #[arg(long, value_name = "DATE")]
    pub(crate) before: Option<String>,
    /// Only pictures of this type, such as jpeg, heic, raw or video; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) format: Vec<ImageFormat>,
    /// Only pictures of this camera; * and ? are wildcards; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Vec<String>,
    /// Only pictures through this lens; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) lens: Vec<String>,
    /// Only pictures with this keyword; repeatable
    #[arg(long, value_name = "WORD")]
    pub(crate) keyword: Vec<String>,
    /// Only pictures of this city, state, country or sight; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) place: Vec<String>,
    /// Only files whose name contains a text, or is like "IMG_*.heic"; repeatable
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Vec<String>,
    /// Only pictures with this rating: 4 for at least 4 stars, 2..3, none
    #[arg(long, value_name = "STARS", allow_hyphen_values = true)]
    pub(crate) rating: Option<RatingRange>,
    /// Only files of this size: 2M for at least 2 MiB, 500k..10M, ..1M
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<SizeRange>,
    /// Only landscape, portrait or square pictures; repeatable
    #[arg(long, value_name = "SHAPE")]
    pub(crate) orientation: Vec<Orientation>,
    /// Only damaged files, which are shown as far as they go
    #[arg(long)]
    pub(crate) damaged: bool,
    /// Only pictures whose files are out of reach, as on a disk that is not mounted
    #[arg(long)]
    pub(crate) unreachable: bool,
}

impl FilterArgs {
    /// Whether no filter is given.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        let moment = |text: &Option<String>| {
            let parsed = text.as_deref().map(parse_date).transpose();
            parsed.map_err(|error| Failure::arguments(error.to_string()))
        };
        let (from, before) = (moment(&self.after)?, moment(&self.before)?);
        if let (Some(from), Some(before)) = (from, before)
            && from >= before
        {
            return Err(Failure::arguments(format!(
                "no time lies between --after {from} and --before {before}"
            )));
        }
        let taken = (from.is_some() || before.is_some()).then_some(DateRange { from, before });
        let folders = self.folder.iter().map(|folder| absolute(folder));
        Ok(Filter {
            folders: folders.collect::<Result<_, _>>()?,
            taken,
            tags: self.tag.clone(),
            formats: self.format.clone(),
            cameras: nonblank("--camera", &self.camera)?,
            lenses: nonblank("--lens", &self.lens)?,
            keywords: nonblank("--keyword", &self.keyword)?,
            places: nonblank("--place", &self.place)?,
            names: nonblank("--name", &self.name)?,
            rating: self.rating,
            size: self.size,
            orientations: self.orientation.clone(),
            damaged: self.damaged.then_some(true),
            reach: self.unreachable.then(|| ReachFilter {
                unreachable: true,
                folders: Vec::new(),
            }),
        })
    }
}

fn nonblank(option: &str, values: &[String]) -> Result<Vec<String>, Failure> {
    if values.iter().any(|value| value.trim().is_empty()) {
        return Err(Failure::arguments(format!("{option} is empty")));
    }
    Ok(values.to_vec())
}

/// Makes a path absolute without resolving links: the folder need not exist, and the library resolves them.
fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(folder).map_err(|error| Failure::in_file(folder, error))?;
    match absolute.to_str() {
        Some(_) => Ok(absolute),
        None => Err(Failure::in_file(
            folder,
            "the name is not UTF-8; give the parent folder",
        )),
    }
}
