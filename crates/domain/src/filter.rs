use std::collections::BTreeSet;
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
    /// An image passes when it carries every one of these tags, compared as [`normalize_tag`] writes them; blank ones ask for
    /// nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
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
pub struct ParseDateError(pub String);

/// The first moment of the year, month, day or minute that `text` names, in ISO 8601.
pub fn parse_date(text: &str) -> Result<DateTime, ParseDateError> {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    whole.parse().map_err(|_| ParseDateError(text.to_owned()))
}

/// The form in which tags are compared: without spaces around, in lower case.
pub fn normalize_tag(tag: &str) -> String {
    tag.trim().to_lowercase()
}

impl DateRange {
    /// Whether `moment` lies within.
    pub fn contains(&self, moment: DateTime) -> bool {
        self.from.is_none_or(|from| moment >= from) && self.before.is_none_or(|before| moment < before)
    }
}

impl Filter {
    /// Whether this filter matches every image.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
            && self.taken.is_none_or(|range| range == DateRange::default())
            && self.required_tags().is_empty()
    }

    /// The tags that an image must carry, as [`normalize_tag`] writes them, each once.
    pub fn required_tags(&self) -> BTreeSet<String> {
        let folded = self.tags.iter().map(|tag| normalize_tag(tag));
        folded.filter(|tag| !tag.is_empty()).collect()
    }

    /// Whether an image that carries the tags `carried` passes, as far as tags decide it.
    pub fn matches_tags<'a>(&self, carried: impl IntoIterator<Item = &'a str>) -> bool {
        let mut wanted = self.required_tags();
        for tag in carried {
            wanted.remove(&normalize_tag(tag));
        }
        wanted.is_empty()
    }

    /// Whether an image at `paths`, taken at `taken`, passes, as far as paths and date decide it.
    ///
    /// Its tags stand elsewhere, and few filters ask for them: see [`matches_tags`](Self::matches_tags).
    pub fn matches<P: AsRef<Path>>(&self, paths: &[P], taken: Option<DateTime>) -> bool {
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
            ..Filter::default()
        };
        assert!(filter.matches(&["/photos/2020/a.jpg"], None));
        assert!(filter.matches(&["/x.jpg", "/photos/2020/deep/a.jpg"], None));
        assert!(!filter.matches(&["/photos/2020-trip/a.jpg"], None));
    }

    #[test]
    fn a_range_of_dates_leaves_undated_images_out() {
        let range = DateRange {
            from: Some(date(2020, 1, 1).at(0, 0, 0, 0)),
            before: Some(date(2021, 1, 1).at(0, 0, 0, 0)),
        };
        let filter = Filter {
            taken: Some(range),
            ..Filter::default()
        };
        assert!(filter.matches(&["/a"], Some(date(2020, 12, 31).at(23, 59, 59, 0))));
        assert!(!filter.matches(&["/a"], Some(date(2021, 1, 1).at(0, 0, 0, 0))));
        assert!(!filter.matches(&["/a"], None));
    }

    #[test]
    fn dates_may_be_as_coarse_as_a_year() {
        assert_eq!(parse_date("2020"), Ok(date(2020, 1, 1).at(0, 0, 0, 0)));
        assert_eq!(parse_date("2020-05"), Ok(date(2020, 5, 1).at(0, 0, 0, 0)));
        assert_eq!(parse_date("2020-05-17"), Ok(date(2020, 5, 17).at(0, 0, 0, 0)));
        assert_eq!(
            parse_date("2020-05-17T08:30"),
            Ok(date(2020, 5, 17).at(8, 30, 0, 0))
        );
        assert!(parse_date("yesterday").is_err());
        assert!(parse_date("2020-13").is_err());
    }

    #[test]
    fn an_empty_filter_admits_everything() {
        let open = Filter {
            taken: Some(DateRange::default()),
            tags: vec![" ".into()],
            ..Filter::default()
        };
        assert!(open.is_empty());
        assert!(open.matches::<&str>(&[], None));
        assert!(open.matches_tags([]));
    }

    #[test]
    fn every_tag_is_asked_for_whatever_its_case() {
        let filter = Filter {
            tags: vec![" Dog".into(), "SNOW ".into(), "dog".into()],
            ..Filter::default()
        };
        assert!(!filter.is_empty());
        assert_eq!(filter.required_tags().len(), 2);
        assert!(filter.matches_tags(["snow", "tree", "Dog"]));
        assert!(!filter.matches_tags(["dog"]));
        assert!(!filter.matches_tags(["snow dog"]));
        assert!(filter.matches::<&str>(&[], None), "tags are asked for apart");
    }
}
