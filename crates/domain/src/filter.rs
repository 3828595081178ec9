use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Which images a query may return. Empty parts admit everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Absolute folders: an image passes when one of its paths lies in one of them, at any depth.
    pub folders: Vec<PathBuf>,
    /// An image passes when it was taken within; an image without a date does not.
    pub taken: Option<DateRange>,
}

/// A span of local time; an open end is unbounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DateRange {
    /// First moment that passes.
    pub from: Option<DateTime>,
    /// First moment that no longer passes.
    pub before: Option<DateTime>,
}

/// A text that is no date.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no date; write 2020, 2020-05, 2020-05-17 or 2020-05-17T08:30")]
pub struct ParseMomentError(pub String);

/// The first moment of the year, month, day or minute that `text` names, in ISO 8601.
pub fn first_moment(text: &str) -> Result<DateTime, ParseMomentError> {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    whole.parse().map_err(|_| ParseMomentError(text.to_owned()))
}

impl DateRange {
    /// Whether `moment` lies within.
    pub fn contains(&self, moment: DateTime) -> bool {
        self.from.is_none_or(|from| moment >= from) && self.before.is_none_or(|before| moment < before)
    }
}

impl Filter {
    /// Whether this filter admits every image.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.taken.is_none_or(|range| range == DateRange::default())
    }

    /// Whether an image at `paths`, taken at `taken`, passes.
    pub fn admits<P: AsRef<Path>>(&self, paths: &[P], taken: Option<DateTime>) -> bool {
        let in_folder = self.folders.is_empty()
            || paths.iter().any(|path| {
                self.folders
                    .iter()
                    .any(|folder| path.as_ref().starts_with(folder))
            });
        let in_range = self
            .taken
            .filter(|range| *range != DateRange::default())
            .is_none_or(|range| taken.is_some_and(|moment| range.contains(moment)));
        in_folder && in_range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn folders_match_whole_components() {
        let filter = Filter {
            folders: vec!["/photos/2020".into()],
            taken: None,
        };
        assert!(filter.admits(&["/photos/2020/a.jpg"], None));
        assert!(filter.admits(&["/x.jpg", "/photos/2020/deep/a.jpg"], None));
        assert!(!filter.admits(&["/photos/2020-trip/a.jpg"], None));
    }

    #[test]
    fn a_range_of_dates_leaves_undated_images_out() {
        let range = DateRange {
            from: Some(date(2020, 1, 1).at(0, 0, 0, 0)),
            before: Some(date(2021, 1, 1).at(0, 0, 0, 0)),
        };
        let filter = Filter {
            folders: vec![],
            taken: Some(range),
        };
        assert!(filter.admits(&["/a"], Some(date(2020, 12, 31).at(23, 59, 59, 0))));
        assert!(!filter.admits(&["/a"], Some(date(2021, 1, 1).at(0, 0, 0, 0))));
        assert!(!filter.admits(&["/a"], None));
    }

    #[test]
    fn dates_may_be_as_coarse_as_a_year() {
        assert_eq!(first_moment("2020"), Ok(date(2020, 1, 1).at(0, 0, 0, 0)));
        assert_eq!(first_moment("2020-05"), Ok(date(2020, 5, 1).at(0, 0, 0, 0)));
        assert_eq!(first_moment("2020-05-17"), Ok(date(2020, 5, 17).at(0, 0, 0, 0)));
        assert_eq!(
            first_moment("2020-05-17T08:30"),
            Ok(date(2020, 5, 17).at(8, 30, 0, 0))
        );
        assert!(first_moment("yesterday").is_err());
        assert!(first_moment("2020-13").is_err());
    }

    #[test]
    fn an_empty_filter_admits_everything() {
        let open = Filter {
            folders: vec![],
            taken: Some(DateRange::default()),
        };
        assert!(open.is_empty());
        assert!(open.admits::<&str>(&[], None));
    }
}
