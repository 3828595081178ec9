//! Filters, the same for every command that has them.

use std::path::{Path, PathBuf};

use clap::Args;
use eidetic_domain::{DateRange, Filter, parse_date};

use crate::failure::Failure;

#[derive(Debug, Default, Args)]
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
}

impl FilterArgs {
    /// Whether no filter is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.folder.is_empty() && self.tag.is_empty() && self.after.is_none() && self.before.is_none()
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
        })
    }
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
